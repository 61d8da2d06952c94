"""The vector index in memory: FAISS chunks of at most 4,096 unit vectors, by face id.

Rows are the truth, this is derived. It is opened from the newest good snapshot plus the changelog
after it, and rebuilt from the rows whenever the two disagree. Ids only ever grow, so chunks hold
ascending ranges of ids, and a change touches one chunk of 8 MiB at the most.
"""

import hashlib
import logging
import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import faiss
import numpy as np
from sqlalchemy import Connection

from index.arrays import FloatMatrix, IntVector
from index.errors import IndexOutOfDateError, SnapshotDamagedError
from index.space import Space
from index.store import changelog, embeddings, snapshots

log = logging.getLogger(__name__)

Ids = IntVector

CHUNK_FACES = 4096  # 8 MiB of 512 float32 numbers
MAX_CHUNK_BYTES = 64 << 20  # what FAISS may allocate while reading one chunk


class Chunk:
    """Up to CHUNK_FACES vectors in a FAISS IndexIDMap over an IndexFlatIP, ids ascending."""

    def __init__(self, index: faiss.IndexIDMap) -> None:
        self.index = index
        self.ids: Ids = faiss.vector_to_array(index.id_map)
        self.first, self._last = map(int, self.ids[[0, -1]]) if len(self.ids) else (0, -1)
        self._has_gaps = len(self.ids) != self._last - self.first + 1
        flat: Any = faiss.downcast_index(index.index)
        block = faiss.rev_swig_ptr(flat.get_xb(), len(self.ids) * flat.d)
        # FAISS's own memory, (n, d): good only while the index lives
        self._block: FloatMatrix = block.reshape(len(self.ids), flat.d)

    @classmethod
    def of(cls, ids: Ids, vectors: FloatMatrix) -> "Chunk":
        """A chunk of *vectors* (n, d) under ascending *ids* (n,)."""
        index = faiss.IndexIDMap(faiss.IndexFlatIP(vectors.shape[1]))
        index.add_with_ids(vectors, ids)
        return cls(index)

    @property
    def vectors(self) -> FloatMatrix:
        """A copy of the vectors, (n, d)."""
        return self._block.copy()

    def pick(self, ids: Ids) -> FloatMatrix:
        """The vectors of *ids*, which must all be here."""
        picked: FloatMatrix = self._block[self.ids.searchsorted(ids)]
        return picked

    def copy(self, ids: Ids, into: FloatMatrix) -> int | None:
        """Copy the vectors of *ids* to *into*, or return the first that is not here.

        None of them may be below the chunk's first.
        """
        if not self._has_gaps and ids[-1] <= self._last:
            self._block.take(ids - self.first, axis=0, out=into, mode="clip")
            return None
        positions = self.ids.searchsorted(ids)
        found = self.ids.take(positions, mode="clip") == ids
        if not found.all():
            return int(ids[found.argmin()])
        self._block.take(positions, axis=0, out=into, mode="clip")
        return None

    def to_bytes(self) -> bytes:
        """FAISS's own serialisation."""
        return faiss.serialize_index(self.index).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes, sha256: bytes, face_count: int, dim: int) -> "Chunk":
        """Read a chunk that to_bytes() wrote.

        Raises:
            SnapshotDamagedError: the bytes are not the ones that were stored.
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


def replay(chunks: list[Chunk], ids: Ids, vectors: FloatMatrix, removed: Ids) -> set[int]:
    """Apply changes to *chunks* in place; face ids in both *ids* and *removed* must not occur.

    Args:
        ids: (n,) ascending new faces; those that are there already are skipped.
        vectors: (n, d) theirs, unit length.
        removed: faces that are gone, whether they are there or not.

    Returns: the positions of the chunks that are not what they were.
    """
    touched: set[int] = set()
    for position, chunk in enumerate(chunks):
        stay = ~np.isin(chunk.ids, removed)
        if not stay.all():
            chunks[position] = Chunk.of(chunk.ids[stay], chunk.vectors[stay])
            touched.add(position)
    fresh = ids > max((int(chunk.ids[-1]) for chunk in chunks if len(chunk.ids)), default=0)
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


class VectorIndex:
    """Unit vectors of one generation by face id, following the database.

    Threads may call vectors() while another calls refresh().
    """

    def __init__(self, generation_id: int, space: Space) -> None:
        self.generation_id = generation_id
        self.space = space
        self.applied_seq = 0
        self.rebuilds = 0  # how often the rows and a snapshot or the changelog disagreed
        self._chunks: list[Chunk] = []
        self._lock = threading.RLock()  # held while chunks change hands, briefly
        self._updating = threading.RLock()  # one open() or refresh() at a time

    def __len__(self) -> int:
        return sum(len(chunk.ids) for chunk in self._chunks)

    @property
    def ids(self) -> Ids:
        """All face ids, ascending."""
        return np.concatenate([np.empty(0, np.int64), *(chunk.ids for chunk in self._chunks)])

    def open(self, connection: Connection) -> None:
        """Load the newest snapshot that is whole and replay what came after it.

        Falls back to an older snapshot, then to the rows; each fall is logged. Afterwards the ids
        are those of the rows.

        Raises:
            StoreError: the rows themselves are damaged.
        """
        with self._updating:
            self._open(connection)

    def _open(self, connection: Connection) -> None:
        for row in snapshots.newest_first(connection, self.generation_id):
            try:
                loaded = load_chunks(connection, row, self.space)
                chunks = [chunk for chunk in loaded if len(chunk.ids)]
            except SnapshotDamagedError as error:
                self.rebuilds += 1
                log.warning("index.snapshot_damaged snapshot=%d reason=%s", row.id, error)
                continue
            with self._lock:
                self._chunks, self.applied_seq = chunks, row.upto_seq
            self._replay(connection)
            break
        else:
            self._rebuild(connection)
        if not np.array_equal(self.ids, embeddings.face_ids(connection, self.generation_id)):
            self.rebuilds += 1
            log.warning("index.rows_differ generation=%d", self.generation_id)
            self._rebuild(connection)

    def refresh(self, connection: Connection) -> None:
        """Apply what was committed since the last call."""
        with self._updating:
            pruned_upto = snapshots.pruned_upto(connection, self.generation_id)
            if self.applied_seq < pruned_upto:
                self._open(connection)  # the changes that are missing here are gone
            else:
                self._replay(connection)

    def _replay(self, connection: Connection) -> None:
        changes = changelog.changes_since(connection, self.generation_id, self.applied_seq)
        if not changes:
            return
        added = {face_id for _, face_id, is_added in changes if is_added}
        removed = {face_id for _, face_id, is_added in changes if not is_added}
        ids, raw = embeddings.embeddings_of(connection, self.generation_id, sorted(added - removed))
        unit = self.space.unit(raw) if ids else np.empty((0, self.space.dim), np.float32)
        with self._lock:
            chunks = list(self._chunks)
            replay(chunks, np.array(ids, np.int64), unit, np.array(sorted(removed), np.int64))
            self._chunks = [chunk for chunk in chunks if len(chunk.ids)]
            self.applied_seq = changes[-1][0]

    def _rebuild(self, connection: Connection) -> None:
        newest = last_position(connection, self.generation_id)
        chunks = list(chunks_from_rows(connection, self.generation_id, self.space))
        with self._lock:
            self._chunks, self.applied_seq = chunks, newest

    def vectors(self, ids: Sequence[int]) -> FloatMatrix:
        """The unit vectors of ascending face *ids*, (n, d) in their order.

        Raises:
            IndexOutOfDateError: one of them is not here; refresh, then ask again.
        """
        wanted = np.asarray(ids, np.int64)
        with self._lock:
            chunks = self._chunks
        # where the ids of each chunk begin, and where they end
        bounds = [*wanted.searchsorted([chunk.first for chunk in chunks]).tolist(), len(wanted)]
        if bounds[0] > 0:
            raise IndexOutOfDateError(f"face {wanted[0]} is not in the index")
        found = np.empty((len(wanted), self.space.dim), np.float32)
        for chunk, (start, stop) in zip(chunks, pairwise(bounds), strict=True):
            if start < stop:
                missing = chunk.copy(wanted[start:stop], found[start:stop])
                if missing is not None:
                    raise IndexOutOfDateError(f"face {missing} is not in the index")
        return found


def last_position(connection: Connection, generation_id: int) -> int:
    """The changelog position of the last commit, also when all changes have been pruned."""
    return max(
        changelog.newest_change(connection, generation_id),
        snapshots.newest_upto(connection, generation_id),
    )


def load_chunks(
    connection: Connection, row: snapshots.SnapshotRow, space: Space
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


def chunks_from_rows(connection: Connection, generation_id: int, space: Space) -> Iterator[Chunk]:
    """Build all chunks of a generation from its rows, one at a time.

    Raises:
        StoreError: a row does not match its checksum.
    """
    for ids, raw in embeddings.iterate_embeddings(connection, generation_id, CHUNK_FACES):
        yield Chunk.of(np.array(ids, np.int64), space.unit(raw))
