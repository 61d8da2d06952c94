"""Gives a generation the images that it lacks, with the help of all processes that read photos.

The re-index puts the images out in batches, and takes batches itself until none is left. Where the
library is on a server, the ingest processes take some, too, whenever no file waits for them.
"""

import logging
import threading
import time
from collections.abc import Iterator
from functools import partial

from sqlalchemy import Connection

from index.base.errors import ConfigError, IngestError, ModelUnavailableError
from index.base.progress import Progress
from index.base.settings import Settings
from index.base.worker_names import new_name
from index.database.engine import Database
from index.database.queries import generations, image_batches
from index.database.queries.generations import GenerationRow
from index.database.queries.image_batches import Batch
from ingest.jobs.lease_keeper import kept
from ingest.jobs.missing_images import MissingImages
from ingest.jobs.worker import Worker
from ingest.networks.models import Models, with_encoder_of

log = logging.getLogger(__name__)

MISSING_IMAGES = 10_000  # looked up at once
LOOK_SECONDS = 1.0  # between two looks for a batch, while there is none to take


def all_missing(connection: Connection, generation: GenerationRow) -> Iterator[tuple[int, bytes]]:
    """All images that *generation* has not analysed: id, SHA-256."""
    last = 0
    while some := generations.missing_images(connection, generation.id, last, MISSING_IMAGES):
        yield from some
        last = some[-1][0]


class Filling:
    """The part of a re-index that takes long."""

    def __init__(self, database: Database, settings: Settings, models: Models) -> None:
        self._database = database
        self._settings = settings
        self._name = new_name(settings.data)
        self._missing = MissingImages(database, settings, models)

    def run(
        self,
        generation: GenerationRow,
        stop: threading.Event,
        progress: Progress,
        *,
        until_error: bool,
    ) -> list[IngestError]:
        """Have all images analysed that *generation* lacks now, until *stop* is set.

        If this process is lost, the others finish what was put out.

        Args:
            until_error: end at the first image that cannot be read or decoded.

        Returns: why images could not be read or decoded.
        """
        errors: list[IngestError] = []
        with self._database.read() as connection:
            # only once: it counts the whole library, which may take as long as a batch
            _, total = generations.progress(connection, generation.id)
        self._put_out(generation)
        try:
            while True:
                with self._database.read() as connection:
                    left = image_batches.left(connection, generation.id)
                progress(total - left, total)
                if not left or stop.is_set() or (errors and until_error):
                    return errors
                found = self._batch(generation)
                if found is None:
                    stop.wait(LOOK_SECONDS)  # the others have the rest in hand
                else:
                    errors += found
        finally:
            with self._database.write() as connection:
                image_batches.drop_all(connection)

    def _put_out(self, generation: GenerationRow) -> None:
        """Put out what is missing, after what an earlier run has put out is taken back."""
        with self._database.write() as connection:
            image_batches.drop_all(connection)
        size, last = self._settings.batch_files, 0
        at_once = max(MISSING_IMAGES // size, 1) * size  # so that batches are full
        while some := self._missing.some(generation, last, at_once):
            last = some[-1][0]
            ids = [image for image, _ in some]
            with self._database.write() as connection:
                image_batches.put_out(
                    connection,
                    generation.id,
                    [ids[start : start + size] for start in range(0, len(ids), size)],
                )

    def _batch(self, generation: GenerationRow) -> list[IngestError] | None:
        """Analyse a free batch. Returns: why images could not be read; None: no batch is free."""
        with self._database.write() as connection:
            batch = image_batches.take(connection, generation.id, self._name, refused=True)
        if batch is None:
            return None
        errors = _analyse(self._database, self._missing, generation, batch)
        with self._database.write() as connection:
            image_batches.finish(connection, batch)
        return errors


def _analyse(
    database: Database, missing: MissingImages, generation: GenerationRow, batch: Batch
) -> list[IngestError]:
    """Store the faces of a batch. Returns: why some images could not be read or decoded."""
    limit = batch.last_image - batch.first_image + 1
    images = missing.some(generation, batch.first_image - 1, limit, batch.last_image)
    with kept(database, partial(image_batches.renew, batch=batch)):
        return missing.analyse(generation, images) if images else []


class BatchReader:
    """Takes batches of a re-index under way, in an ingest process that has nothing better to do."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._generation: GenerationRow | None = None  # its model is loaded, or cannot be
        self._missing: MissingImages | None = None
        self._next_look = 0.0  # monotonic seconds

    def step(self, worker: Worker) -> bool:
        """Do one batch. Returns: whether there was any for this process.

        Args:
            worker: its name and its models are used.

        Raises:
            DecoderUnavailableError, StoreUnavailableError: as Worker.step().
        """
        if not self._database.is_shared or time.monotonic() < self._next_look:
            return False
        batch = self._take(worker)
        if batch is None or self._generation is None or self._missing is None:
            self._next_look = time.monotonic() + LOOK_SECONDS
            return False
        errors = _analyse(self._database, self._missing, self._generation, batch)
        with self._database.write() as connection:
            if errors:
                log.warning("ingest.reindex_unreadable images=%d", len(errors))
                image_batches.refuse(connection, batch)
            else:
                image_batches.finish(connection, batch)
        return True

    def _take(self, worker: Worker) -> Batch | None:
        with self._database.read() as connection:  # every write wakes all readers: look before
            generation = image_batches.waiting(connection)
        if generation is None:
            self._generation = self._missing = None
            return None
        if generation != self._generation:
            self._begin(generation, worker.models)
        if self._missing is None:
            return None
        with self._database.write() as connection:
            return image_batches.take(connection, generation.id, worker.name)

    def _begin(self, generation: GenerationRow, models: Models) -> None:
        """Load the model; without it, this process takes no batch of the generation."""
        self._generation, self._missing = generation, None
        try:
            both = with_encoder_of(self._settings, models, generation)
        except (ConfigError, ModelUnavailableError) as error:
            log.warning("ingest.reindex_unavailable model=%s reason=%s", generation.model_id, error)
            return
        self._missing = MissingImages(self._database, self._settings, both)
        log.info("ingest.helps_reindex model=%s", generation.model_id)
