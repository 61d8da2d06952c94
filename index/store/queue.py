"""The files table: what is known of each path, and the queue of work.

A pending row with a ready_at is work; without one it is in some worker's hands. A failed row with
a ready_at is tried again then; without one it waits until the file changes.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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

from index.database import IN_LIST, Upsert, upsert
from index.schema import File, FileState, Image, table
from index.store.lookup import Lookup

CRASH_LIMIT = 3  # a file that was in hand at this many crashes is put aside
CRASH_RETRY_SECONDS = 600.0
SUSPECT_SECONDS = 60.0  # how long others may go before a file that was in hand at a crash


class Signature(NamedTuple):  # made by the thousand, in a third of a dataclass's time
    """What stat says of a file; as long as it stays the same, so does the content."""

    size: int  # bytes
    mtime_ns: int
    ctime_ns: int
    inode: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """A file as the watcher, a scan or a request saw it."""

    path: str
    signature: Signature
    ready_at: float  # seconds since 1970, when it may be read
    refusal: str | None = None  # why it will never be read (a link, a pipe), if so


@dataclass(frozen=True, slots=True)
class Claim:
    """A file handed to a worker."""

    file_id: int
    path: str
    signature: Signature
    attempts: int  # how often it failed before


class FileRow(NamedTuple):
    """One row of the table, as far as answers need it."""

    path: str
    signature: Signature
    state: FileState
    image_id: int | None
    error: str | None
    priority: int  # above 0 when a caller waits for it


_STATES = {state.value: state for state in FileState}
# indexed files never have a ready_at; saying so keeps queries out of their part of the index
_QUEUED = File.state.in_((FileState.PENDING, FileState.FAILED))
_SIGNATURE = (File.size, File.mtime_ns, File.ctime_ns, File.inode)


def _is_below(folder: str) -> ColumnElement[bool]:
    # '0' follows '/', so this is the prefix "folder/" without LIKE and its wildcards
    prefix = folder.rstrip("/")
    return and_(File.path >= prefix + "/", File.path < prefix + "0")


def _note_statement() -> Upsert:
    """Insert a sighting, or overwrite what is known if the signature differs.

    Made once: building it takes ten times as long as SQLite takes to do it.
    """
    statement = upsert(File)
    new = statement.excluded
    names = [column.key for column in _SIGNATURE]
    names += ["state", "attempts", "crashes", "error", "priority", "ready_at"]
    return statement.on_conflict_do_update(
        index_elements=[File.path],
        set_={name: new[name] for name in names},
        where=or_(*(column != new[column.key] for column in _SIGNATURE)),
    )


_NOTE = _note_statement()


def note(connection: Connection, sightings: Iterable[Sighting], *, priority: int = 0) -> int:
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
        }
        for seen in sightings
    ]
    if not rows:
        return 0
    for row in rows:
        if row["error"]:
            _give_up_image(connection, row)
    return connection.execute(_NOTE, rows).rowcount


def _give_up_image(connection: Connection, row: Mapping[str, object]) -> None:
    """A path that became something that is never read no longer holds its image."""
    image = connection.scalar(select(File.image_id).where(File.path == row["path"]))
    if image is not None:
        connection.execute(update(File).where(File.path == row["path"]).values(image_id=None))
        mark_orphans(connection, [image], time.time())


def prioritise(connection: Connection, paths: Sequence[str]) -> None:
    """Let pending files of *paths* be claimed before all others: a caller waits for them."""
    for start in range(0, len(paths), IN_LIST):
        some = paths[start : start + IN_LIST]
        connection.execute(
            update(File)
            .where(File.path.in_(some), File.state == FileState.PENDING, File.priority == 0)
            .values(priority=1)
        )


def requeue(connection: Connection, paths: Sequence[str], ready_at: float) -> None:
    """Make files pending again whatever is known of them."""
    for start in range(0, len(paths), IN_LIST):
        connection.execute(
            update(File)
            .where(File.path.in_(paths[start : start + IN_LIST]))
            .values(state=FileState.PENDING, attempts=0, crashes=0, error=None, ready_at=ready_at)
        )


def retry_failed(
    connection: Connection, ready_at: float, paths: Sequence[str] | None = None
) -> int:
    """Queue failed files, all or those of *paths*, that could be read. Returns how many."""
    again = (
        update(File)
        .where(File.state == FileState.FAILED, or_(File.attempts > 0, File.ready_at.is_not(None)))
        .values(state=FileState.PENDING, attempts=0, crashes=0, error=None, ready_at=ready_at)
    )
    if paths is None:
        return connection.execute(again).rowcount
    return sum(
        connection.execute(again.where(File.path.in_(paths[start : start + IN_LIST]))).rowcount
        for start in range(0, len(paths), IN_LIST)
    )


def release(connection: Connection, now: float) -> int:
    """Take back the files that were in hand when the last worker ended. Returns how many.

    One of them may have crashed it: each counts this against itself and is handed out alone from
    now on, and one that was in hand at CRASH_LIMIT crashes is given up for a while.
    """
    in_hand = and_(File.state == FileState.PENDING, File.ready_at.is_(None))
    connection.execute(
        update(File)
        .where(in_hand, File.crashes + 1 >= CRASH_LIMIT)
        .values(
            state=FileState.FAILED,
            crashes=0,
            ready_at=now + CRASH_RETRY_SECONDS,
            error=f"the ingester ended {CRASH_LIMIT} times while it had this file in hand",
        )
    )
    released = update(File).where(in_hand).values(ready_at=now, crashes=File.crashes + 1)
    return connection.execute(released).rowcount


def hand_back(connection: Connection, claims: Sequence[Claim], now: float) -> None:
    """Make files ready again that were claimed and, for no fault of theirs, not finished."""
    if not claims:
        return
    in_hand = and_(File.state == FileState.PENDING, File.ready_at.is_(None))
    some = File.id.in_([claim.file_id for claim in claims])
    connection.execute(update(File).where(some, in_hand).values(ready_at=now))


def claim(connection: Connection, limit: int, now: float) -> list[Claim]:
    """Hand out at most *limit* files that are ready, those somebody waits for first.

    A file that was in hand at a crash goes alone, when nothing else is ready or it waited long.
    """
    found = connection.execute(
        select(File.id, File.path, *_SIGNATURE, File.attempts, File.crashes, File.ready_at)
        .where(_QUEUED, File.ready_at <= now)
        .order_by(File.priority.desc(), File.ready_at, File.crashes, File.id)
        .limit(limit)
    ).all()
    suspects = [row for row in found if row.crashes]
    overdue = [row for row in suspects if row.ready_at <= now - SUSPECT_SECONDS]
    others = [row for row in found if not row.crashes]
    found = overdue[:1] or others or suspects[:1]
    if found:
        connection.execute(
            update(File)
            .where(File.id.in_([row.id for row in found]))
            .values(ready_at=None, state=FileState.PENDING)
        )
    return [
        Claim(
            row.id,
            row.path,
            Signature(row.size, row.mtime_ns, row.ctime_ns, row.inode),
            row.attempts,
        )
        for row in found
    ]


def finish(connection: Connection, done: Claim, image_id: int) -> bool:
    """Mark a claimed file as indexed, unless it has changed or gone since it was claimed.

    Returns: whether it was marked.
    """
    return _settle(connection, done, state=FileState.INDEXED, image_id=image_id, attempts=0)


def fail(
    connection: Connection,
    failed: Claim,
    reason: str,
    retry_at: float | None,
    *,
    image_id: int | None = None,
) -> bool:
    """Keep *reason* with a claimed file; try again at *retry_at*, or when the file changes."""
    return _settle(
        connection,
        failed,
        state=FileState.FAILED,
        image_id=image_id,
        attempts=failed.attempts + 1,
        error=reason,
        ready_at=retry_at,
    )


_SETTLED = ("state", "image_id", "attempts", "error", "ready_at", "priority", "crashes")
_SETTLE = (
    update(table(File))
    .where(
        File.id == bindparam("claimed"),
        *(column == bindparam(f"claimed_{column.key}") for column in _SIGNATURE),
    )
    .values({name: bindparam(f"new_{name}") for name in _SETTLED})
)


def _settle(connection: Connection, which: Claim, **values: object) -> bool:
    values = {"error": None, "ready_at": None, "priority": 0, "crashes": 0} | values
    given: dict[str, object] = {"claimed": which.file_id}
    given |= {f"claimed_{name}": value for name, value in which.signature._asdict().items()}
    given |= {f"new_{name}": value for name, value in values.items()}
    return connection.execute(_SETTLE, given).rowcount == 1


def resight(connection: Connection, seen: Claim, signature: Signature, ready_at: float) -> None:
    """Put a claimed file that turned out to be still changing back into the queue."""
    connection.execute(
        update(File)
        .where(File.id == seen.file_id)
        .values(
            size=signature.size,
            mtime_ns=signature.mtime_ns,
            ctime_ns=signature.ctime_ns,
            inode=signature.inode,
            state=FileState.PENDING,
            attempts=0,
            crashes=0,
            ready_at=ready_at,
        )
    )


def forget(connection: Connection, path: str, now: float, *, below: bool = True) -> int:
    """Remove the row of *path*, and with *below* of everything below it. Returns how many went.

    Their images stay until library.drop_orphans, so that a moved file is not embedded again.
    """
    where = or_(File.path == path, _is_below(path)) if below else File.path == path
    images = connection.scalars(select(File.image_id).where(where).distinct()).all()
    gone = connection.execute(delete(File).where(where)).rowcount
    mark_orphans(connection, [image for image in images if image is not None], now)
    return gone


def forget_files(connection: Connection, paths: Sequence[str], now: float) -> None:
    """Remove the rows of many *paths*, as forget() does of one."""
    for start in range(0, len(paths), IN_LIST):
        some = File.path.in_(paths[start : start + IN_LIST])
        images = connection.scalars(select(File.image_id).where(some).distinct()).all()
        connection.execute(delete(File).where(some))
        mark_orphans(connection, [image for image in images if image is not None], now)


_BELOW = select(File.path).where(File.path >= bindparam("first"), File.path < bindparam("end"))


def paths_below(connection: Connection, folder: str) -> list[str]:
    """The paths of all files below *folder*."""
    prefix = folder.rstrip("/")
    return list(connection.scalars(_BELOW, {"first": prefix + "/", "end": prefix + "0"}))


_IS_USED = select(File.id).where(File.image_id == Image.id).exists()
_MARK_ORPHANS = (
    update(table(Image))
    .where(Image.id.in_(bindparam("images", expanding=True)))
    .values(
        orphaned_at=case((_IS_USED, None), else_=func.coalesce(Image.orphaned_at, bindparam("now")))
    )
)


def mark_orphans(connection: Connection, images: Sequence[int], now: float) -> None:
    """Note the time at which images lost their last file; clear it for those that have one."""
    for start in range(0, len(images), IN_LIST):
        given = {"images": images[start : start + IN_LIST], "now": now}
        connection.execute(_MARK_ORPHANS, given)


FILE_COLUMNS = (  # as file_row() takes them
    File.path,
    *_SIGNATURE,
    File.state,
    File.image_id,
    File.error,
    File.priority,
)
_BY_PATH = Lookup(File.path, select(*FILE_COLUMNS))


def file_row(row: tuple[Any, ...]) -> FileRow:
    """A file from a row that starts with FILE_COLUMNS."""
    path, size, mtime_ns, ctime_ns, inode, state, image_id, error, priority, *_ = row
    signature = Signature(size, mtime_ns, ctime_ns, inode)
    return FileRow(path, signature, _STATES[state], image_id, error, priority)


def rows_of(connection: Connection, paths: Sequence[str]) -> dict[str, FileRow]:
    """The rows of *paths*, by path; unknown paths are left out."""
    return {row[0]: file_row(row) for row in _BY_PATH.rows(connection, paths)}


def files_of(connection: Connection, image_id: int) -> list[FileRow]:
    """The files that hold an image, as far as is known."""
    paths = connection.scalars(select(File.path).where(File.image_id == image_id)).all()
    return list(rows_of(connection, paths).values())


def signatures_below(connection: Connection, directory: str) -> dict[str, Signature]:
    """What the table says of every file below *directory*."""
    found = connection.execute(select(File.path, *_SIGNATURE).where(_is_below(directory)))
    return {row[0]: Signature(*row[1:]) for row in found}


def counts(connection: Connection) -> dict[str, int]:
    """How many files are in each state.

    The indexed ones are what is left: SQLite counts a whole table several times faster than rows
    by their state.
    """
    total = connection.scalar(select(func.count()).select_from(File)) or 0
    found = connection.execute(
        select(File.state, func.count()).where(_QUEUED).group_by(File.state)
    ).all()
    queued = {row[0]: row[1] for row in found}
    return {state.value: queued.get(state, 0) for state in FileState} | {
        FileState.INDEXED.value: total - sum(queued.values())
    }


def backlog(connection: Connection, now: float) -> tuple[int, float | None, bool]:
    """How many files may be claimed *now*, since when the first, and whether a caller waits."""
    row = connection.execute(
        select(func.count(), func.min(File.ready_at), func.max(File.priority)).where(
            _QUEUED, File.ready_at <= now
        )
    ).one()
    return row[0], row[1], bool(row[2])


def pending_paths(connection: Connection) -> list[str]:
    """The paths of all files in the queue."""
    return list(connection.scalars(select(File.path).where(File.state == FileState.PENDING)))


def failures(connection: Connection, limit: int) -> list[tuple[str, str]]:
    """The path and reason of the failed files, at most *limit*."""
    found = connection.execute(
        select(File.path, File.error).where(File.state == FileState.FAILED).limit(limit)
    )
    return [(row[0], row[1] or "") for row in found]
