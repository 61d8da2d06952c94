"""Embeds the library again in a new generation, then switches to it in one step.

An interrupted re-index continues where it stopped when it is started again with the same model.
Answers do not change before the switch.
"""

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from index.base.errors import IngestError
from index.base.paths import is_in
from index.base.progress import Progress
from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import analyses, generations, queue
from index.database.queries.files import FileRow, files_of
from index.database.queries.generations import GenerationRow
from index.database.states import GenerationState
from index.library.calibration import first_profile, is_worth_keeping
from index.vectors import snapshot_writer
from index.vectors.space import Profile, stored_vector_space
from ingest.interfaces import Encoder
from ingest.jobs.filling import Filling, all_missing
from ingest.jobs.missing_images import MissingImages
from ingest.networks.models import load_models
from ingest.networks.recogniser import stored_name
from ingest.watching.missing_disks import uncertain_places

log = logging.getLogger(__name__)

REMOVE_FACES = 2_000  # per transaction, so that ingest need not wait long
OLD = "; nothing has changed, the old index goes on answering"


@dataclass(frozen=True, slots=True)
class ReindexResult:
    """The outcome of a re-index.

    Attributes:
        images: the number of images of the new generation.
        faces: the number of its faces.
        already_done: the number of images that an interrupted run had already done.
        left: the model before, if what was calibrated for it stays with it; else None.
        is_back: whether the profile is one that was chosen here when this model counted before.
    """

    model_id: str
    images: int
    faces: int
    already_done: int
    left: str | None = None
    is_back: bool = False


class Reindexer:
    """One run of the command."""

    def __init__(
        self, database: Database, settings: Settings, model: str, stop: threading.Event
    ) -> None:
        """Load the model.

        Raises:
            ConfigError, ModelUnavailableError: it cannot be loaded.
        """
        self._models = load_models(settings, model)
        self._database = database
        self._settings = settings
        self._model = stored_name(model)
        self._stop = stop
        self._roots = settings.resolve_roots()
        self._missing = MissingImages(database, settings, self._models)
        self._filling = Filling(database, settings, self._models)

    def run(self, progress: Progress) -> ReindexResult | None:
        """Build a generation with the model and make it the active one.

        Returns: the outcome; None when stopped before the switch.

        Raises:
            IngestError: an indexed image can no longer be read, or its disk may be missing;
                nothing has changed.
        """
        encoder = self._models.encoder
        generation = self._target(encoder)
        with self._database.read() as connection:
            already, _ = generations.progress(connection, generation.id)
            before = generations.active(connection)
        while True:
            self._fill(generation, progress)
            if self._stop.is_set():
                return None
            space = stored_vector_space(generation.profile)
            snapshot_writer.write_snapshot(self._database, generation.id, space, time.time())
            if self._switch(generation):
                break
        remove_retired(self._database)
        with self._database.read() as connection:
            totals = analyses.totals(connection, generation.id)
        images, faces = totals["images"], totals["faces"]
        if before is None or before.model_id == encoder.model_id:
            return ReindexResult(encoder.model_id, images, faces, already)
        left = before.model_id if Profile.from_json(before.profile).is_chosen else None
        is_back = Profile.from_json(generation.profile).is_chosen
        return ReindexResult(encoder.model_id, images, faces, already, left, is_back)

    def _target(self, encoder: Encoder) -> GenerationRow:
        """The generation to fill: that of an interrupted run, the second model's, or a new one."""
        with self._database.write() as connection:
            second, found = generations.beside(connection), generations.building(connection)
            if found is not None and found.model_id == encoder.model_id:
                return found
            if found is not None:
                log.info("reindex.other_abandoned model=%s", found.model_id)
                generations.retire(connection, found.id)
            if second is not None and second.model_id == encoder.model_id:
                return second
            profile = first_profile(connection, encoder.model_id, self._model, encoder.dim)
            return generations.create(
                connection,
                model_id=encoder.model_id,
                model=self._model,
                profile=profile.to_json(),
                state=GenerationState.BUILDING,
                now=time.time(),
            )

    def _fill(self, generation: GenerationRow, progress: Progress) -> None:
        errors = self._filling.run(generation, self._stop, progress, until_error=True)
        if errors:
            raise IngestError(f"{errors[0]}{OLD}") from errors[0]

    def _switch(self, generation: GenerationRow) -> bool:
        """Make *generation* active, unless it lacks images that were added meanwhile.

        Images whose files have all changed or gone do not prevent it: their files are queued, or
        soon will be, and are read again under the new generation.

        Raises:
            IngestError: such files may not be gone: their disk may be missing.
        """
        lost = self._lost(generation)
        if lost is None:
            return False
        with self._database.write() as connection:
            missing = [image for image, _ in all_missing(connection, generation)]
            files = {image: files_of(connection, image) for image in missing}
            if any(files[image] != lost.get(image) for image in missing):
                return False  # images were added, or files moved, meanwhile
            paths = [row.path for rows in files.values() for row in rows]
            _refuse_uncertain(paths, uncertain_places(connection, self._roots))
            queue.requeue(connection, paths, time.time())
            active = generations.active(connection)
            if active is not None and active.model_id == generation.model_id:
                # it may have been calibrated since this re-index began
                generations.set_profile(connection, generation.id, active.profile)
            generations.switch(connection, generation.id)
            generations.drop_past(connection, generation.model_id)  # it is in use again
        log.info("reindex.switched generation=%d model=%s", generation.id, generation.model_id)
        return True

    def _lost(self, generation: GenerationRow) -> dict[int, list[FileRow]] | None:
        """The missing images with their files, which no longer hold them; None: some still do.

        It reads the files outside any transaction, so that no other process waits for it.
        """
        with self._database.read() as connection:
            missing = list(all_missing(connection, generation))
            lost = {image: files_of(connection, image) for image, _ in missing}
        try:
            found = any(self._missing.content(image) is not None for image in missing)
        except IngestError as error:
            raise IngestError(f"{error}{OLD}") from error
        return None if found else lost


def _refuse_uncertain(paths: Iterable[str], uncertain: Sequence[str]) -> None:
    for place in uncertain:
        if any(is_in(path, place) for path in paths):
            raise IngestError(
                f"photos below {place} are missing, perhaps because a disk is not mounted: "
                "mount it, or confirm with person-count removals --accept that they are gone, "
                f"and start again{OLD}"
            )


def remove_retired(database: Database) -> None:
    """Remove generations that have been replaced or abandoned, a little at a time.

    A profile that somebody chose stays behind, for when the library returns to its model.
    """
    with database.read() as connection:
        retired = generations.retired(connection)
    for generation in retired:
        more = True
        while more:
            with database.write() as connection:
                more = generations.remove_some(
                    connection,
                    generation,
                    REMOVE_FACES,
                    keep_profile=is_worth_keeping(connection, generation),
                )
    if retired:
        database.checkpoint()
