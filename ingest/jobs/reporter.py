"""Stores reports of the ingest process in the database, for the service and the commands."""

import resource
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from index.base import kernel
from index.database.engine import Database
from index.library.ingest_report import IngestReport, WatcherReport, WorkReport, store_report


class Reporter:
    """Puts the report together from its parts. Safe to call from several threads."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._report = IngestReport(
            started_at=clock(),
            open_files_limit=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            confinement=kernel.offer()._asdict(),
        )

    def watcher_changed(self, watcher: WatcherReport) -> None:
        """Report at once that the watcher's state has changed."""
        with self._lock:
            self._report = replace(self._report, watcher=watcher)
            self._store()

    def round_done(
        self,
        watcher: WatcherReport,
        work: WorkReport,
        clock_jumps: int,
        profile_fit: dict[str, object] | None = None,
    ) -> None:
        """Report after each round of the main loop; if the loop is stuck, the report gets old."""
        with self._lock:
            self._report = replace(
                self._report,
                watcher=watcher,
                work=work,
                clock_jumps=clock_jumps,
                open_files=_open_files(),
                profile_fit=profile_fit,
            )
            self._store()

    def _store(self) -> None:
        store_report(self._database, self._report, self._clock())


def _open_files() -> int | None:
    """The number of file descriptors in use; None where the system does not tell."""
    try:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    except OSError:
        return None
