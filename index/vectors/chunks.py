"""Chunks: the parts of the vector index and of its snapshots.

Ids only ever grow. So chunks hold ascending ranges of ids, and adding or removing a face changes
one chunk, of 8 MiB at most.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import faiss
import numpy as np
from sqlalchemy import Connection

from index.base.arrays import DoubleVector, FloatMatrix, IntVector
from index.base.errors import SnapshotDamagedError
from index.database.queries import embeddings, snapshots
from index.vectors.space import VectorSpace

CHUNK_FACES = 4096  # 8 MiB of 512 float32 numbers
BORDER = 1e-5  # FAISS's float32 kernels differ by less
MAX_CHUNK_BYTES = 64 << 20  # FAISS may allocate no more while reading one chunk


class Chunk:
    """Up to CHUNK_FACES vectors in a FAISS IndexIDMap over an IndexFlatIP, ids ascending."""

    def __init__(self, index: faiss.IndexIDMap) -> None:
        self.index = index
        self.ids: IntVector = faiss.vector_to_array(index.id_map)
        self.first, self.last = map(int, self.ids[[0, -1]]) if len(self.ids) else (0, -1)
        self._has_gaps = len(self.ids) != self.last - self.first + 1
        flat: Any = faiss.downcast_index(index.index)
        block = faiss.rev_swig_ptr(flat.get_xb(), len(self.ids) * flat.d)
        # FAISS's own memory, (n, d): valid only while the index lives
        self._block: FloatMatrix = block.reshape(len(self.ids), flat.d)

    @classmethod
    def of(cls, ids: IntVector, vectors: FloatMatrix) -> "Chunk":
        """A chunk of *vectors* (n, d) under ascending *ids* (n,)."""
        index = faiss.IndexIDMap(faiss.IndexFlatIP(vectors.shape[1]))
        index.add_with_ids(vectors, ids)
        return cls(index)

    @property
    def vectors(self) -> FloatMatrix:
        """A copy of the vectors, (n, d)."""
        return self._block.copy()

    def pick(self, ids: IntVector) -> FloatMatrix:
        """The vectors of *ids* (n,), which must all be here: (n, d)."""
        picked: FloatMatrix = self._block[self.ids.searchsorted(ids)]
        return picked

    def copy(self, ids: IntVector, into: FloatMatrix) -> int | None:
        """Copy the vectors of *ids* to *into*, or return the first id that is not here.

        If the chunk's ids have no gaps, none has to be searched for. mode="clip" changes nothing
        here, but without it numpy fills *into* by way of a buffer.

        Args:
            ids: (n,) ascending, n at least 1; none may be below the chunk's first.
            into: (n, d), C-contiguous.
        """
        if not self._has_gaps and ids[-1] <= self.last:
            self._block.take(ids - self.first, axis=0, out=into, mode="clip")
            return None
        positions = self.ids.searchsorted(ids)
        found = self.ids.take(positions, mode="clip") == ids
        if not found.all():
            return int(ids[found.argmin()])
        self._block.take(positions, axis=0, out=into, mode="clip")
        return None

    def near(self, vector: FloatMatrix, cut: float) -> tuple[IntVector, DoubleVector]:
        """The ids whose cosine similarity with *vector* (1, d) is strictly above *cut*, and it.

        FAISS's float32 decides but for those near the cut, where float64 does.
        """
        _, found, ids = self.index.range_search(vector, cut - BORDER)
        similarity = found.astype(np.float64)
        close = np.flatnonzero(np.abs(similarity - cut) <= BORDER)
        if len(close):
            exact = self.pick(ids[close]).astype(np.float64) @ vector[0].astype(np.float64)
            similarity[close] = np.minimum(exact, 1.0)
        keep = similarity > cut
        return ids[keep], similarity[keep]

    def to_bytes(self) -> bytes:
        """FAISS's own serialisation."""
        return faiss.serialize_index(self.index).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes, sha256: bytes, face_count: int, dim: int) -> "Chunk":
        """Read a chunk that to_bytes() wrote.

        Raises:
            SnapshotDamagedError: the bytes are not those that were stored.
        """
        if hashlib.sha256(data).digest() != sha256:
            raise SnapshotDamagedError("a chunk does not match its checksum")
        faiss.set_deserialization_vector_byte_limit(MAX_CHUNK_BYTES)
        try:
            index = faiss.deserialize_index(np.frombuffer(data, np.uint8))
        except RuntimeError as error:
            raise SnapshotDamagedError(f"FAISS cannot read a chunk: {error}") from error
        if not isinstance(index, faiss.IndexIDMap) or (index.d, index.ntotal) != (dim, face_count):
            raise SnapshotDamagedError("a chunk holds something else than was stored")
        return cls(index)


def replay(
    chunks: list[Chunk], ids: IntVector, vectors: FloatMatrix, removed: IntVector
) -> set[int]:
    """Apply changes to *chunks* in place; no face id may be in both *ids* and *removed*.

    Args:
        ids: (n,) ascending ids of new faces; ids that are in the chunks already are skipped.
        vectors: (n, d) their vectors, unit length.
        removed: ids of faces that are gone; they need not be in the chunks.

    Returns: the positions of the chunks that were changed.
    """
    touched: set[int] = set()
    for position, chunk in enumerate(chunks):
        stay = ~np.isin(chunk.ids, removed)
        if not stay.all():
            chunks[position] = Chunk.of(chunk.ids[stay], chunk.vectors[stay])
            touched.add(position)
    fresh = ids > max((chunk.last for chunk in chunks), default=0)
    ids, vectors = ids[fresh], vectors[fresh]
    start = 0
    while start < len(ids):
        if not chunks or len(chunks[-1].ids) >= CHUNK_FACES:
            chunks.append(Chunk.of(ids[:0], vectors[:0]))
        last = chunks[-1]
        some = slice(start, start + CHUNK_FACES - len(last.ids))
        chunks[-1] = Chunk.of(
            np.concatenate((last.ids, ids[some])), np.concatenate((last.vectors, vectors[some]))
        )
        touched.add(len(chunks) - 1)
        start = some.stop
    return touched


def load_chunks(
    connection: Connection, row: snapshots.SnapshotRow, space: VectorSpace
) -> Iterator[Chunk]:
    """Read and check the chunks of a stored snapshot, one at a time.

    Raises:
        SnapshotDamagedError: one is missing or damaged, or was made in another space.
    """
    if not row.fits(space.space_id):
        raise SnapshotDamagedError("made with another profile or FAISS version")
    total = 0
    for chunk_id in row.chunk_ids:
        stored = snapshots.chunk(connection, chunk_id)
        if stored is None:
            raise SnapshotDamagedError("a chunk is missing")
        face_count, sha256, data = stored
        total += face_count
        yield Chunk.from_bytes(data, sha256, face_count, space.dim)
    if total != row.face_count:
        raise SnapshotDamagedError(f"holds {total} faces, not {row.face_count}")


def chunks_from_rows(
    connection: Connection, generation_id: int, space: VectorSpace
) -> Iterator[Chunk]:
    """Build all chunks of a generation from its rows, one at a time.

    Raises:
        StoreError: a row does not match its checksum.
    """
    for ids, raw in embeddings.iterate_embeddings(connection, generation_id, CHUNK_FACES):
        yield Chunk.of(np.array(ids, np.int64), space.unit(raw))
