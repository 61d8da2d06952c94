"""Notices changes in the folders: watchdog's events as hints, scans as the truth.

Nothing here reads a file. An exception in a watchdog handler would end its thread for good, so the
handler only remembers paths; everything else happens in a thread of our own, which also looks
after the observer.
"""

import logging
import os
import stat
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from index.report import WatcherReport
from index.settings import Settings, WatchMode
from ingest.scan import Scanner

log = logging.getLogger(__name__)

TICK_SECONDS = 0.2
MAX_HINTS = 100_000  # beyond that a scan is cheaper
_EVENTS: list[type[FileSystemEvent]] = [  # narrows the kernel's mask: our own reading is no event
    FileCreatedEvent,
    FileClosedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]
# inotify sees only what this machine itself does to a file system
_REMOTE_FILE_SYSTEMS = ("nfs", "cifs", "smb", "9p", "fuse", "vboxsf", "prl_fs", "afs", "ceph")


class Hints(FileSystemEventHandler):
    """Paths that something happened to; bounded, and safe to fill from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paths: dict[str, None] = {}
        self._lost = False

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Remember the paths of an event; never raises."""
        try:
            with self._lock:
                for path in (event.src_path, event.dest_path):
                    if path:
                        self._paths[os.fsdecode(path)] = None
                if len(self._paths) > MAX_HINTS:
                    self._paths.clear()
                    self._lost = True
        except Exception:
            self._lost = True
            log.exception("watcher.event_lost")

    def lose(self) -> None:
        """Say that events may have been lost."""
        self._lost = True

    def take(self) -> tuple[list[str], bool]:
        """The paths since the last call, and whether more may have been lost."""
        with self._lock:
            paths, self._paths = list(self._paths), {}
            lost, self._lost = self._lost, False
        return paths, lost


class _OverflowListener(logging.Handler):
    """watchdog only logs when the kernel's queue overflows; this hears it."""

    def __init__(self, hints: Hints) -> None:
        super().__init__(logging.WARNING)
        self._hints = hints

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage().lower():
            self._hints.lose()


class Watcher:
    """Keeps the files table up to date until stopped. A thread; close() joins it."""

    def __init__(
        self,
        scanner: Scanner,
        roots: Sequence[str],
        settings: Settings,
        on_change: Callable[[WatcherReport], None] = lambda _: None,
    ) -> None:
        self._scanner = scanner
        self._roots = roots
        self._settings = settings
        self._hints = Hints()
        self._stop = threading.Event()
        self._observer: BaseObserver | None = None
        self._watched: dict[str, tuple[int, int] | None] = {}
        self._thread = threading.Thread(target=self._run, name="watcher")
        self._on_change = on_change
        self.report = WatcherReport()

    def start(self) -> None:
        """Begin watching; returns at once."""
        # watchdog warns with the folder's name when one is made and filled at once, harmlessly
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
        self._thread.start()

    def close(self) -> None:
        """Stop watching and wait for it; harmless when called again."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        listener = _OverflowListener(self._hints)
        inotify_log = logging.getLogger("watchdog.observers.inotify_c")
        inotify_log.addHandler(listener)
        try:
            self._observe()
            next_scan = 0.0  # after the observer has started, so that nothing falls in between
            while not self._stop.is_set():
                next_scan = self._tick(next_scan)
                self._stop.wait(TICK_SECONDS)
        finally:
            inotify_log.removeHandler(listener)
            self._end_observer()

    def _tick(self, next_scan: float) -> float:
        """Do what is due; whatever fails is tried again. Returns when the next scan is due."""
        try:
            if self._settings.watch is not WatchMode.POLLING and not self._is_observing():
                self._note(observer_restarts=self.report.observer_restarts + 1)
                log.warning("watcher.observer_restarted")
                self._end_observer()
                self._observe()
                self._hints.lose()
            paths, lost = self._hints.take()
            if lost or time.monotonic() >= next_scan:
                self._scan()
                return time.monotonic() + self._scan_seconds()
            if paths:
                self._scanner.examine(paths)
        except Exception:  # a full disk or a busy database must not end the watching
            log.exception("watcher.failed")
            self._hints.lose()
            self._stop.wait(1.0)
        return next_scan

    def _scan(self) -> None:
        started = time.monotonic()
        changed, gone = self._scanner.scan()
        log.info("watcher.scanned changed=%d gone=%d", changed, gone)
        self.report = replace(
            self.report,
            scans=self.report.scans + 1,
            scanned_at=time.time(),
            scan_seconds=round(time.monotonic() - started, 3),
        )

    def _note(self, **changes: object) -> None:
        """Keep a change of how watching goes, and let others know at once."""
        self.report = replace(self.report, **changes)  # type: ignore[arg-type]  # by name
        self._on_change(self.report)

    def _scan_seconds(self) -> float:
        if self._observer is None:
            return self._settings.poll_seconds
        return self._settings.scan_seconds

    def _is_observing(self) -> bool:
        if self._observer is None:
            return True  # polling was chosen, or is all that works here
        if any(_identity(root) != found for root, found in self._watched.items()):
            return False  # a root was made, removed or replaced: what is watched is another folder
        # watchdog reads inotify in a thread below the emitters, which live on when it dies
        reader = getattr(self._observer, "_inotify_fd", self._observer)
        threads = (self._observer, reader, *self._observer.emitters)
        return all(thread.is_alive() for thread in threads)

    def _observe(self) -> None:
        mode = self._settings.watch
        remote = [root for root in self._roots if is_remote(root)]
        if mode is WatchMode.POLLING or (mode is WatchMode.AUTO and remote):
            log.info("watcher.polling seconds=%.1f", self._settings.poll_seconds)
            self._note(mode="polling")
            return
        observer: BaseObserver | None = None
        try:
            observer = Observer()
            self._watched = {root: _identity(root) for root in self._roots}
            for root, found in self._watched.items():
                if found is not None:
                    observer.schedule(self._hints, root, recursive=True, event_filter=_EVENTS)
            observer.start()
        except OSError as error:
            log.warning(
                "watcher.inotify_unavailable reason=%s; polling instead. If a limit was reached, "
                "raise fs.inotify.max_user_watches or max_user_instances with sysctl",
                error.strerror,
            )
            if observer is not None:
                observer.stop()
            self._note(mode="polling", limit_reached=True)
            return
        self._observer = observer
        self._note(mode="inotify", limit_reached=False)

    def _end_observer(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            if self._observer.is_alive():
                self._observer.join()
            self._observer = None


def _identity(folder: str) -> tuple[int, int] | None:
    """What tells a folder from another one under the same name; None when there is none."""
    try:
        found = os.stat(folder)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None


def is_remote(folder: str, mounts: Path = Path("/proc/self/mountinfo")) -> bool:
    """Whether *folder* lies on a file system that other machines may change unseen."""
    best, kind = "", ""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return True  # no Linux, no inotify
    for line in lines:
        left, _, right = line.partition(" - ")
        point = left.split()[4].replace("\\040", " ")
        inside = folder == point or folder.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, right.split()[0]
    return kind.startswith(_REMOTE_FILE_SYSTEMS)
