"""Finds the file that a name means, and keeps names within the roots."""

import os
import stat
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from index.base.ignoring import Ignored

MAX_NAME_BYTES = 4096
MAX_TIME_NS = 2**63 - 1  # in 2262; file systems allow later times, the database's integers do not


class Signature(NamedTuple):  # made by the thousand, in a third of a dataclass's time
    """The facts from stat that identify a file's content: while they are the same, so is it."""

    size: int  # bytes
    mtime_ns: int
    ctime_ns: int
    inode: str


def signature_of(found: os.stat_result) -> Signature:
    """The signature of a file that was just looked at."""
    mtime_ns, ctime_ns = found.st_mtime_ns, found.st_ctime_ns
    if not -MAX_TIME_NS <= mtime_ns <= MAX_TIME_NS:  # any program may set it to any time
        mtime_ns = _within_range(mtime_ns)
    if not -MAX_TIME_NS <= ctime_ns <= MAX_TIME_NS:  # a share's server may have any clock
        ctime_ns = _within_range(ctime_ns)
    return Signature(found.st_size, mtime_ns, ctime_ns, str(found.st_ino))


def _within_range(time_ns: int) -> int:
    return max(-MAX_TIME_NS, min(time_ns, MAX_TIME_NS))


def display(path: str) -> str:
    r"""A path as text for the database: bytes that are no UTF-8 become \xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def is_utf8(path: str) -> bool:
    """Whether a path is valid UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def real_path(given: Path) -> str:
    """The absolute path of *given*, with links resolved, except a link at its very end."""
    if given.is_dir() and not given.is_symlink():
        return os.path.realpath(given)
    return os.path.join(os.path.realpath(given.parent), given.name)


def is_in(path: str, place: str) -> bool:
    """Whether *path* is *place* or lies below it."""
    return path == place or path.startswith(place.rstrip("/") + "/")


def is_in_any(path: str, places: Iterable[str]) -> bool:
    """Whether *path* is one of *places* or lies below one."""
    return any(is_in(path, place) for place in places)


class Roots:
    """The folders whose files callers may ask about."""

    def __init__(self, folders: Sequence[Path], ignored: Ignored | None = None) -> None:
        """Relative names start from the first of *folders*; None ignores what is by default."""
        self._ignored = ignored or Ignored()
        self._spelt = [os.path.normpath(folder) for folder in folders]
        self.real = [os.path.realpath(folder) for folder in folders]
        self._folders = [root.rstrip("/") + "/" for root in self.real]
        self._first = self._folders[0]
        self._prefixes = [
            (root.rstrip("/") + "/", real.rstrip("/") + "/")
            for spelt, real in zip(self._spelt, self.real, strict=True)
            for root in (spelt, real)
        ]

    def locate(self, name: str) -> str | None:
        """The absolute path that *name* stands for, or None when it lies outside every root.

        It works on the text alone; Finder.look() checks for links on the way.
        """
        if name[:1] not in "./" and name[-1] != "/" and "/." not in name and "//" not in name:
            return self._first + name  # no part is empty, "." or "..": normpath changes nothing
        # normpath keeps two slashes at the start, which POSIX leaves to the system
        path = "/" + os.path.normpath(os.path.join(self._spelt[0], name)).lstrip("/")
        for prefix, real in self._prefixes:
            if path.startswith(prefix):
                return real + path[len(prefix) :]
        return None

    def holds(self, path: str) -> bool:
        """Whether a real path lies below a root."""
        return self._below(path) is not None

    def ignores(self, path: str, *, is_folder: bool = False) -> bool:
        """Whether a real path, or a folder on the way to it from its root, is ignored."""
        below = self._below(path)
        return below is None or self._ignored.path(below, is_folder=is_folder)

    def ignores_entry(self, path: str, *, is_folder: bool = False) -> bool:
        """Whether what is at a real path is ignored by its own name; folders above may be, too."""
        below = self._below(path)
        return self._ignored.entry(path if below is None else below, is_folder=is_folder)

    def _below(self, path: str) -> str | None:
        """A real path as seen from its root; None outside."""
        for root in self._folders:
            if path.startswith(root):
                return path[len(root) :]
        return None

    def root_of(self, path: str) -> str:
        """The root that a real path lies below.

        Raises:
            FileNotFoundError: there is none; the settings have changed since the path was stored.
        """
        for root in self.real:
            if path.startswith(root.rstrip("/") + "/"):
                return root
        raise FileNotFoundError(path)

    def stat(self, path: str) -> os.stat_result:
        """The lstat of a real path below a root.

        Raises:
            FileNotFoundError: nothing is there, or a link is on the way, which is not followed.
        """
        self.root_of(path)
        if not self.is_open(os.path.dirname(path), dict.fromkeys(self.real, True)):
            raise FileNotFoundError(path)
        try:
            return os.lstat(path)
        except NotADirectoryError as error:
            raise FileNotFoundError(path) from error

    def is_open(self, folder: str, known: dict[str, bool]) -> bool:
        """Whether no folder from the root down to *folder* is a symbolic link or ignored.

        *known* holds at least the roots; the folders looked at are added to it.
        """
        unknown: list[str] = []
        while (found := known.get(folder)) is None:
            unknown.append(folder)
            folder = folder.rpartition("/")[0] or "/"
        for inner in reversed(unknown):
            found = (
                found
                and not self.ignores_entry(inner, is_folder=True)
                and not os.path.islink(inner)
            )
            known[inner] = found
        return found


class Finder:
    """Looks at files below the roots. It remembers folders, so make one for each request."""

    def __init__(self, roots: Roots) -> None:
        self._roots = roots
        self._open_folders = {root: os.path.realpath(root) == root for root in roots.real}

    def look(self, name: str) -> tuple[str, os.stat_result] | None:
        """Find the file that a caller's *name* means.

        A name that is not there is tried again in Unicode's composed form (NFC), since some
        clients send the decomposed one.

        Returns: its absolute path and lstat; None when nothing is there, when it lies outside
            the roots, when it or a folder on the way is ignored, when a folder on the way is a
            symbolic link, or when it is a folder.
        """
        found = self._look(name)
        if found is None and not name.isascii():
            composed = unicodedata.normalize("NFC", name)
            return self._look(composed) if composed != name else None
        return found

    def _look(self, name: str) -> tuple[str, os.stat_result] | None:
        path = self._roots.locate(name)
        if path is None:
            return None
        if self._roots.ignores_entry(path):
            return None
        try:
            found = os.lstat(path)
        except (OSError, ValueError):
            return None
        if stat.S_ISDIR(found.st_mode):
            return None
        folder = path.rpartition("/")[0]
        is_open = self._open_folders.get(folder)
        if is_open is None:
            is_open = self._roots.is_open(folder, self._open_folders)
        return (path, found) if is_open else None


def refusal(path: str, found: os.stat_result) -> str | None:
    """The reason why a file is never read, or None."""
    if stat.S_ISLNK(found.st_mode):
        return "it is a symbolic link, and links are not followed"
    if not stat.S_ISREG(found.st_mode):
        return "it is not a regular file"
    if not is_utf8(path):
        return "its name is not valid UTF-8"
    return None
