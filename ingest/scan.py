"""Compares the folders with the files table: the truth, where the watcher's events are hints."""

import logging
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from index.database import Database
from index.paths import Roots, display, is_ignored
from index.settle import sight
from index.store import queue

log = logging.getLogger(__name__)

BATCH = 500  # sightings a transaction


@dataclass(slots=True)
class Walk:
    """One pass over a folder.

    Attributes:
        unreadable: folders and files that could not be looked at; nothing is known of them.
    """

    unreadable: list[str] = field(default_factory=list)

    def files(self, folder: str) -> Iterator[tuple[str, os.stat_result]]:
        """Every file below *folder* that is not ignored, with its lstat; links not followed."""
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            try:
                with os.scandir(here) as entries:
                    found = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                if here == folder or os.path.lexists(here):
                    self.unreadable.append(here)
                    log.warning("scan.folder_unreadable reason=%s", error.strerror)
                continue
            for entry in found:
                if is_ignored(entry.name):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # gone in the meantime
                except OSError as error:
                    self.unreadable.append(entry.path)
                    log.warning("scan.file_unreadable reason=%s", error.strerror)
                    continue
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(entry.path)
                else:
                    yield entry.path, status

    def knows(self, path: str) -> bool:
        """Whether the absence of *path* means that it is gone."""
        return not any(path == place or path.startswith(place + "/") for place in self.unreadable)


class Scanner:
    """Brings the files table up to date with the folders."""

    def __init__(
        self,
        database: Database,
        roots: Roots,
        settle_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._roots = roots
        self._settle_seconds = settle_seconds
        self._clock = clock

    def scan(self) -> tuple[int, int]:
        """Look at every root. Returns how many files were new or changed, and how many are gone."""
        changed = gone = 0
        for root in self._roots.real:
            if not os.path.isdir(root):
                # a dropped mount must not erase the library
                log.error("scan.root_missing: nothing below it is removed until it is back")
                continue
            added, removed = self._scan_root(root)
            changed, gone = changed + added, gone + removed
        return changed, gone

    def _scan_root(self, root: str) -> tuple[int, int]:
        with self._database.read() as connection:
            before = queue.signatures_below(connection, root)
        walk = Walk()
        seen: set[str] = set()

        def remember() -> Iterator[tuple[str, os.stat_result]]:
            for path, status in walk.files(root):
                seen.add(display(path))
                yield path, status

        changed = self.note(remember())
        gone = [path for path in before if path not in seen and walk.knows(path)]
        with self._database.write() as connection:
            for path in gone:
                queue.forget(connection, path, self._clock(), below=False)
        return changed, len(gone)

    def note(self, found: Iterable[tuple[str, os.stat_result]], *, priority: int = 0) -> int:
        """Record files that were found. Returns how many are new or changed."""
        waiting = iter(found)
        changed = 0
        while some := list(islice(waiting, BATCH)):
            now = self._clock()
            sightings = [sight(path, status, now, self._settle_seconds) for path, status in some]
            with self._database.write() as connection:
                changed += queue.note(connection, sightings, priority=priority)
        return changed

    def examine(self, paths: Iterable[str]) -> None:
        """Look at single *paths* below the roots that something is said to have happened to.

        What is there is recorded before what is gone is removed, so that a moved file is known
        under its new name before its old one goes.
        """
        gone: list[str] = []
        there: list[tuple[str, os.stat_result]] = []
        for path in paths:
            if self._roots.ignores(path):
                continue
            try:
                status = os.lstat(path)
            except (FileNotFoundError, NotADirectoryError):
                if os.path.isdir(self._roots.root_of(path)):  # else it may be a dropped mount
                    gone.append(path)
                continue
            except OSError as error:
                log.warning("scan.file_unreadable reason=%s", error.strerror)
                continue
            if stat.S_ISDIR(status.st_mode):
                there.extend(Walk().files(path))
            else:
                there.append((path, status))
        self.note(there)
        if gone:
            with self._database.write() as connection:
                for path in gone:
                    queue.forget(connection, display(path), self._clock())
