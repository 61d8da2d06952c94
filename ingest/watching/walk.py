"""One pass over a folder: its files, its unreadable parts, and the mounts below it."""

import logging
import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from index.base.paths import Roots
from index.database.queries.places import Identity

log = logging.getLogger(__name__)


def identity(folder: str) -> Identity | None:
    """The identity of a folder; None when there is no such folder."""
    try:
        found = os.stat(folder)
    except OSError:
        return None
    return _identity_of(found) if stat.S_ISDIR(found.st_mode) else None


def _identity_of(found: os.stat_result) -> Identity:
    return Identity(str(found.st_dev), str(found.st_ino))


@dataclass(slots=True)
class Walk:
    """One pass over a folder.

    Attributes:
        unreadable: the reasons why folders and files could not be looked at, by path.
        mounts: the identities of folders on another device than their parent, by path.
    """

    unreadable: dict[str, str | None] = field(default_factory=dict)
    mounts: dict[str, Identity] = field(default_factory=dict)

    def files(self, folder: str, roots: Roots) -> Iterator[tuple[str, os.stat_result]]:
        """Every file below *folder* that is not ignored, with its lstat; follows no links."""
        top = identity(folder)
        waiting = [(folder, top.device if top else None)]
        while waiting:
            here, device = waiting.pop()
            try:
                with os.scandir(here) as entries:
                    found = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                if here == folder or os.path.lexists(here):
                    self.unreadable[here] = error.strerror
                continue
            for entry in found:
                if roots.ignores_entry(entry.path, is_folder=_is_folder(entry)):
                    continue
                status = self._status(entry)
                if status is None:
                    continue
                if not stat.S_ISDIR(status.st_mode):
                    yield entry.path, status
                    continue
                inner = _identity_of(status)
                if inner.device != device:
                    self.mounts[entry.path] = inner
                waiting.append((entry.path, inner.device))
        for reason, number in Counter(self.unreadable.values()).items():
            log.warning("scan.unreadable number=%d reason=%s", number, reason)

    def _status(self, entry: os.DirEntry[str]) -> os.stat_result | None:
        try:
            return entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None  # gone in the meantime
        except OSError as error:
            self.unreadable[entry.path] = error.strerror
            return None

    def knows(self, path: str) -> bool:
        """Whether *path* is gone if the pass did not find it; not if a folder was unreadable."""
        if not self.unreadable:
            return True
        while path not in self.unreadable:
            path, slash, _ = path.rpartition("/")
            if not slash:
                return True
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder; what cannot be looked at is none."""
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
