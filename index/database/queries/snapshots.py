"""Rows of stored index snapshots: immutable chunks, and lists of chunks."""

from collections.abc import Sequence
from dataclasses import dataclass

import faiss
from sqlalchemy import Connection, delete, func, insert, select, update

from index.database.queries.lookup import Lookup
from index.database.schema import Change, Chunk, Generation, Snapshot, SnapshotChunk

KEPT = 2  # the newest, and one to fall back on


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """A stored snapshot and the ids of its chunks, in order."""

    id: int
    upto_seq: int
    face_count: int
    space_id: str
    faiss_version: str
    chunk_ids: tuple[int, ...]
    created_at: float

    def fits(self, space_id: str) -> bool:
        """Whether its vectors are of that space, and this version of FAISS wrote them."""
        return (self.space_id, self.faiss_version) == (space_id, faiss.__version__)


def newest_first(connection: Connection, generation_id: int) -> list[SnapshotRow]:
    """The stored snapshots of a generation."""
    rows = connection.execute(
        select(
            Snapshot.id,
            Snapshot.upto_seq,
            Snapshot.face_count,
            Snapshot.space_id,
            Snapshot.faiss_version,
            Snapshot.created_at,
        )
        .where(Snapshot.generation_id == generation_id)
        .order_by(Snapshot.id.desc())
    ).all()
    return [
        SnapshotRow(
            row.id,
            row.upto_seq,
            row.face_count,
            row.space_id,
            row.faiss_version,
            tuple(
                connection.scalars(
                    select(SnapshotChunk.chunk_id)
                    .where(SnapshotChunk.snapshot_id == row.id)
                    .order_by(SnapshotChunk.position)
                )
            ),
            row.created_at,
        )
        for row in rows
    ]


def pruned_upto(connection: Connection, generation_id: int) -> int:
    """The position up to which changes have been pruned; 0 when none have."""
    found = select(Generation.pruned_upto).where(Generation.id == generation_id)
    return connection.scalar(found) or 0


_CHUNK = Lookup(Chunk.id, select(Chunk.face_count, Chunk.sha256, Chunk.data))


def chunk(connection: Connection, chunk_id: int) -> tuple[int, bytes, bytes] | None:
    """A chunk's face count, SHA-256 and data; None when it is gone."""
    rows = _CHUNK.rows(connection, [chunk_id])
    return (rows[0][0], rows[0][1], rows[0][2]) if rows else None


def add_chunk(
    connection: Connection, generation_id: int, face_count: int, sha256: bytes, data: bytes
) -> int:
    """Store a chunk and return its id; it is unused until a snapshot lists it."""
    return connection.execute(
        insert(Chunk)
        .values(generation_id=generation_id, face_count=face_count, sha256=sha256, data=data)
        .returning(Chunk.id)
    ).scalar_one()


def drop_unlisted(connection: Connection, generation_id: int) -> None:
    """Remove chunks that no snapshot lists."""
    listed = select(SnapshotChunk.chunk_id)
    connection.execute(
        delete(Chunk).where(Chunk.generation_id == generation_id, Chunk.id.not_in(listed))
    )


def add_snapshot(
    connection: Connection,
    generation_id: int,
    *,
    upto_seq: int,
    face_count: int,
    space_id: str,
    faiss_version: str,
    chunk_ids: Sequence[int],
    now: float,
) -> None:
    """Make *chunk_ids* the newest snapshot, and drop snapshots and changes no longer needed.

    Args:
        now: seconds since 1970.
    """
    snapshot_id = connection.execute(
        insert(Snapshot)
        .values(
            generation_id=generation_id,
            upto_seq=upto_seq,
            face_count=face_count,
            space_id=space_id,
            faiss_version=faiss_version,
            created_at=now,
        )
        .returning(Snapshot.id)
    ).scalar_one()
    if chunk_ids:
        connection.execute(
            insert(SnapshotChunk),
            [
                {"snapshot_id": snapshot_id, "position": position, "chunk_id": chunk_id}
                for position, chunk_id in enumerate(chunk_ids)
            ],
        )
    prune(connection, generation_id, keep=KEPT)


def prune(connection: Connection, generation_id: int, *, keep: int) -> None:
    """Drop snapshots but the newest *keep*, chunks in none, and changes that all contain."""
    newest = (
        select(Snapshot.id)
        .where(Snapshot.generation_id == generation_id)
        .order_by(Snapshot.id.desc())
        .limit(keep)
    )
    old = select(Snapshot.id).where(
        Snapshot.generation_id == generation_id, Snapshot.id.not_in(newest)
    )
    connection.execute(delete(SnapshotChunk).where(SnapshotChunk.snapshot_id.in_(old)))
    connection.execute(delete(Snapshot).where(Snapshot.id.in_(old)))
    drop_unlisted(connection, generation_id)
    covered = connection.scalar(
        select(func.min(Snapshot.upto_seq)).where(Snapshot.generation_id == generation_id)
    )
    if covered is not None:
        connection.execute(
            delete(Change).where(Change.generation_id == generation_id, Change.seq <= covered)
        )
        connection.execute(
            update(Generation)
            .where(Generation.id == generation_id, Generation.pruned_upto < covered)
            .values(pruned_upto=covered)
        )
