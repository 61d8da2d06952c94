"""The queue of work: the files that are pending, in hand, done, failed or no photos.

A pending row with a ready_at is work; without one, a worker has claimed it. A failed row with a
ready_at is tried again then; without one, it waits until the file changes. Rows in other states
have none, so the index in the order of claims holds the rows with a ready_at and no others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, or_, select, update

from index.base.paths import Signature
from index.database.engines import engine_of
from index.database.queries.files import SIGNATURE_COLUMNS
from index.database.queries.lookup import in_lists
from index.database.schema import File, table
from index.database.states import FileState

CRASH_LIMIT = 3  # a file that was in hand at this many crashes fails for a while
CRASH_RETRY_SECONDS = 600.0
LEASE_SECONDS = 45.0  # until others may take a file from its worker; see queries.leases
ALONE = "alone"  # the worker of a library that nobody else works on
SUSPECT_SECONDS = 60.0  # for so long other files go before one that was in hand at a crash


@dataclass(frozen=True, slots=True)
class Claim:
    """A file handed to a worker."""

    file_id: int
    path: str
    signature: Signature
    attempts: int  # how often it failed before
    holder: str  # the name of the worker


_NOT_INDEXED = File.state.in_(tuple(state for state in FileState if state != FileState.INDEXED))


IN_HAND = and_(File.state == FileState.PENDING, File.ready_at.is_(None))


def prioritise(connection: Connection, paths: Sequence[str]) -> None:
    """Let pending files of *paths* be claimed before all others: a caller waits for them."""
    for some in in_lists(paths):
        connection.execute(
            update(File)
            .where(File.path.in_(some), File.state == FileState.PENDING, File.priority == 0)
            .values(priority=1)
        )


def requeue(connection: Connection, paths: Sequence[str], ready_at: float) -> None:
    """Make files pending again, in whatever state they are."""
    for some in in_lists(paths):
        connection.execute(
            update(File)
            .where(File.path.in_(some))
            .values(
                state=FileState.PENDING,
                attempts=0,
                crashes=0,
                error=None,
                ready_at=ready_at,
                claimed_until=None,
            )
        )


def retry_failed(
    connection: Connection, ready_at: float, paths: Sequence[str] | None = None
) -> int:
    """Queue failed files, all or those of *paths*, that another try may read. Returns how many."""
    again = (
        update(File)
        .where(File.state == FileState.FAILED, or_(File.attempts > 0, File.ready_at.is_not(None)))
        .values(state=FileState.PENDING, attempts=0, crashes=0, error=None, ready_at=ready_at)
    )
    if paths is None:
        return connection.execute(again).rowcount
    return sum(
        connection.execute(again.where(File.path.in_(some))).rowcount for some in in_lists(paths)
    )


def release(connection: Connection, now: float) -> int:
    """Take back all files in hand, since the last worker has ended. Returns how many.

    One of them may have crashed the worker. So each gets one crash more, and is handed out alone
    from now on. A file with CRASH_LIMIT crashes fails, and is tried again after
    CRASH_RETRY_SECONDS.
    """
    return take_back(connection, now, IN_HAND)


def take_back(connection: Connection, now: float, these: ColumnElement[bool]) -> int:
    """Do for the files *these* what release() does for all in hand."""
    unclaimed = {"claimed_by": None, "claimed_until": None}
    connection.execute(
        update(File)
        .where(these, File.crashes + 1 >= CRASH_LIMIT)
        .values(
            state=FileState.FAILED,
            crashes=0,
            ready_at=now + CRASH_RETRY_SECONDS,
            error=f"the ingester ended {CRASH_LIMIT} times while it was reading this file",
            **unclaimed,
        )
    )
    released = update(File).where(these)
    released = released.values(ready_at=now, crashes=File.crashes + 1, **unclaimed)
    return connection.execute(released).rowcount


def hand_back(connection: Connection, claims: Sequence[Claim], now: float) -> None:
    """Make claimed files ready again that were not finished, through no fault of their own."""
    if not claims:
        return
    some = File.id.in_([claim.file_id for claim in claims])
    mine = and_(some, IN_HAND, File.claimed_by == claims[0].holder)
    connection.execute(update(File).where(mine).values(ready_at=now, claimed_until=None))


def claim(connection: Connection, limit: int, now: float, holder: str = ALONE) -> list[Claim]:
    """Hand out at most *limit* files that are ready; those that a caller waits for come first.

    A file that was in hand at a crash is handed out alone: when no other file is ready, or when it
    has waited for SUSPECT_SECONDS.

    Args:
        now: seconds since 1970, for ready_at.
        holder: the name of the worker.
    """
    found = connection.execute(
        select(File.id, File.path, *SIGNATURE_COLUMNS, File.attempts, File.crashes, File.ready_at)
        .where(File.ready_at <= now)
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
            .values(
                ready_at=None,
                state=FileState.PENDING,
                claimed_by=holder,
                claimed_until=engine_of(connection).clock(connection) + LEASE_SECONDS,
            )
        )
    return [
        Claim(
            row.id,
            row.path,
            Signature(row.size, row.mtime_ns, row.ctime_ns, row.inode),
            row.attempts,
            holder,
        )
        for row in found
    ]


_RESULT_COLUMNS = (
    *("state", "image_id", "attempts", "error", "ready_at", "priority", "crashes"),
    "claimed_until",
)
_UPDATE_CLAIMED = (
    update(table(File))
    .where(
        File.id == bindparam("claimed"),
        *(column == bindparam(f"claimed_{column.key}") for column in SIGNATURE_COLUMNS),
    )
    .values({name: bindparam(f"new_{name}") for name in _RESULT_COLUMNS})
)


def finish(connection: Connection, done: Mapping[Claim, int]) -> int:
    """Mark claimed files as indexed, each with its image; skip those that changed or went.

    Returns: the number marked.
    """
    return _update_claimed(
        connection,
        [
            _result(each, state=FileState.INDEXED, image_id=image_id, attempts=0)
            for each, image_id in done.items()
        ],
    )


def fail(
    connection: Connection,
    failed: Claim,
    reason: str,
    retry_at: float | None,
    *,
    image_id: int | None = None,
    state: FileState = FileState.FAILED,
) -> bool:
    """Mark a claimed file as failed; try it again at *retry_at*, or when it changes.

    Args:
        state: FAILED, or NO_PHOTO for other kinds of files.
    """
    values = _result(
        failed,
        state=state,
        image_id=image_id,
        attempts=failed.attempts + 1,
        error=reason,
        ready_at=retry_at if state is FileState.FAILED else None,
    )
    return _update_claimed(connection, [values]) == 1


def _result(which: Claim, **values: object) -> dict[str, object]:
    """The parameters of _UPDATE_CLAIMED."""
    values = {
        "error": None,
        "ready_at": None,
        "priority": 0,
        "crashes": 0,
        "claimed_until": None,
    } | values
    given: dict[str, object] = {"claimed": which.file_id}
    given |= {f"claimed_{name}": value for name, value in which.signature._asdict().items()}
    return given | {f"new_{name}": value for name, value in values.items()}


def _update_claimed(connection: Connection, files: Sequence[dict[str, object]]) -> int:
    """Update the *files* that have not changed since they were claimed. Returns how many."""
    return connection.execute(_UPDATE_CLAIMED, files).rowcount if files else 0


def requeue_changed(
    connection: Connection, seen: Claim, signature: Signature, ready_at: float
) -> None:
    """Put a claimed file that is still changing back into the queue."""
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
            claimed_until=None,
        )
    )


def counts(connection: Connection) -> dict[str, int]:
    """The number of files in each state.

    The indexed ones are all files less the others: SQLite counts a whole table several times faster
    than rows by their state.
    """
    total = connection.scalar(select(func.count()).select_from(File)) or 0
    found = connection.execute(
        select(File.state, func.count()).where(_NOT_INDEXED).group_by(File.state)
    ).all()
    queued = {row[0]: row[1] for row in found}
    return {state.value: queued.get(state, 0) for state in FileState} | {
        FileState.INDEXED.value: total - sum(queued.values())
    }


_READY = File.ready_at <= bindparam("now")
_SOME = (
    select(File.ready_at, File.priority)
    .where(_READY)
    .order_by(File.priority.desc(), File.ready_at)
    .limit(bindparam("most"))
    .subquery()
)
# built once, since that takes several times as long as running them
_BACKLOG = select(func.count(), func.min(File.ready_at), func.max(File.priority)).where(_READY)
_BACKLOG_OF_SOME = select(
    func.count(), func.min(_SOME.c.ready_at), func.max(_SOME.c.priority)
).select_from(_SOME)


def backlog(
    connection: Connection, now: float, limit: int | None = None
) -> tuple[int, float | None, bool]:
    """The number of files ready *now*, when the first became ready, and whether a caller waits.

    Args:
        limit: stop counting there; the rest is right only if no caller waits. None: count all,
            which takes 40 ms for a million.
    """
    if limit is None:
        row = connection.execute(_BACKLOG, {"now": now}).one()
    else:
        row = connection.execute(_BACKLOG_OF_SOME, {"now": now, "most": limit}).one()
    return row[0], row[1], bool(row[2])


def pending_paths(connection: Connection) -> list[str]:
    """The paths of all files in the queue."""
    return list(connection.scalars(select(File.path).where(File.state == FileState.PENDING)))
