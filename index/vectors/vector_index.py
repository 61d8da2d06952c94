"""The vector index in memory: FAISS chunks of unit vectors by face id, following the database.

The rows are the truth; the index is derived from them. It is opened from the newest good snapshot
and the changelog after it, and rebuilt from the rows if they disagree.
"""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from sqlalchemy import Connection

from index.base.arrays import DoubleVector, FloatMatrix, IntVector
from index.base.errors import IndexOutOfDateError, SnapshotDamagedError
from index.database.queries import changelog, embeddings, snapshots
from index.vectors.chunks import Chunk, chunks_from_rows, load_chunks, replay
from index.vectors.space import Space

SEARCH_THREADS = 2  # of as many cores, on which a million faces took 240 ms
FEW_CHUNKS = 4  # threads do not pay for fewer

log = logging.getLogger(__name__)


class VectorIndex:
    """Unit vectors of one generation by face id, following the database.

    Threads may call vectors() while another calls refresh().
    """

    def __init__(self, generation_id: int, space: Space) -> None:
        self.generation_id = generation_id
        self.space = space
        self.applied_seq = 0
        self.rebuilds = 0  # how often a snapshot was damaged, or disagreed with the rows
        self._chunks: list[Chunk] = []
        self._lock = threading.RLock()  # held while chunks change hands, briefly
        self._updating = threading.RLock()  # one open() or refresh() at a time

    def __len__(self) -> int:
        return sum(len(chunk.ids) for chunk in self._chunks)

    @property
    def ids(self) -> IntVector:
        """All face ids, ascending."""
        return np.concatenate([np.empty(0, np.int64), *(chunk.ids for chunk in self._chunks)])

    def open(self, connection: Connection) -> None:
        """Load the newest snapshot that is whole, and replay the changes after it.

        It falls back to an older snapshot, then to the rows, and logs each step back. Afterwards
        the ids are those of the rows.

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
        """Apply the changes committed since the last call."""
        with self._updating:
            pruned_upto = snapshots.pruned_upto(connection, self.generation_id)
            if self.applied_seq < pruned_upto:
                self._open(connection)  # the changes that it needs have been pruned
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
        newest = changelog.last_position(connection, self.generation_id)
        chunks = list(chunks_from_rows(connection, self.generation_id, self.space))
        with self._lock:
            self._chunks, self.applied_seq = chunks, newest

    def vectors(self, ids: Sequence[int]) -> FloatMatrix:
        """The unit vectors of ascending face *ids*, (n, d) in their order.

        Raises:
            IndexOutOfDateError: one of them is not here; refresh, and ask again.
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

    def near(self, vector: FloatMatrix, cut: float) -> tuple[IntVector, DoubleVector]:
        """The faces whose cosine similarity with *vector* is strictly above *cut*.

        Reading all vectors takes the time, and FAISS does it without Python's lock. So two threads
        share the chunks.

        Args:
            vector: (1, d) float32, unit length, C-contiguous.
            cut: exclusive; above -2.

        Returns: (n,) ids and (n,) similarities, nearest first, equally near ones by id.
        """
        with self._lock:
            chunks = self._chunks
        if len(chunks) > FEW_CHUNKS:
            with ThreadPoolExecutor(SEARCH_THREADS, "near") as threads:
                parts = list(threads.map(lambda chunk: chunk.near(vector, cut), chunks))
        else:
            parts = [chunk.near(vector, cut) for chunk in chunks]
        ids = np.concatenate([np.empty(0, np.int64), *(part[0] for part in parts)])
        similarity = np.concatenate([np.empty(0), *(part[1] for part in parts)])
        order = np.lexsort((ids, -similarity))
        return ids[order], similarity[order]
