"""Embeddings: reads the raw vectors of faces and checks them against their checksums."""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, select

from index.base.arrays import FloatMatrix
from index.base.errors import StoreError
from index.database.queries.lookup import Lookup
from index.database.schema import Face

StoredVectors = dict[int, tuple[bytes, int]]  # by face id: the vector's bytes and its checksum

_BY_ID = Lookup(
    Face.id,
    select(Face.id, Face.embedding, Face.crc32).where(
        Face.generation_id == bindparam("generation")
    ),
)


def embeddings_of(
    connection: Connection, generation_id: int, ids: Sequence[int], *, check: bool = True
) -> tuple[list[int], FloatMatrix]:
    """The ids, ascending, and raw vectors (n, d) of those faces among *ids* that exist.

    Raises:
        StoreError: a stored vector does not match its checksum, and *check* is set.
    """
    rows = _BY_ID.rows(connection, ids, generation=generation_id)
    if check:
        _check(rows)
    return _joined(sorted(rows))


def stored_vectors(connection: Connection, generation_id: int, ids: Sequence[int]) -> StoredVectors:
    """The vectors, unchecked, of those faces among *ids* that exist."""
    rows = _BY_ID.rows(connection, ids, generation=generation_id)
    return {row[0]: (row[1], row[2]) for row in rows}


def unpacked(stored: Mapping[int, tuple[bytes, int]]) -> tuple[list[int], FloatMatrix]:
    """The ids, ascending, and raw vectors (n, d); errors as in embeddings_of()."""
    rows = [(face, *stored[face]) for face in sorted(stored)]
    _check(rows)
    return _joined(rows)


def iterate_embeddings(
    connection: Connection, generation_id: int, batch: int
) -> Iterator[tuple[list[int], FloatMatrix]]:
    """All raw vectors of a generation in batches, by ascending id; errors as in embeddings_of()."""
    last = 0
    while True:
        rows = connection.execute(
            select(Face.id, Face.embedding, Face.crc32)
            .where(Face.generation_id == generation_id, Face.id > last)
            .order_by(Face.id)
            .limit(batch)
        ).all()
        if not rows:
            return
        last = rows[-1][0]
        plain = [(row[0], row[1], row[2]) for row in rows]
        _check(plain)
        yield _joined(plain)


def _check(rows: Iterable[tuple[int, bytes, int]]) -> None:
    for face_id, blob, crc32 in rows:
        if zlib.crc32(blob) != crc32:
            raise StoreError(f"the vector of face {face_id} does not match its checksum")


def _joined(rows: list[tuple[int, bytes, int]]) -> tuple[list[int], FloatMatrix]:
    if not rows:
        return [], np.empty((0, 0), np.float32)
    joined = np.frombuffer(b"".join(blob for _, blob, _ in rows), "<f4")
    return [face_id for face_id, _, _ in rows], joined.reshape(len(rows), -1)


def damaged_faces(
    connection: Connection, generation_id: int, batch: int
) -> Iterator[tuple[int, int]]:
    """Faces whose vector does not match its checksum: (face id, image id)."""
    rows = connection.execute(
        select(Face.id, Face.image_id, Face.embedding, Face.crc32)
        .where(Face.generation_id == generation_id)
        .execution_options(yield_per=batch)
    )
    for face_id, image_id, blob, crc32 in rows:
        if zlib.crc32(blob) != crc32:
            yield face_id, image_id


def face_ids(connection: Connection, generation_id: int) -> NDArray[np.int64]:
    """The ids of all faces of a generation, ascending."""
    found = connection.scalars(
        select(Face.id).where(Face.generation_id == generation_id).order_by(Face.id)
    )
    return np.fromiter(found, np.int64)


def has_more_faces(connection: Connection, generation_id: int, faces: int) -> bool:
    """Whether a generation has more than some *faces*; it looks at no more of them."""
    beyond = select(Face.id).where(Face.generation_id == generation_id).offset(faces).limit(1)
    return connection.scalar(beyond) is not None
