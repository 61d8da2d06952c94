"""Writes snapshots of the vector index into the database, a chunk at a time.

A new snapshot takes over each chunk of the last one that has not changed. So its cost grows with
the number of changes, not with the library, and it needs the memory of a few chunks.
"""

import hashlib
import logging

import faiss
import numpy as np
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from index.base.errors import SnapshotDamagedError, StoreError
from index.database.engine import Database
from index.database.queries import changelog, embeddings, erasures, snapshots
from index.vectors.chunks import Chunk, chunks_from_rows, load_chunks, replay
from index.vectors.space import VectorSpace

log = logging.getLogger(__name__)

ATTEMPTS = 5  # while erasures keep coming


class _ErasedMeanwhileError(Exception):
    """Vectors that were read for a snapshot have been erased since: start the snapshot again."""


def pending_changes(database: Database, generation_id: int) -> int:
    """The number of changes that the newest snapshot does not contain yet."""
    with database.read() as connection:
        rows = snapshots.newest_first(connection, generation_id)
        since = rows[0].upto_seq if rows else 0
        return changelog.count_changes(connection, generation_id, since)


def dropped(database: Database, generation_id: int) -> bool:
    """Whether an erasure or a repair dropped all snapshots, and none was written since."""
    with database.read() as connection:
        if snapshots.newest_first(connection, generation_id):
            return False
        had_one = snapshots.pruned_upto(connection, generation_id) > 0
        return had_one or erasures.last_seq(connection) > 0


def write_snapshot(database: Database, generation_id: int, space: VectorSpace, now: float) -> bool:
    """Bring the stored snapshot up to the last commit.

    Needs the ingest lock: two writers would delete each other's chunks.

    Returns: False when there was nothing to do.

    Raises:
        StoreError: rows are damaged, or erasures kept coming.
    """
    for _ in range(ATTEMPTS):
        try:
            return _write_snapshot(database, generation_id, space, now)
        except _ErasedMeanwhileError:
            log.info("index.snapshot_again generation=%d", generation_id)
    raise StoreError("no snapshot was written: photos were forgotten during each attempt")


def _write_snapshot(database: Database, generation_id: int, space: VectorSpace, now: float) -> bool:
    with database.read() as connection:
        erasure = erasures.last_seq(connection)
        rows = snapshots.newest_first(connection, generation_id)
        newest = rows[0] if rows else None
        upto = changelog.newest_change(connection, generation_id)
        if newest is not None and upto <= newest.upto_seq and newest.fits(space.space_id):
            return False
    with database.write() as connection:
        # chunks of an interrupted attempt; on a full disk each attempt would leave more
        snapshots.drop_unlisted(connection, generation_id)
    chunk_ids: list[int] | None = None
    if newest is not None:
        try:
            chunk_ids, upto, faces = _advance(database, generation_id, space, newest, erasure)
        except SnapshotDamagedError as error:
            log.warning("index.snapshot_damaged snapshot=%d reason=%s", newest.id, error)
    if chunk_ids is None:
        chunk_ids, upto, faces = _from_rows(database, generation_id, space, erasure)
    try:
        with database.write() as connection:
            _check_erasures(connection, erasure)
            snapshots.add_snapshot(
                connection,
                generation_id,
                upto_seq=upto,
                face_count=faces,
                space_id=space.space_id,
                faiss_version=faiss.__version__,
                chunk_ids=chunk_ids,
                now=now,
            )
    except IntegrityError as error:  # a repair dropped chunks that this snapshot lists
        raise _ErasedMeanwhileError from error
    log.info("index.snapshot_written generation=%d faces=%d upto=%d", generation_id, faces, upto)
    return True


def _check_erasures(connection: Connection, erasure: int) -> None:
    if erasures.last_seq(connection) != erasure:
        raise _ErasedMeanwhileError


def _store(database: Database, generation_id: int, chunk: Chunk, erasure: int) -> int:
    """Store a chunk, unless vectors have been erased since the entry *erasure*."""
    data = chunk.to_bytes()
    digest = hashlib.sha256(data).digest()
    with database.write() as connection:
        _check_erasures(connection, erasure)
        return snapshots.add_chunk(connection, generation_id, len(chunk.ids), digest, data)


def _from_rows(
    database: Database, generation_id: int, space: VectorSpace, erasure: int
) -> tuple[list[int], int, int]:
    with database.read() as connection:
        upto = changelog.last_position(connection, generation_id)
        stored, faces = [], 0
        for chunk in chunks_from_rows(connection, generation_id, space):
            stored.append(_store(database, generation_id, chunk, erasure))
            faces += len(chunk.ids)
    return stored, upto, faces


def _advance(
    database: Database,
    generation_id: int,
    space: VectorSpace,
    newest: snapshots.SnapshotRow,
    erasure: int,
) -> tuple[list[int], int, int]:
    """Chunk ids of *newest* with all later changes applied, their position, and the face count."""
    with database.read() as connection:
        changes = changelog.changes_since(connection, generation_id, newest.upto_seq)
        added = {face_id for _, face_id, is_added in changes if is_added}
        removed = {face_id for _, face_id, is_added in changes if not is_added}
        ids, raw = embeddings.embeddings_of(connection, generation_id, sorted(added - removed))
        gone = np.array(sorted(removed), np.int64)
        chunk_ids: list[int] = []
        faces = 0
        last: Chunk | None = None
        for chunk_id, chunk in zip(
            newest.chunk_ids, load_chunks(connection, newest, space), strict=True
        ):
            kept = [chunk]
            if replay(kept, np.empty(0, np.int64), np.empty((0, space.dim), np.float32), gone):
                chunk_id = _store(database, generation_id, kept[0], erasure)  # noqa: PLW2901
            chunk_ids.append(chunk_id)
            faces += len(kept[0].ids)
            last = kept[0]
    tail = [last] if last is not None else []
    vectors = space.unit(raw) if ids else np.empty((0, space.dim), np.float32)
    before = len(tail[0].ids) if tail else 0
    touched = replay(tail, np.array(ids, np.int64), vectors, np.empty(0, np.int64))
    for position in sorted(touched):
        stored = _store(database, generation_id, tail[position], erasure)
        if position == 0 and last is not None:
            chunk_ids[-1] = stored
        else:
            chunk_ids.append(stored)
    faces += sum(len(chunk.ids) for chunk in tail) - before
    return chunk_ids, (changes[-1][0] if changes else newest.upto_seq), faces
