"""The files table: one row for each path."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, bindparam, select

from index.base.paths import Signature
from index.database.queries.lookup import Lookup
from index.database.schema import File
from index.database.states import FileState


class FileRow(NamedTuple):
    """The columns of a row that answers need."""

    path: str
    signature: Signature
    state: FileState
    image_id: int | None
    error: str | None
    priority: int  # above 0 when a caller waits for it


YIELD_ROWS = 1000
_STATES = {state.value: state for state in FileState}
SIGNATURE_COLUMNS = (File.size, File.mtime_ns, File.ctime_ns, File.inode)
_FILE = (
    File.path,
    *SIGNATURE_COLUMNS,
    File.state,
    File.image_id,
    File.error,
    File.priority,
)
_BY_PATH = Lookup(File.path, select(*_FILE))
_BELOW = select(File.path).where(File.path >= bindparam("first"), File.path < bindparam("end"))


def _file_row(row: tuple[Any, ...]) -> FileRow:
    """A file from a row of _FILE."""
    path, size, mtime_ns, ctime_ns, inode, state, image_id, error, priority = row
    signature = Signature(size, mtime_ns, ctime_ns, inode)
    return FileRow(path, signature, _STATES[state], image_id, error, priority)


def rows_of(connection: Connection, paths: Sequence[str]) -> dict[str, FileRow]:
    """The rows of *paths*, by path; unknown paths are left out."""
    return {row[0]: _file_row(row) for row in _BY_PATH.rows(connection, paths)}


def files_of(connection: Connection, image_id: int) -> list[FileRow]:
    """The files that held an image when they were last read."""
    paths = connection.scalars(select(File.path).where(File.image_id == image_id)).all()
    return list(rows_of(connection, paths).values())


def indexed_images(connection: Connection) -> Iterator[tuple[str, int]]:
    """Path and image of every file that is indexed, by path; read a little at a time."""
    chosen = select(File.path, File.image_id).where(File.image_id.is_not(None)).order_by(File.path)
    for path, image in connection.execute(chosen, execution_options={"yield_per": YIELD_ROWS}):
        if image is not None:
            yield path, image


def is_below(folder: str) -> ColumnElement[bool]:
    """Whether a file's path is below *folder*, as a condition."""
    # '0' follows '/', so this is the prefix "folder/" without LIKE and its wildcards
    prefix = folder.rstrip("/")
    return and_(File.path >= prefix + "/", File.path < prefix + "0")


def signatures_below(connection: Connection, directory: str) -> dict[str, Signature]:
    """The stored signature of every file below *directory*, by path."""
    found = connection.execute(select(File.path, *SIGNATURE_COLUMNS).where(is_below(directory)))
    return {row[0]: Signature(*row[1:]) for row in found}


def paths_below(connection: Connection, folder: str) -> list[str]:
    """The paths of all files below *folder*."""
    prefix = folder.rstrip("/")
    return list(connection.scalars(_BELOW, {"first": prefix + "/", "end": prefix + "0"}))
