"""Collects the paths of watchdog's events until the watcher's own thread takes them."""

import logging
import os
import threading

from watchdog.events import FileSystemEvent, FileSystemEventHandler

log = logging.getLogger(__name__)

MAX_PATHS = 100_000  # beyond that a scan is cheaper


class EventPaths(FileSystemEventHandler):
    """The paths of events; bounded, and safe to fill from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paths: dict[str, None] = {}
        self._losses = 0

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Remember the paths of an event. Never raises, since that would end watchdog's thread."""
        try:
            with self._lock:
                for path in (event.src_path, event.dest_path):
                    if path:
                        self._paths[os.fsdecode(path)] = None
                if len(self._paths) > MAX_PATHS:
                    self._paths.clear()
                    self._losses += 1
        except Exception:
            self.lose()
            log.exception("watcher.event_lost")

    def lose(self) -> None:
        """Record that events may have been lost."""
        with self._lock:
            self._losses += 1

    def take(self) -> tuple[list[str], int]:
        """The paths since the last call, and how often events may have been lost."""
        with self._lock:
            paths, self._paths = list(self._paths), {}
            losses, self._losses = self._losses, 0
        return paths, losses


class WatchdogLog(logging.Handler):
    """Reads watchdog's log, which alone tells that the kernel's queue overflowed.

    watchdog's texts hold names of folders, so they are not passed on.
    """

    def __init__(self, event_paths: EventPaths) -> None:
        super().__init__(logging.WARNING)
        self._event_paths = event_paths

    def emit(self, record: logging.LogRecord) -> None:
        """Count an overflow as lost events; log only the place of any other warning."""
        if record.name.endswith("inotify_c") and "overflow" in record.getMessage().lower():
            self._event_paths.lose()
            log.warning("watcher.queue_overflowed: a scan finds what was lost")
        else:
            log.warning("watcher.watchdog_warned at=%s line=%d", record.filename, record.lineno)

    def __enter__(self) -> None:
        """Begin to read the log, and keep it from all other handlers."""
        logger = logging.getLogger("watchdog")
        logger.addHandler(self)
        logger.propagate = False

    def __exit__(self, *_: object) -> None:
        logger = logging.getLogger("watchdog")
        logger.removeHandler(self)
        logger.propagate = True
