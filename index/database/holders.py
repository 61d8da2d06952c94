"""Finds the processes that have a database open, even after another file has taken its path.

SQLite's locks belong to a file. If a database is moved away and another takes its place, they do
not show a process that still uses the first. So each holder also has an abstract Unix socket, whose
name tells the path it opened and the file it found there. The socket disappears with its process,
and every process may read the list. Containers with separate networks do not see each other's
sockets.
"""

import hashlib
import itertools
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from index.base.errors import WriterBusyError

LIST = Path("/proc/net/unix")
_numbers = itertools.count()


Identity = tuple[int, int] | None  # device and inode of a file, whatever its name; None: no file


def identity_of(path: Path | str) -> Identity:
    """The identity of the file that is now at *path*."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _words(identity: Identity) -> str:
    return "none" if identity is None else f"{identity[0]}-{identity[1]}"


def _prefix(path: Path) -> str:
    """The beginning of the holders' names, without the path itself, which may be private."""
    return f"person-count/{hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:32]}/"


class Hold:
    """Shows other processes, until close(), that this one has opened a path, and which file."""

    def __init__(self, path: Path) -> None:
        """Hold the file at *path*, which must exist; raises OSError."""
        self._path = os.fspath(path)  # looked at for each question: text saves a third of that
        self._resources = ExitStack()
        self._identity = identity_of(path)
        if sys.platform != "linux":
            return
        # while it is open, no other file gets its inode number; closing an O_PATH descriptor drops
        # none of SQLite's locks, unlike others
        self._resources.callback(os.close, os.open(path, os.O_PATH | os.O_CLOEXEC))
        with suppress(OSError):
            made = self._resources.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            made.bind(f"\0{_prefix(path)}{_words(self._identity)}/{os.getpid()}/{next(_numbers)}")

    @property
    def is_in_place(self) -> bool:
        """Whether the path still leads to the same file."""
        return identity_of(self._path) == self._identity

    def close(self) -> None:
        """Release the file; harmless when called again."""
        self._resources.close()


def refuse_other_holders(path: Path | None) -> None:
    """Make sure that no process uses another file than the one now at *path*.

    A database without a *path* is on a server; each of its connections makes sure by itself.

    Raises:
        WriterBusyError: one does; changes made here would not reach it.
    """
    if path is None:
        return
    ours = _words(identity_of(path))
    for identity, process in _holders(path):
        if identity != ours:
            raise WriterBusyError(
                f"process {process} still uses the database that was at {path} before; "
                "stop it first"
            )


def other_holders(path: Path) -> list[int]:
    """The other processes that have opened *path*, whichever file was there."""
    return sorted({process for _, process in _holders(path)} - {os.getpid()})


def _holders(path: Path) -> Iterator[tuple[str, int]]:
    """The identity that each holder of *path* found there, in words, and its process."""
    try:
        listed = LIST.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in listed.splitlines():
        _, found, name = line.partition(f"@{_prefix(path)}")
        if found:
            identity, process, _ = name.split("/")
            yield identity, int(process)
