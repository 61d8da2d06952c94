"""A second model's faces beside those that answer; /persons compares its count with its own.

`reindex --beside` makes them, and the ingest process adds those of new photos when nothing waits.
"""

import logging
import threading
import time
from dataclasses import dataclass

from index.base.errors import ConfigError, IngestError, ModelUnavailableError
from index.base.progress import Progress
from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import analyses, generations
from index.database.queries.generations import GenerationRow
from index.database.states import GenerationState
from index.library.calibration import first_profile
from ingest.interfaces import Encoder
from ingest.jobs.filling import Filling
from ingest.jobs.missing_images import MissingImages
from ingest.networks.models import Models, load_models, with_encoder_of
from ingest.networks.recogniser import stored_name

log = logging.getLogger(__name__)

SPARE_IMAGES = 8  # analysed at once while nothing waits, so that new photos soon have their turn
LOOK_SECONDS = 1.0  # until the ingest process looks again for images that the second model lacks
AGAIN_SECONDS = 600.0  # until it tries again those that it could not read


@dataclass(frozen=True, slots=True)
class BesideResult:
    """The outcome of indexing beside.

    Attributes:
        images, faces: of the second model, in all.
        errors: why photos could not be read now; it lacks them.
    """

    model_id: str
    images: int
    faces: int
    errors: list[IngestError]


class BesideIndexer:
    """One run of the command `reindex --beside`."""

    def __init__(
        self, database: Database, settings: Settings, model: str, stop: threading.Event
    ) -> None:
        """Load the model.

        Raises:
            ConfigError, ModelUnavailableError: it cannot be loaded.
        """
        models = load_models(settings, model)
        self._encoder = models.encoder
        self._database = database
        self._model = stored_name(model)
        self._stop = stop
        self._filling = Filling(database, settings, models)

    def run(self, progress: Progress) -> BesideResult | None:
        """Analyse every image that the second model lacks. Returns: None when stopped before.

        Raises:
            ConfigError: the model gives the answers already.
        """
        generation = self._target(self._encoder)
        errors = self._filling.run(generation, self._stop, progress, until_error=False)
        if self._stop.is_set():
            return None
        with self._database.read() as connection:
            totals = analyses.totals(connection, generation.id)
        return BesideResult(generation.model_id, totals["images"], totals["faces"], errors)

    def _target(self, encoder: Encoder) -> GenerationRow:
        with self._database.write() as connection:
            active = generations.active(connection)
            if active is not None and active.model_id == encoder.model_id:
                raise ConfigError(
                    f"{encoder.model_id} gives the answers already; name another model with --model"
                )
            found = generations.beside(connection)
            if found is not None and found.model_id == encoder.model_id:
                return found
            if found is not None:
                generations.retire(connection, found.id)
            profile = first_profile(connection, encoder.model_id, self._model, encoder.dim)
            return generations.create(
                connection,
                model_id=encoder.model_id,
                model=self._model,
                profile=profile.to_json(),
                state=GenerationState.BESIDE,
                now=time.time(),
            )


def remove_beside(database: Database) -> str | None:
    """Mark the second model's faces for removal. Returns: its id; None if there is none."""
    with database.write() as connection:
        found = generations.beside(connection)
        if found is None:
            return None
        generations.retire(connection, found.id)
        return found.model_id


class BesideKeeper:
    """Gives new photos their faces of the second model, in the ingest process."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._generation: GenerationRow | None = None
        self._missing: MissingImages | None = None
        self._last = 0  # all images up to this id were looked at
        self._next_look = 0.0  # monotonic seconds
        self._next_round = 0.0

    def step(self, models: Models) -> bool:
        """Analyse a few images that the second model lacks. Returns: whether there were any.

        Args:
            models: those of the ingest process, whose detector finds the faces here, too.

        Raises:
            DecoderUnavailableError, StoreUnavailableError: as the worker's step.
        """
        now = time.monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + LOOK_SECONDS
        with self._database.read() as connection:
            generation = generations.beside(connection)
        if generation is None:
            self._generation = self._missing = None
            return False
        if generation != self._generation:
            self._begin(generation, models)
        if self._missing is None:
            return False
        if now >= self._next_round:
            self._last, self._next_round = 0, now + AGAIN_SECONDS
        images = self._missing.some(generation, self._last, SPARE_IMAGES)
        if not images:
            return False
        self._last = images[-1][0]
        errors = self._missing.analyse(generation, images)
        if errors:
            log.warning("ingest.beside_unreadable images=%d", len(errors))
        self._next_look = now
        return True

    def _begin(self, generation: GenerationRow, models: Models) -> None:
        """Load the second model; without it, its opinion lacks new photos, and says so."""
        self._generation, self._missing, self._next_round = generation, None, 0.0
        try:
            both = with_encoder_of(self._settings, models, generation)
        except (ConfigError, ModelUnavailableError) as error:
            log.warning("ingest.beside_unavailable model=%s reason=%s", generation.model_id, error)
            return
        self._missing = MissingImages(self._database, self._settings, both)
        log.info("ingest.beside_started model=%s", generation.model_id)
