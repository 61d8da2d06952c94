"""A re-index of an ingest's library, run as often and stopped as early as a test likes."""

import threading
from dataclasses import dataclass

from index.base.progress import Progress
from index.base.settings import Settings
from index.database.engine import Database
from ingest.jobs.reindex import Reindexer, ReindexResult
from ingest.networks.models import Models
from tests.fakes import FakeDetector
from tests.ingest.builders import Ingest

MOST_REPORTS = 60  # a re-index of so few images that says more goes round in circles


@dataclass
class Reindexing:
    """Re-indexes an ingest's library with fake models, as often as the test likes."""

    ingest: Ingest
    models: Models
    model: str = "fake"

    def __post_init__(self) -> None:
        self.stop = threading.Event()
        self.reports: list[tuple[int, int]] = []

    def run(
        self, act: Progress | None = None, settings: Settings | None = None
    ) -> ReindexResult | None:
        """Re-index; *act* is told of the progress and may do whatever happens meanwhile."""
        self.stop.clear()
        reindexer = Reindexer(
            self.ingest.database, settings or self.ingest.settings, self.model, self.stop
        )

        def progress(done: int, total: int) -> None:
            self.reports.append((done, total))
            assert len(self.reports) < MOST_REPORTS, "the re-index does not end"
            if act is not None:
                act(done, total)

        return reindexer.run(progress)

    def stop_at(self, images: int) -> Progress:
        return lambda done, _: self.stop.set() if done >= images else None

    @property
    def images_seen(self) -> int:
        assert isinstance(self.models.detector, FakeDetector)
        return self.models.detector.images_seen


def everybody(ingest: Ingest) -> int:
    """The answer to the question about all files."""
    return ingest.persons(*ingest.rows())


def generation_states(database: Database) -> dict[int, str]:
    with database.read() as connection:
        rows = connection.exec_driver_sql("SELECT id, state FROM generations").all()
    return {row[0]: row[1] for row in rows}
