"""The commands ingest and --missing-only over an ingest's library."""

import threading
from pathlib import Path

from ingest.jobs.drain import Drain, Summary
from tests.ingest.builders import Ingest


class Draining:
    """Runs the commands over an ingest's library."""

    def __init__(self, ingest: Ingest) -> None:
        self.ingest = ingest
        self.inbox = ingest.inbox
        self.stop = threading.Event()
        self.reports: list[tuple[int, int]] = []

    def _drain(self) -> Drain:
        return Drain(self.ingest.database, self.ingest.settings, self.stop)

    def _progress(self, done: int, total: int) -> None:
        self.reports.append((done, total))

    def run(self, *paths: Path) -> Summary:
        return self._drain().ingest(paths, self._progress)

    def catch_up(self) -> Summary:
        return self._drain().catch_up(self._progress)
