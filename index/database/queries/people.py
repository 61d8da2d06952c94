"""The persons of the whole library, as they were counted last, and what they were counted from."""

from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection, delete, func, select

from index.base.arrays import IntVector
from index.database.engine import upsert
from index.database.schema import Face, File, Image, People
from index.database.states import FileState

ARRAYS = ("faces", "images", "persons")
_ONLY = 1
_HELD = (
    select(File.image_id)
    .where(File.state == FileState.INDEXED, File.image_id.is_not(None))
    .distinct()
)


class PeopleRow(NamedTuple):
    """The persons of the whole library.

    Attributes:
        version: what they were counted from, and how.
        change: the newest of the changelog then.
        counted_at: seconds since 1970.
        photos: how many different photos there were.
        faces: (n,) ids of the faces that counted, ascending.
        images: (n,) the image of each of them.
        persons: (n,) the number of each one's person, from 0, the most photographed first.
    """

    version: str
    change: int
    counted_at: float
    photos: int
    faces: IntVector
    images: IntVector
    persons: IntVector


def held_images(connection: Connection) -> list[int]:
    """The images that at least one indexed file holds."""
    return [image for image in connection.scalars(_HELD.order_by(File.image_id)) if image]


def held_version(connection: Connection) -> tuple[int, int, float]:
    """Numbers that change when held_images() does; cheap, also with a million files."""
    newest = connection.scalar(select(func.max(Image.id)))
    orphans = select(func.count(), func.max(Image.orphaned_at)).where(Image.orphaned_at > 0)
    count, last = connection.execute(orphans).one()
    return newest or 0, count, last or 0.0


def stored_faces(connection: Connection, generation_id: int) -> int:
    """How many faces one generation has found, whether or not they count."""
    stored = select(func.count()).where(Face.generation_id == generation_id)
    return connection.scalar(stored) or 0


def has_pending(connection: Connection) -> bool:
    """Whether any file waits to be read."""
    pending = select(File.id).where(File.state == FileState.PENDING).limit(1)
    return connection.scalar(pending) is not None


def store(connection: Connection, row: PeopleRow) -> None:
    """Replace the persons that were counted before."""
    values = row._asdict()
    values |= {name: values[name].astype("<i8").tobytes() for name in ARRAYS}
    connection.execute(
        upsert(People)
        .values(id=_ONLY, **values)
        .on_conflict_do_update(index_elements=[People.id], set_=values)
    )


def read(connection: Connection) -> PeopleRow | None:
    """The persons that were counted last, or None."""
    columns = [getattr(People, name) for name in PeopleRow._fields]
    row = connection.execute(select(*columns)).one_or_none()
    if row is None:
        return None
    arrays = [np.frombuffer(blob, "<i8").astype(np.int64) for blob in row[-len(ARRAYS) :]]
    return PeopleRow(*row[: -len(ARRAYS)], *arrays)


def read_version(connection: Connection) -> str | None:
    """What the persons that were counted last were counted from, or None."""
    return connection.scalar(select(People.version))


def erase(connection: Connection) -> None:
    """Forget the persons that were counted; they are counted again."""
    connection.execute(delete(People))
