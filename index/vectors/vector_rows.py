"""Unit vectors by face id, read from the database's rows as they are wanted; the last are kept.

For libraries whose vectors do not fit into memory. Ids are never used again and vectors never
change, so what is kept stays right until its face is removed. It gives the same vectors as the
index in memory, since VectorSpace.unit() does not depend on the batch.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np
from sqlalchemy import Connection

from index.base.arrays import FloatMatrix, FloatVector
from index.base.errors import StoreError
from index.database.queries import changelog, embeddings, snapshots
from index.vectors.space import Space

NUMBER_BYTES = 4  # of one number of a vector, float32


def most_faces(space: Space, memory_mib: int) -> int:
    """How many of a space's vectors take *memory_mib*."""
    return (memory_mib << 20) // (NUMBER_BYTES * space.dim)


def is_larger(connection: Connection, generation_id: int, faces: int) -> bool:
    """Whether a generation has more than some *faces*; by its newest snapshot if it has one."""
    stored = snapshots.newest_first(connection, generation_id)
    if stored:
        return stored[0].face_count > faces
    return embeddings.has_more_faces(connection, generation_id, faces)


class VectorRows:
    """The vectors of one generation that were wanted last. Threads may use it at the same time."""

    def __init__(self, generation_id: int, space: Space, most: int) -> None:
        """Keep at most *most* vectors."""
        self.generation_id = generation_id
        self.space = space
        self.applied_seq = 0
        self._most = most
        self._kept: OrderedDict[int, FloatVector] = OrderedDict()  # used longest ago first
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def open(self, connection: Connection) -> None:
        """Begin with nothing."""
        position = changelog.last_position(connection, self.generation_id)
        with self._lock:
            self._kept.clear()
            self.applied_seq = position

    def refresh(self, connection: Connection) -> None:
        """Drop the faces that were removed since the last call, or since open()."""
        if self.applied_seq < snapshots.pruned_upto(connection, self.generation_id):
            self.open(connection)  # what was removed meanwhile is no longer known
            return
        changes = changelog.changes_since(connection, self.generation_id, self.applied_seq)
        with self._lock:
            for position, face_id, is_added in changes:
                if not is_added:
                    self._kept.pop(face_id, None)
                self.applied_seq = position

    def vectors(
        self,
        connection: Connection,
        ids: Sequence[int],
        stored: Mapping[int, tuple[bytes, int]] | None = None,
    ) -> FloatMatrix:
        """The unit vectors of ascending face *ids*, (n, d) in their order.

        Args:
            stored: StoredVectors that *connection* has read in this transaction, of any faces.

        Raises:
            StoreError: one of them is not in the database, or is damaged.
        """
        with self._lock:
            found = {face: vector for face in ids if (vector := self._kept.get(face)) is not None}
        missing = [face for face in ids if face not in found]
        if missing:
            there, raw = self._read(connection, missing, stored or {})
            if len(there) != len(missing):
                raise StoreError("faces disappeared while they were being read")
            found |= zip(missing, self.space.unit(raw), strict=True)
        if len(ids) <= self._most:
            # what an older view shows may have been removed, and dropped here, meanwhile
            seen = changelog.last_position(connection, self.generation_id) if missing else None
            self._keep(found, seen)
        if not ids:
            return np.empty((0, self.space.dim), np.float32)
        return np.stack([found[face] for face in ids])

    def _read(
        self, connection: Connection, ids: Sequence[int], stored: Mapping[int, tuple[bytes, int]]
    ) -> tuple[list[int], FloatMatrix]:
        known = {face: stored[face] for face in ids if face in stored}
        others = [face for face in ids if face not in known]
        if others:
            known |= embeddings.stored_vectors(connection, self.generation_id, others)
        return embeddings.unpacked(known)

    def _keep(self, used: dict[int, FloatVector], seen: int | None) -> None:
        """Move *used* vectors to the end, and forget those that were used longest ago.

        Args:
            seen: the position of the changelog that the reader of new ones saw; None: all are kept.
        """
        with self._lock:
            for face, vector in used.items():
                if face in self._kept:
                    self._kept.move_to_end(face)
                elif seen is not None and seen >= self.applied_seq:
                    self._kept[face] = vector.copy()  # not a part of all that were read with it
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
