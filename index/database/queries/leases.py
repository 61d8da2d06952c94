"""Leases: for how long a worker may keep a file in hand, and a process a job of which there is one.

All times are those of the database's clock, since the clocks of machines differ. Whoever does not
renew a lease in time has lost it, and others go on; what it commits later does not count.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, and_, delete, func, or_, select, update

from index.database.engine import upsert
from index.database.engines import engine_of
from index.database.queries.lookup import Lookup, in_lists
from index.database.queries.queue import IN_HAND, LEASE_SECONDS, Claim, take_back
from index.database.schema import File, Turn

RENEW_SECONDS = 10.0  # several may fail before the lease ends

_CLAIMED_BY = Lookup(File.id, select(File.id, File.claimed_by))


def renew(connection: Connection, claims: Sequence[Claim]) -> int:
    """Give the worker more time for those of its *claims* that it still has. Returns how many."""
    until = engine_of(connection).clock(connection) + LEASE_SECONDS
    renewed = 0
    for some in in_lists([claim.file_id for claim in claims]):
        mine = and_(File.id.in_(some), File.claimed_by == claims[0].holder, IN_HAND)
        renewed += connection.execute(update(File).where(mine).values(claimed_until=until)).rowcount
    return renewed


def still_held(connection: Connection, claims: Sequence[Claim]) -> list[Claim]:
    """The *claims* that nobody else has taken; in a write transaction, nobody can until its end."""
    rows = dict(_CLAIMED_BY.rows(connection, [claim.file_id for claim in claims]))
    return [claim for claim in claims if rows.get(claim.file_id, claim.holder) == claim.holder]


def release_lost(connection: Connection, now: float, home: str | None = None) -> int:
    """Take back files from workers that did not renew their lease. Returns how many.

    They count as crashes; see queue.release().

    Args:
        now: seconds since 1970, for ready_at.
        home: workers whose names begin so are known to be gone, too.
    """
    ended = File.claimed_until <= engine_of(connection).clock(connection)
    if home is not None:
        theirs = func.substr(File.claimed_by, 1, len(home)) == home
        ended = or_(ended, and_(File.claimed_until.is_not(None), theirs))
    return take_back(connection, now, and_(IN_HAND, ended))


def is_taken(connection: Connection, name: str) -> bool:
    """Whether somebody has the job *name*."""
    until = connection.scalar(select(Turn.until).where(Turn.name == name))
    return until is not None and until > engine_of(connection).clock(connection)


def take_turn(connection: Connection, name: str, holder: str) -> bool:
    """Give *holder* the job *name*, unless another one has it. Returns whether it has it now.

    Whoever has it calls this again every RENEW_SECONDS.
    """
    now = engine_of(connection).clock(connection)
    statement = upsert(Turn).values(name=name, holder=holder, until=now + LEASE_SECONDS)
    new = statement.excluded
    taken = connection.execute(
        statement.on_conflict_do_update(
            index_elements=[Turn.name],
            set_={"holder": new.holder, "until": new.until},
            where=or_(Turn.holder == holder, Turn.until <= now),
        ).execution_options(preserve_rowcount=True)
    )
    return taken.rowcount == 1


def leave_turn(connection: Connection, name: str, holder: str) -> None:
    """Let others have the job at once."""
    connection.execute(delete(Turn).where(Turn.name == name, Turn.holder == holder))
