"""Copies of the database that must not outlive the command that makes them.

A killed command cannot remove its copy. An unnamed file (O_TMPFILE) would vanish by itself, but
SQLite opens databases by name. So before a command makes a copy, it writes a note with the copy's
path into the data folder, and locks the note. A note without a lock belongs to a killed command:
every later backup, forget and verify removes that copy.
"""

import fcntl
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from index.database.database_file import remove, sync

log = logging.getLogger(__name__)

_PATTERN = "copy-*.note"


@contextmanager
def temporary_copy(path: Path, data: Path) -> Iterator[Path]:
    """The *path* of a copy that is removed at the end, or later if this process is killed.

    Args:
        path: any file there is removed first. The copy may be moved to its final name.
        data: the data folder whose database is copied.
    """
    remove_abandoned(data)
    remove(path)
    note = data / f"copy-{secrets.token_hex(8)}.note"
    handle = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.write(handle, os.fsencode(path.absolute()))
        os.fsync(handle)
        sync(data)
        try:
            yield path
        finally:
            remove(path)
    finally:
        note.unlink(missing_ok=True)
        os.close(handle)


def remove_abandoned(data: Path) -> None:
    """Remove the copies of killed commands; those on a missing disk are removed another time."""
    for note in data.glob(_PATTERN):
        try:
            handle = os.open(note, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # its command has just ended
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path = Path(os.fsdecode(os.read(handle, os.fstat(handle).st_size)))
            if path.is_absolute() and path.parent.is_dir():
                remove(path)
                log.warning("store.copy_removed; a command that was killed had left it")
            if path.parent.is_dir():
                note.unlink(missing_ok=True)
        except BlockingIOError:  # its command is still running
            continue
        finally:
            os.close(handle)
