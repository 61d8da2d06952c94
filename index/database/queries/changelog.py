"""The changelog: the faces that were added and removed. Indexes and snapshots follow it."""

from sqlalchemy import Connection, bindparam, func, select

from index.database.queries.lookup import Fixed
from index.database.schema import Change, Snapshot

# one statement, since questions wait for it
_NEWEST = Fixed(
    select(
        select(func.max(Change.seq))
        .where(Change.generation_id == bindparam("generation"))
        .scalar_subquery(),
        select(func.max(Snapshot.upto_seq))
        .where(Snapshot.generation_id == bindparam("generation"))
        .scalar_subquery(),
    )
)


def newest_change(connection: Connection, generation_id: int) -> int:
    """The last position still kept in the changelog of a generation; 0 when there is none."""
    found = connection.scalar(
        select(func.max(Change.seq)).where(Change.generation_id == generation_id)
    )
    return found or 0


def last_position(connection: Connection, generation_id: int) -> int:
    """The position of the last commit of a generation, even if all changes have been pruned.

    0 when there is none.
    """
    [row] = _NEWEST.rows(connection, generation=generation_id)
    return max(position or 0 for position in row)


def changes_since(
    connection: Connection, generation_id: int, seq: int
) -> list[tuple[int, int, bool]]:
    """Changes after position *seq*, in order: (position, face id, added)."""
    found = connection.execute(
        select(Change.seq, Change.face_id, Change.added)
        .where(Change.generation_id == generation_id, Change.seq > seq)
        .order_by(Change.seq)
    )
    return [(row[0], row[1], row[2]) for row in found]


def count_changes(connection: Connection, generation_id: int, seq: int) -> int:
    """The number of changes after position *seq*."""
    later = select(func.count()).where(Change.generation_id == generation_id, Change.seq > seq)
    return connection.scalar(later) or 0
