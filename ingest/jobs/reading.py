"""Reads photos: new files first, then those of a re-index, then those that a second model lacks."""

from index.base.settings import Settings
from index.database.engine import Database
from ingest.jobs.beside import BesideKeeper
from ingest.jobs.filling import BatchReader
from ingest.jobs.worker import Worker


class Reading:
    """The part of an ingest process that needs networks."""

    def __init__(self, database: Database, settings: Settings, worker: Worker) -> None:
        self.worker = worker
        self._batches = BatchReader(database, settings)
        self._beside = BesideKeeper(database, settings)

    def step(self) -> bool:
        """Do a batch of whatever is most urgent. Returns: whether there was anything to do.

        Raises:
            DecoderUnavailableError, StoreUnavailableError: as Worker.step().
        """
        if self.worker.is_due() and self.worker.step():
            return True
        return self._batches.step(self.worker) or self._beside.step(self.worker.models)
