"""Runs watchdog's threads over some folders, and checks that they still notice everything.

They can fail silently in three ways. A thread may end by itself. A watch stays with a folder that
was replaced by another. And if the kernel has no watch left for a folder, it is not watched.
"""

import errno
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from ingest.watching.events import EventPaths
from ingest.watching.walk import identity

log = logging.getLogger(__name__)

_EVENTS: list[type[FileSystemEvent]] = [  # the kernel sends only these: our own reading is none
    FileCreatedEvent,
    FileClosedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]


class Fault(StrEnum):
    """The reason why an observation must be replaced."""

    LIMIT = "limit"  # the kernel has no watch left for some folder
    REPLACED = "replaced"  # a root or mount was made, removed or replaced
    ENDED = "ended"  # a thread has died


class Observation:
    """Watches folders from when it is made until close()."""

    def __init__(
        self, event_paths: EventPaths, roots: Sequence[str], places: Sequence[str]
    ) -> None:
        """Watch *roots*; *places* are those and the mounts below them.

        Raises:
            OSError: inotify is not available, or its limits are used up.
        """
        self._identities = {place: identity(place) for place in places}
        self._refused = threading.Event()
        self._observer: BaseObserver = Observer()
        # watchdog reads inotify in another thread; the emitters live on when that dies
        self._reader: Any = getattr(self._observer, "_inotify_fd", self._observer)
        if hasattr(self._reader, "add_callback"):
            self._reader.add_callback = self._hearing_refusals(self._reader.add_callback)
        try:
            for root in roots:
                if self._identities[root] is not None:
                    self._observer.schedule(event_paths, root, recursive=True, event_filter=_EVENTS)
            self._observer.start()
        except BaseException:
            self.close()
            raise

    def _hearing_refusals(self, add: Callable[..., object]) -> Callable[..., object]:
        def add_callback(*args: object, **kwargs: object) -> object:
            try:
                return add(*args, **kwargs)
            except OSError as error:
                if error.errno in {errno.ENOSPC, errno.EMFILE, errno.ENOMEM}:
                    self._refused.set()  # watchdog would go on without this folder
                raise

        return add_callback

    def include(self, places: Sequence[str]) -> None:
        """From now on notice, too, when one of *places* is replaced."""
        for place in places:
            self._identities.setdefault(place, identity(place))

    def fault(self) -> Fault | None:
        """The reason why it must be replaced, or None."""
        if self._refused.is_set():
            return Fault.LIMIT
        if any(identity(place) != found for place, found in self._identities.items()):
            return Fault.REPLACED
        threads = (self._observer, self._reader, *self._observer.emitters)
        return None if all(thread.is_alive() for thread in threads) else Fault.ENDED

    def close(self) -> None:
        """End it and wait for its threads."""
        for emitter in self._observer.emitters:
            _take_back_watches(getattr(emitter, "_inotify", None))
        self._observer.stop()
        if self._observer.is_alive():
            self._observer.join()


def _take_back_watches(group: Any) -> None:  # noqa: ANN401 - watchdog's InotifyWatchGroup
    """Remove an emitter's watches before it ends, in spite of an error in watchdog.

    A folder that was moved away is still watched, under its old path. When another one gets that
    path and is removed, watchdog (7.1.0) no longer finds the path of the first one's watch, and
    raises KeyError. Without this, the emitter's thread would wait for ever, and close() with it.
    """
    watches = getattr(group, "_active_callbacks_by_watch", None)
    if watches is None:  # no inotify, or another version of watchdog
        return
    for _ in range(1 + len(watches)):  # each watch costs one try at most
        with suppress(KeyError):
            group.deactivate()
            return
