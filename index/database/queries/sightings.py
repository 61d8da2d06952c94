"""Sightings: records the files that were seen, and removes those that are gone."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    update,
)

from index.base.paths import Signature
from index.database.engine import Upsert, upsert
from index.database.queries.files import SIGNATURE_COLUMNS, is_below
from index.database.queries.lookup import in_lists
from index.database.schema import File, Image, table
from index.database.states import FileState


@dataclass(frozen=True, slots=True)
class Sighting:
    """A file as the watcher, a scan or a request saw it."""

    path: str
    signature: Signature
    ready_at: float  # seconds since 1970, when it may be read
    refusal: str | None = None  # why it will never be read (a link, a pipe), if so


def _record_statement() -> Upsert:
    """Insert a sighting, or overwrite the row if the signature differs.

    It also overwrites a row that says indexed but names no image: nothing else would queue that
    file. The statement is built once, since that takes ten times as long as running it.
    """
    statement = upsert(File)
    new = statement.excluded
    names = [column.key for column in SIGNATURE_COLUMNS]
    names += ["state", "attempts", "crashes", "error", "priority", "ready_at", "claimed_until"]
    return statement.on_conflict_do_update(
        index_elements=[File.path],
        set_={name: new[name] for name in names},
        where=or_(
            _differs({column.key: new[column.key] for column in SIGNATURE_COLUMNS}),
            and_(File.state == FileState.INDEXED, File.image_id.is_(None)),
        ),
    )


def _differs(signature: Mapping[str, Any]) -> ColumnElement[bool]:
    return or_(*(column != signature[column.key] for column in SIGNATURE_COLUMNS))


# without the option, some drivers count no rows where many are inserted at once
_RECORD = _record_statement().execution_options(preserve_rowcount=True)


def record(connection: Connection, sightings: Iterable[Sighting], *, priority: int = 0) -> int:
    """Make every new or changed file pending; leave rows whose signature is the same alone.

    Returns: how many rows were added or changed.
    """
    rows = [
        {
            "path": seen.path,
            "size": seen.signature.size,
            "mtime_ns": seen.signature.mtime_ns,
            "ctime_ns": seen.signature.ctime_ns,
            "inode": seen.signature.inode,
            "state": FileState.FAILED if seen.refusal else FileState.PENDING,
            "attempts": 0,
            "crashes": 0,
            "error": seen.refusal,
            "priority": priority,
            "ready_at": None if seen.refusal else seen.ready_at,
            "claimed_until": None,
        }
        for seen in sightings
    ]
    if not rows:
        return 0
    for row in rows:
        if row["error"]:
            _give_up_image(connection, row)
    return connection.execute(_RECORD, rows).rowcount


def _give_up_image(connection: Connection, row: Mapping[str, object]) -> None:
    """Unlink the image of a path that has become something that is never read.

    If the signature is the same, nothing has changed at the path. Then the sighting is of another
    link to the same file, whose name is no UTF-8 and is written like this path; see
    index.base.paths.display.
    """
    changed = select(File.image_id).where(File.path == row["path"], _differs(row))
    image = connection.scalar(changed)
    if image is not None:
        connection.execute(update(File).where(File.path == row["path"]).values(image_id=None))
        mark_orphans(connection, [image], time.time())


def forget(connection: Connection, path: str, now: float, *, below: bool = True) -> int:
    """Remove the row of *path*, and with *below* of everything below it. Returns how many went.

    Their images stay until stored_images.drop_orphans, so that a moved file is not embedded again.
    """
    where = or_(File.path == path, is_below(path)) if below else File.path == path
    images = connection.scalars(select(File.image_id).where(where).distinct()).all()
    gone = connection.execute(delete(File).where(where)).rowcount
    mark_orphans(connection, [image for image in images if image is not None], now)
    return gone


def forget_files(connection: Connection, paths: Sequence[str], now: float) -> None:
    """Remove the rows of many *paths*, as forget() does of one."""
    for some in in_lists(paths):
        where = File.path.in_(some)
        images = connection.scalars(select(File.image_id).where(where).distinct()).all()
        connection.execute(delete(File).where(where))
        mark_orphans(connection, [image for image in images if image is not None], now)


_IS_USED = select(File.id).where(File.image_id == Image.id).exists()
_MARK_ORPHANS = (
    update(table(Image))
    .where(Image.id.in_(bindparam("images", expanding=True)))
    .values(
        orphaned_at=case((_IS_USED, None), else_=func.coalesce(Image.orphaned_at, bindparam("now")))
    )
)


def mark_orphans(connection: Connection, images: Sequence[int], now: float) -> None:
    """Record when images lost their last file; clear it for images that have one."""
    for some in in_lists(images):
        connection.execute(_MARK_ORPHANS, {"images": some, "now": now})
