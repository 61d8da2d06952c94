"""Checks that everything stored fits together, and repairs it by making the damaged parts again."""

import time
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Connection

from index.base.arrays import IntVector
from index.base.errors import SnapshotDamagedError
from index.database.engine import Database
from index.database.migration import integrity_problems
from index.database.queries import (
    analyses,
    changelog,
    embeddings,
    erasures,
    generations,
    judgements,
    queue,
    snapshots,
    stored_images,
)
from index.database.queries.files import files_of
from index.upkeep.judgement_checks import inconsistencies
from index.vectors.chunks import CHUNK_FACES, load_chunks
from index.vectors.space import VectorSpace, stored_vector_space


@dataclass(slots=True)
class VerifyResult:
    """The result of verify().

    Attributes:
        problems: one sentence each; empty when all is well.
        images: ids of images whose faces must be found again.
        snapshots: generations whose snapshots must be written again.
    """

    problems: list[str] = field(default_factory=list)
    images: set[int] = field(default_factory=set)
    snapshots: set[int] = field(default_factory=set)
    faces: int = 0


def verify(database: Database) -> VerifyResult:
    """Check pages, references, checksums, face counts and snapshots of the active generation."""
    result = VerifyResult()
    with database.read() as connection:
        result.problems += integrity_problems(connection)
        result.problems += inconsistencies(judgements.all_rows(connection))
        generation = generations.active(connection)
        if generation is not None:
            space = stored_vector_space(generation.profile)
            _check_rows(connection, generation.id, result)
            _check_snapshots(connection, generation.id, space, result)
    return result


def _check_rows(connection: Connection, generation_id: int, result: VerifyResult) -> None:
    result.faces = analyses.totals(connection, generation_id)["faces"]
    for image, expected, present in analyses.miscounted_images(connection, generation_id):
        result.problems.append(f"image {image} has {present} face rows instead of {expected}")
        result.images.add(image)
    for face, image in embeddings.damaged_faces(connection, generation_id, CHUNK_FACES):
        result.problems.append(f"the vector of face {face} does not match its checksum")
        result.images.add(image)
    for image in analyses.unanalysed_images(connection, generation_id):
        result.problems.append(f"image {image} is marked as indexed, but was never analysed")
        result.images.add(image)


def _check_snapshots(
    connection: Connection, generation_id: int, space: VectorSpace, result: VerifyResult
) -> None:
    rows = snapshots.newest_first(connection, generation_id)
    if not rows and not erasures.last_seq(connection):  # an erasure drops them all
        changes = changelog.changes_since(connection, generation_id, 0)
        if not np.array_equal(_replayed(changes), embeddings.face_ids(connection, generation_id)):
            result.problems.append(
                "the snapshot is missing, and the changelog does not hold all changes"
            )
            result.snapshots.add(generation_id)
    for row in rows:
        if not row.fits(space.space_id):
            continue  # written before a calibration or an upgrade, and so never used
        try:
            _check_snapshot(connection, generation_id, row, space)
        except SnapshotDamagedError as error:
            result.problems.append(f"snapshot {row.id} is damaged: {error}")
            result.snapshots.add(generation_id)


def _replayed(changes: list[tuple[int, int, bool]]) -> IntVector:
    removed = {face for _, face, added in changes if not added}
    return np.array(
        sorted(face for _, face, added in changes if added and face not in removed), np.int64
    )


def _check_snapshot(
    connection: Connection, generation_id: int, row: snapshots.SnapshotRow, space: VectorSpace
) -> None:
    """Compare a snapshot with the rows: its vectors, and its ids once later changes are applied."""
    changes = changelog.changes_since(connection, generation_id, row.upto_seq)
    removed = {face for _, face, added in changes if not added}
    ids: list[int] = [face for _, face, added in changes if added and face not in removed]
    for chunk in load_chunks(connection, row, space):
        kept = chunk.ids[~np.isin(chunk.ids, np.array(sorted(removed), np.int64))]
        ids.extend(kept.tolist())
        found, raw = embeddings.embeddings_of(connection, generation_id, kept.tolist(), check=False)
        fits = found == kept.tolist() and raw.shape[1:] == (space.dim,)
        if len(kept) and not (fits and np.array_equal(space.unit(raw), chunk.pick(kept))):
            raise SnapshotDamagedError("its vectors are not those of the rows")
    if not np.array_equal(
        np.sort(np.array(ids, np.int64)), embeddings.face_ids(connection, generation_id)
    ):
        raise SnapshotDamagedError("its faces are not those of the rows")


def repair(database: Database, result: VerifyResult) -> None:
    """Drop damaged rows and queue their files; the next snapshot is made from the rows."""
    with database.write() as connection:
        images = sorted(result.images)
        stored_images.drop_analyses(connection, images)
        paths = [row.path for image in images for row in files_of(connection, image)]
        queue.requeue(connection, paths, time.time())
        for generation_id in result.snapshots:
            snapshots.prune(connection, generation_id, keep=0)
