"""Finds the file that a name means, and keeps names within the roots."""

import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from index.base import foreign_names
from index.base.ignoring import Ignored

MAX_NAME_BYTES = 4096
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
_ESCAPED = re.compile(r"\\x([89a-f][0-9a-f])")  # as display() writes bytes
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


def has_signature(found: os.stat_result, signature: Signature) -> bool:
    """Whether a file that was just looked at has this *signature*; faster than to make its own."""
    size, mtime_ns, ctime_ns, inode = signature
    return (
        found.st_mtime_ns == mtime_ns
        and found.st_ctime_ns == ctime_ns
        and found.st_size == size
        and str(found.st_ino) == inode
    ) or signature_of(found) == signature  # times beyond the range


def _within_range(time_ns: int) -> int:
    return max(-MAX_TIME_NS, min(time_ns, MAX_TIME_NS))


def display(path: str) -> str:
    r"""A path as text for the database: bytes that are no UTF-8 become \xNN."""
    if path.isascii():
        return path
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def on_one_line(name: str) -> str:
    r"""A name for a sentence: control characters become \n, \t or \xNN."""
    return _CONTROL.sub(lambda char: char[0].encode("unicode_escape").decode(), name)


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
        """Relative names start from the first of *folders*; no *ignored*: the default patterns."""
        self._ignored = ignored or Ignored()
        self._spelt = [os.path.normpath(folder) for folder in folders]
        self.real = [os.path.realpath(folder) for folder in folders]
        self._folders = [root.rstrip("/") + "/" for root in self.real]
        self._first = self._folders[0]
        self._ways = {root: _way_to(root) for root in self.real}
        self._are_utf8 = all(map(is_utf8, self.real))
        pairs = [
            (root.rstrip("/") + "/", real.rstrip("/") + "/")
            for spelt, real in zip(self._spelt, self.real, strict=True)
            for root in (spelt, real)
        ]
        # exact ones first: two folders may have names of the same characters
        forms = [(form, real) for root, real in pairs for form in _forms(root)]
        self._prefixes = [*pairs, *(form for form in forms if form not in pairs)]

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

    def root_at(self, name: str) -> str | None:
        """The real path of the root that *name* stands for, or None if it means something else."""
        path = "/" + os.path.normpath(os.path.join(self._spelt[0], name)).strip("/")
        path = path.rstrip("/") + "/"
        found = (real for prefix, real in self._prefixes if path == prefix)
        return next((real.rstrip("/") or "/" for real in found), None)

    def name_of(self, path: str) -> str:
        """The name by which callers ask about a file at a real path; see display()."""
        return display(path.removeprefix(self._first))

    def holds(self, path: str) -> bool:
        """Whether a real path lies below a root."""
        return self._below(path) is not None

    def ignores(self, path: str, *, is_folder: bool = False) -> bool:
        """Whether a real path, or a folder on the way to it from its root, is ignored."""
        below = self._below(path)
        return below is None or self._ignored.path(below, is_folder=is_folder)

    def ignores_entry(self, path: str, *, is_folder: bool = False) -> bool:
        """Whether a real path is ignored by its own name, without the folders above it."""
        below = None if self._ignored.need_only_names else self._below(path)
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

    def are_in_place(self) -> dict[str, bool]:
        """Whether each root still is where it was: no link has taken its or a parent's place."""
        return {root: not any(map(os.path.islink, way)) for root, way in self._ways.items()}

    def can_store(self, path: str) -> bool:
        """Whether the database can look up a path: the name of its root may be no UTF-8."""
        return self._are_utf8 or is_utf8(path if path in self.real else self.root_of(path))

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
        self._open_folders = roots.are_in_place()

    def look(self, name: str) -> tuple[str, os.stat_result] | None:
        """Find the file that a caller's *name* means; None if it means none, or a folder."""
        found = self.find(name)
        return None if found is None or stat.S_ISDIR(found[1].st_mode) else found

    def find(self, name: str) -> tuple[str, os.stat_result] | None:
        r"""Find the file or folder that a caller's *name* means; a root may be named, too.

        If there is nothing of exactly that name, each folder and the file are looked for in
        Unicode's composed and decomposed forms (NFC and NFD), too: macOS writes one, most callers
        send the other. Then \xNN may stand for a byte of a name that is no UTF-8; see display().

        Returns: its absolute path and lstat; None when nothing is there, when it lies outside
            the roots, when it or a folder on the way is ignored, or when a folder on the way is a
            symbolic link.
        """
        path = self._roots.locate(name)
        if path is None:
            return self._look_at_root(name)
        found = self._look(path)
        if found is None and not name.isascii():
            found = self._look_in_both_forms(path)
        if found is None and _ESCAPED.search(name):
            root = self._roots.root_of(path)
            found = self._look(root + _ESCAPED.sub(_byte_of, path[len(root) :]))
        return found

    def _look_at_root(self, name: str) -> tuple[str, os.stat_result] | None:
        root = self._roots.root_at(name)
        if root is None or not self._open_folders[root]:
            return None
        try:
            found = os.lstat(root)
        except OSError:
            return None
        return (root, found) if stat.S_ISDIR(found.st_mode) else None

    def _look(self, path: str) -> tuple[str, os.stat_result] | None:
        try:
            found = os.lstat(path)
        except (OSError, ValueError):
            return None
        if stat.S_ISDIR(found.st_mode):
            folder = path
        elif self._roots.ignores_entry(path):
            return None
        else:
            folder = path.rpartition("/")[0]
        is_open = self._open_folders.get(folder)
        if is_open is None:
            is_open = self._roots.is_open(folder, self._open_folders)
        return (path, found) if is_open else None

    def _look_in_both_forms(self, path: str) -> tuple[str, os.stat_result] | None:
        """Go down from the root; the form that was given comes first at each step."""
        root = self._roots.root_of(path).rstrip("/")
        parts = path[len(root) + 1 :].split("/")
        waiting = [(root, 0)]  # folders that are there, and how many of the parts lead to them
        while waiting:
            folder, depth = waiting.pop()
            spelt = [f"{folder}/{part}" for part in _forms(parts[depth])]
            if depth + 1 == len(parts):
                files = filter(None, map(self._look, spelt))
                if found := next(files, None):
                    return found
            else:
                there = [inner for inner in spelt if _is_folder(inner)]
                waiting += [(inner, depth + 1) for inner in reversed(there)]
        return None


def _way_to(folder: str) -> list[str]:
    """A folder's real path, and those of all folders above it."""
    parts = folder.split("/")
    return ["/".join(parts[:end]) for end in range(2, len(parts) + 1)]


def _forms(text: str) -> list[str]:
    """A text as it is, composed, and decomposed, each once."""
    if text.isascii():
        return [text]
    return list(dict.fromkeys((text, *(unicodedata.normalize(form, text) for form in _FORMS))))


def _is_folder(path: str) -> bool:
    """Whether there is a folder; links are not followed."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return False


def _byte_of(escaped: re.Match[str]) -> str:
    r"""The byte that display() has written as \xNN, as os.fsdecode() would."""
    return os.fsdecode(bytes.fromhex(escaped[1]))


def refusal(path: str, found: os.stat_result) -> str | None:
    """The reason why a file is never read, or None."""
    if stat.S_ISLNK(found.st_mode):
        return "it is a symbolic link, and links are not followed"
    if not stat.S_ISREG(found.st_mode):
        return "it is not a regular file"
    if not is_utf8(path):
        return foreign_names.what_to_rename(path)
    return None
