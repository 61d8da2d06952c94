"""Notices changes in the folders: watchdog's events are hints, scans are the truth.

Nothing here reads a file. An exception in a watchdog handler would end its thread for good, so the
handler only remembers paths. A thread of our own does everything else. It also checks watchdog's
threads, and scans more often where inotify is not available.
"""

import logging
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from index.base.choices import WatchMode
from index.base.errors import StoreUnavailableError
from index.base.outage import Outage
from index.base.settings import Settings
from index.library.ingest_report import WatcherReport
from ingest.watching.events import EventPaths, WatchdogLog
from ingest.watching.mounts import is_remote
from ingest.watching.observation import Fault, Observation
from ingest.watching.scan import Scanner

log = logging.getLogger(__name__)

TICK_SECONDS = 0.2
RETRY_INOTIFY_SECONDS = 60.0  # others may have given watches back, or an operator raised the limit
ACCEPTED_SECONDS = 5.0  # between two checks whether the operator accepted held removals
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0  # after a round that failed
_QUIET = {"scans", "scanned_at", "scan_seconds"}  # changes of these are not reported at once


class Watcher:
    """Keeps the files table up to date until stopped. A thread; close() joins it."""

    def __init__(
        self,
        scanner: Scanner,
        roots: Sequence[str],
        settings: Settings,
        on_change: Callable[[WatcherReport], None] = lambda _: None,
    ) -> None:
        """*on_change* gets the report at once when more than a scan's figures have changed."""
        self._scanner = scanner
        self._roots = roots
        self._settings = settings
        self._on_change = on_change
        self._event_paths = EventPaths()
        self._stop = threading.Event()
        self._observation: Observation | None = None
        self._observe_at = 0.0  # when to try inotify next; monotonic, like the others
        self._scan_at = 0.0
        self._ask_at = 0.0
        self._failures = 0  # in a row
        self._has_unreported = True
        self._outage = Outage("watcher")
        self._thread = threading.Thread(target=self._run, name="watcher")
        self.report = WatcherReport()

    def start(self) -> None:
        """Begin watching; returns at once."""
        # harmless, but it names the folder: watchdog warns of one that is made and filled at once
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether its thread is running."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop watching and wait for it; harmless when called again."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        with WatchdogLog(self._event_paths):
            try:
                while not self._stop.is_set():
                    self._stop.wait(self._tick())
            finally:
                self._end_observation()

    def _tick(self) -> float:
        """Do what is due now; after a failure, scan again. Returns seconds to wait."""
        try:
            self._report_changes()
            self._look_after_observation()  # before a scan, so that nothing falls in between
            paths, losses = self._event_paths.take()
            if losses:
                self._update_report(lost_events=self.report.lost_events + losses)
                self._scan_at = 0.0
            if time.monotonic() >= self._scan_at or self._is_accepted():
                self._scan()
            elif paths:
                self._scanner.examine(paths)
            self._report_changes()
        except StoreUnavailableError as error:
            self._outage.begin(error)
            return self._pause_after(error)
        except Exception as error:  # no failure may end the watching
            log.exception("watcher.failed")
            return self._pause_after(error)
        if self._failures:
            self._failures = 0
            self._outage.end()
        return TICK_SECONDS

    def _pause_after(self, error: Exception) -> float:
        """Count a failure. Returns the seconds to wait."""
        self._update_report(errors=self.report.errors + 1, last_error=type(error).__name__)
        self._scan_at = 0.0  # the paths in hand are lost
        self._failures += 1
        return float(min(FIRST_PAUSE_SECONDS * 2 ** (self._failures - 1), LONGEST_PAUSE_SECONDS))

    def _scan(self) -> None:
        started = time.monotonic()
        changed, gone = self._scanner.scan()
        log.info("watcher.scanned changed=%d gone=%d", changed, gone)
        self._update_report(
            scans=self.report.scans + 1,
            scanned_at=time.time(),
            scan_seconds=round(time.monotonic() - started, 3),
            **asdict(self._scanner.held),
        )
        pause = self._settings.poll_seconds
        if self._observation is not None:
            pause = self._settings.scan_seconds
            self._observation.include(self._scanner.places)
        self._scan_at = time.monotonic() + pause

    def _is_accepted(self) -> bool:
        """Whether the operator has accepted the removals that are held."""
        if not self.report.roots_held or time.monotonic() < self._ask_at:
            return False
        self._ask_at = time.monotonic() + ACCEPTED_SECONDS
        return self._scanner.is_accepted()

    # --- inotify ---------------------------------------------------------------------------------

    def _look_after_observation(self) -> None:
        if self._observation is None:
            if time.monotonic() >= self._observe_at:
                self._observe()
            return
        fault = self._observation.fault()
        if fault is None:
            return
        self._end_observation()
        self._scan_at = 0.0
        if fault is Fault.LIMIT:
            self._poll(limit_reached=True)
            return
        self._update_report(observer_restarts=self.report.observer_restarts + 1)
        log.warning("watcher.observer_restarted reason=%s", fault)
        self._observe()

    def _observe(self) -> None:
        """Use inotify, or poll where inotify cannot work."""
        mode = self._settings.watch
        remote = mode is WatchMode.AUTO and any(is_remote(root) for root in self._roots)
        if mode is WatchMode.POLLING or remote:
            self._poll(limit_reached=False)
            return
        try:
            made = Observation(self._event_paths, self._roots, self._scanner.places)
        except OSError as error:
            log.warning("watcher.inotify_unavailable reason=%s", error.strerror)
            self._poll(limit_reached=True)
            return
        if made.fault() is Fault.LIMIT:
            made.close()
            self._poll(limit_reached=True)
            return
        self._observation = made
        self._scan_at = 0.0  # finds the changes from before it began
        if self.report.mode == "polling":
            log.info("watcher.inotify_again")
        self._update_report(mode="inotify", limit_reached=False)

    def _poll(self, *, limit_reached: bool) -> None:
        self._observe_at = time.monotonic() + RETRY_INOTIFY_SECONDS
        if (self.report.mode, self.report.limit_reached) == ("polling", limit_reached):
            return
        self._update_report(mode="polling", limit_reached=limit_reached)
        log.info("watcher.polling seconds=%.1f", self._settings.poll_seconds)
        if limit_reached:
            log.warning(
                "watcher.limit_reached: folders are polled instead. Raise the limits with sysctl: "
                "fs.inotify.max_user_watches above the number of folders, max_user_instances"
            )

    def _end_observation(self) -> None:
        ended, self._observation = self._observation, None
        if ended is not None:
            ended.close()

    # --- the report ------------------------------------------------------------------------------

    def _update_report(self, **changes: object) -> None:
        """Update the report; changes other than _QUIET ones are to be reported at once."""
        before = asdict(self.report)
        self.report = replace(self.report, **changes)  # type: ignore[arg-type]  # by name
        self._has_unreported |= any(before[key] != changes[key] for key in changes.keys() - _QUIET)

    def _report_changes(self) -> None:
        if self._has_unreported:
            self._on_change(self.report)
            self._has_unreported = False
