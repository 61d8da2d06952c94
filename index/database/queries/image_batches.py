"""Batches of images that a re-index has put out, for any process to take, embed and finish.

A batch is leased like a file (queries.leases). It only shares the work out: an image that two
processes embed is stored once, by whichever commits first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update

from index.database.engines import engine_of
from index.database.queries.generations import FILLED, GenerationRow
from index.database.queries.queue import LEASE_SECONDS
from index.database.schema import Generation, ImageBatch

# a batch that this many processes have lost, or could not read, is left to the re-index itself
MOST_TRIES = 3


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch in the hands of one process: the missing images of a range of ids."""

    id: int
    generation_id: int
    first_image: int
    last_image: int
    holder: str


def put_out(connection: Connection, generation_id: int, batches: Sequence[Sequence[int]]) -> None:
    """Add *batches* of image ids, each in rising order."""
    connection.execute(
        insert(ImageBatch),
        [
            {
                "generation_id": generation_id,
                "first_image": images[0],
                "last_image": images[-1],
                "images": len(images),
            }
            for images in batches
        ],
    )


def drop_all(connection: Connection) -> None:
    """Take all batches back; what is in hand of them is still stored."""
    connection.execute(delete(ImageBatch))


def left(connection: Connection, generation_id: int) -> int:
    """The number of images in the batches of a generation that are not finished."""
    images = select(func.sum(ImageBatch.images)).where(ImageBatch.generation_id == generation_id)
    return connection.scalar(images) or 0


def waiting(connection: Connection) -> GenerationRow | None:
    """The generation of a batch that any process may take; None: there is no such batch."""
    found = connection.execute(
        select(Generation.id, Generation.model_id, Generation.model, Generation.profile)
        .join(ImageBatch, ImageBatch.generation_id == Generation.id)
        .where(
            Generation.state.in_(FILLED),
            _is_free(connection),
            ImageBatch.tries < MOST_TRIES,
        )
        .order_by(ImageBatch.id)
        .limit(1)
    ).first()
    return GenerationRow(*found) if found else None


def take(
    connection: Connection, generation_id: int, holder: str, *, refused: bool = False
) -> Batch | None:
    """Hand the first free batch of a generation to *holder*; None: there is none.

    Args:
        refused: also those that other processes have lost or refused.
    """
    found = select(ImageBatch).where(
        ImageBatch.generation_id == generation_id, _is_free(connection)
    )
    if not refused:
        found = found.where(ImageBatch.tries < MOST_TRIES)
    row = connection.execute(found.order_by(ImageBatch.id).limit(1)).first()
    if row is None:
        return None
    _set(
        connection,
        row.id,
        tries=row.tries + 1,
        claimed_by=holder,
        claimed_until=engine_of(connection).clock(connection) + LEASE_SECONDS,
    )
    return Batch(row.id, generation_id, row.first_image, row.last_image, holder)


def _is_free(connection: Connection) -> ColumnElement[bool]:
    now = engine_of(connection).clock(connection)
    return or_(ImageBatch.claimed_until.is_(None), ImageBatch.claimed_until <= now)


def _set(connection: Connection, batch_id: int, **values: object) -> None:
    connection.execute(update(ImageBatch).where(ImageBatch.id == batch_id).values(values))


def renew(connection: Connection, batch: Batch) -> None:
    """Give the holder of *batch* more time."""
    until = engine_of(connection).clock(connection) + LEASE_SECONDS
    mine = (ImageBatch.id == batch.id, ImageBatch.claimed_by == batch.holder)
    connection.execute(update(ImageBatch).where(*mine).values(claimed_until=until))


def refuse(connection: Connection, batch: Batch) -> None:
    """Leave *batch* to the re-index itself, which tells of what cannot be read."""
    _set(connection, batch.id, tries=MOST_TRIES, claimed_until=None)


def finish(connection: Connection, batch: Batch) -> None:
    """Remove *batch*, since its images are stored."""
    connection.execute(delete(ImageBatch).where(ImageBatch.id == batch.id))
