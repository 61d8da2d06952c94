"""Handles the database as a file: copies it while others write, and empties its write-ahead log."""

import os
from pathlib import Path

import pysqlite3.dbapi2 as sqlite_driver

from index.base.errors import StoreError, WriterBusyError
from index.base.progress import Progress

PAGES = 1024  # a step, 4 MiB
WAIT_SECONDS = 1.0
HEADER = b"SQLite format 3\0"
SIDE_FILES = ("-wal", "-shm", "-journal")


def looks_like_database(path: Path) -> bool:
    """Whether a file begins like SQLite's; to open another kind may delete a file beside it."""
    with open(path, "rb") as stream:
        return stream.read(len(HEADER)) == HEADER


def side_files(path: Path) -> list[Path]:
    """The files that SQLite may keep beside a database."""
    return [path.with_name(path.name + suffix) for suffix in SIDE_FILES]


def restoring(path: Path) -> Path:
    """The path of a backup while it is prepared to replace the database *path*."""
    return path.with_name(f"{path.name}.restoring")


def remove_restoring(path: Path | None) -> None:
    """Remove the files of a killed restore: they may hold photos that were forgotten since.

    The caller must hold the ingest lock, as a restore does. A database without a *path* is on a
    server, and never restored by this program.
    """
    if path is None:
        return
    copy = restoring(path)
    for found in copy.parent.glob(f"{copy.name}*"):
        found.unlink()


def create_private(path: Path) -> None:
    """Make an empty file that only its owner may read; SQLite takes it for a new database.

    A file that SQLite makes can be read by everyone whom the umask lets in.
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def copy_database(source: Path, target: Path, progress: Progress) -> None:
    """Copy the last commit of *source* into the new file *target*, readable by its owner only.

    Others may go on writing: the copy is made inside one read transaction. *progress* counts pages.

    Raises:
        StoreError: the source is no database, or the target cannot be written.
    """
    try:
        create_private(target)
        origin = sqlite_driver.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
        try:
            origin.isolation_level = None
            # without a transaction the copy starts again whenever another process commits
            origin.execute("BEGIN")
            origin.execute("SELECT count(*) FROM sqlite_master").fetchall()
            copy = sqlite_driver.connect(target)
            try:
                origin.backup(
                    copy,
                    pages=PAGES,
                    progress=lambda _status, left, total: progress(total - left, total),
                )
            finally:
                copy.close()
        finally:
            origin.close()
    except (sqlite_driver.Error, OSError) as error:
        raise StoreError(f"{source} was not copied to {target}: {error}") from error


def merge_log(path: Path) -> None:
    """Make a database one file: empty its log into it, and leave no file beside it.

    Raises:
        WriterBusyError: another process has it open.
        StoreError: it is damaged.
    """
    try:
        connection = sqlite_driver.connect(path, timeout=WAIT_SECONDS)
        try:
            connection.isolation_level = None
            # leaving WAL mode fails while another process has the file open
            connection.execute("PRAGMA journal_mode=DELETE").fetchall()
        finally:
            connection.close()
    except sqlite_driver.Error as error:
        if "locked" in str(error):
            raise WriterBusyError(
                f"{path} is in use; stop person-count serve and watch first"
            ) from error
        raise StoreError(f"{path} is damaged: {error}") from error
    sync(path)


def sync(path: Path) -> None:
    """Write a file or a folder through to the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(path: Path) -> None:
    """Remove a database and the files that SQLite keeps beside it, if they exist."""
    for found in (path, *side_files(path)):
        found.unlink(missing_ok=True)
