"""Images and faces: stores the results of ingest, and removes them again."""

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, insert, select

from index.base.arrays import length
from index.database.engine import upsert
from index.database.queries import analyses, queue, sightings
from index.database.queries.lookup import Lookup, in_lists
from index.database.schema import Analysis, Change, Face, File, Image, table
from index.database.states import FileState


@dataclass(frozen=True, slots=True)
class NewFace:
    """A face that is about to be stored."""

    box: tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels of the oriented image
    probability: float  # 0 to 1
    landmarks: NDArray[np.float32]  # (5, 2) pixels
    sharpness: float
    embedding: NDArray[np.float32]  # (d,) raw, finite, not zero


@dataclass(frozen=True, slots=True)
class NewImage:
    """Content as read from a file, with its faces in one generation."""

    sha256: bytes
    size: tuple[int, int]  # width, height in pixels, orientation applied
    faces: Sequence[NewFace]
    note: str | None = None  # the fault of a file that was read all the same


FACES_AT_ONCE = 500  # copies 1 MB of vectors

_ADD_IMAGE = upsert(table(Image)).on_conflict_do_nothing(index_elements=[Image.sha256])
_IMAGE_IDS = Lookup(Image.sha256, select(Image.sha256, Image.id))
_ADD_ANALYSIS = insert(table(Analysis))
_ADD_FACES = insert(table(Face)).returning(Face.id)
_ADD_CHANGE = insert(table(Change))
_DIGESTS = Lookup(Image.id, select(Image.id, Image.sha256))
_NOTES = Lookup(Image.id, select(Image.id, Image.note).where(Image.note.is_not(None)))
_IMAGES_OF_FILES = Lookup(File.id, select(File.image_id))


def record_images(
    connection: Connection, generation_id: int, images: Iterable[NewImage]
) -> dict[bytes, int]:
    """Store images and their faces for a generation, each once. Returns ids by SHA-256.

    A batch takes only a few statements: for each, SQLAlchemy takes several times as long as SQLite.
    """
    wanted = {image.sha256: image for image in images}
    if not wanted:
        return {}
    connection.execute(
        _ADD_IMAGE,
        [
            {
                "sha256": image.sha256,
                "width": image.size[0],
                "height": image.size[1],
                "note": image.note,
            }
            for image in wanted.values()
        ],
    )
    found = image_ids(connection, wanted)
    ids = {digest: found[digest] for digest in wanted}
    known = analyses.face_counts(connection, generation_id, list(ids.values()))
    new = {ids[digest]: image for digest, image in wanted.items() if ids[digest] not in known}
    _add_analyses(connection, generation_id, new)
    return ids


def _add_analyses(
    connection: Connection, generation_id: int, images: Mapping[int, NewImage]
) -> None:
    """Store the faces of *images*, by image id, and record them in the changelog."""
    if images:
        connection.execute(
            _ADD_ANALYSIS,
            [
                {"image_id": number, "generation_id": generation_id, "face_count": len(image.faces)}
                for number, image in images.items()
            ],
        )
    faces = [(number, face) for number, image in images.items() for face in image.faces]
    for start in range(0, len(faces), FACES_AT_ONCE):
        rows = [
            {"image_id": number, "generation_id": generation_id, **_values(face)}
            for number, face in faces[start : start + FACES_AT_ONCE]
        ]
        added = sorted(connection.scalars(_ADD_FACES, rows))
        connection.execute(
            _ADD_CHANGE,
            [{"generation_id": generation_id, "face_id": face, "added": True} for face in added],
        )


def _values(face: NewFace) -> dict[str, object]:
    blob = face.embedding.astype("<f4").tobytes()
    return {
        **dict(zip(("x1", "y1", "x2", "y2"), face.box, strict=True)),
        "probability": face.probability,
        "landmarks": face.landmarks.astype("<f4").tobytes(),
        "sharpness": face.sharpness,
        "dim": face.embedding.size,
        "embedding": blob,
        "crc32": zlib.crc32(blob),
        "embedding_norm": length(face.embedding),
    }


def image_ids(connection: Connection, digests: Collection[bytes]) -> dict[bytes, int]:
    """The image ids, by SHA-256, of the *digests* that are stored."""
    return dict(_IMAGE_IDS.rows(connection, list(digests)))


def digests_of(connection: Connection, images: Sequence[int]) -> dict[int, bytes]:
    """The SHA-256 of *images*, by id."""
    return dict(_DIGESTS.rows(connection, images))


def notes_of(connection: Connection, images: Sequence[int]) -> dict[int, str]:
    """The notes on those of *images*, by id, that have one."""
    return dict(_NOTES.rows(connection, images))


def known_images(
    connection: Connection, generation_id: int, digests: Sequence[bytes]
) -> dict[bytes, int]:
    """Image ids by SHA-256 of the *digests* that a generation has analysed already.

    It takes two queries: with one, SQLite goes through all analyses of the generation.
    """
    ids = image_ids(connection, digests)
    analysed = analyses.face_counts(connection, generation_id, list(ids.values()))
    return {digest: image for digest, image in ids.items() if image in analysed}


def link_files(connection: Connection, found: Mapping[queue.Claim, int], now: float) -> int:
    """Link claimed files to their images, by id; skip files that have changed since.

    Returns: the number linked.
    """
    before = _images_of(connection, found)
    linked = queue.finish(connection, found)
    sightings.mark_orphans(connection, sorted({*found.values(), *before}), now)
    return linked


def _images_of(connection: Connection, claims: Iterable[queue.Claim]) -> list[int]:
    """The images that claimed files are linked to so far."""
    rows = _IMAGES_OF_FILES.rows(connection, [claim.file_id for claim in claims])
    return [row[0] for row in rows if row[0] is not None]


def unlink_file(
    connection: Connection,
    claim: queue.Claim,
    reason: str,
    retry_at: float | None,
    now: float,
    *,
    state: FileState = FileState.FAILED,
) -> bool:
    """Mark a claimed file as failed, or as no photo by *state*, without an image.

    Returns: False if it has changed since.
    """
    before = _images_of(connection, [claim])
    failed = queue.fail(connection, claim, reason, retry_at, state=state)
    sightings.mark_orphans(connection, before, now)
    return failed


def postpone_file(
    connection: Connection, claim: queue.Claim, reason: str, retry_at: float | None
) -> bool:
    """Mark a claimed file as unreadable at present. It keeps the image that it had, if any.

    The image may still be there. Answers do not use it, since the file has failed.
    """
    before = _images_of(connection, [claim])
    return queue.fail(connection, claim, reason, retry_at, image_id=before[0] if before else None)


def drop_orphans(connection: Connection, orphaned_before: float, limit: int = 500) -> int:
    """Remove images without a file since *orphaned_before*, and their faces. Returns how many."""
    images = connection.scalars(
        select(Image.id).where(Image.orphaned_at <= orphaned_before).limit(limit)
    ).all()
    drop_analyses(connection, images)
    connection.execute(delete(Image).where(Image.id.in_(images)))
    return len(images)


def drop_analyses(connection: Connection, images: Sequence[int]) -> None:
    """Remove the faces of *images* in all generations, and record that in the changelog."""
    for some in in_lists(images):
        faces = connection.execute(
            select(Face.id, Face.generation_id).where(Face.image_id.in_(some))
        ).all()
        if faces:
            connection.execute(
                insert(Change),
                [{"face_id": row[0], "generation_id": row[1], "added": False} for row in faces],
            )
        connection.execute(delete(Face).where(Face.image_id.in_(some)))
        connection.execute(delete(Analysis).where(Analysis.image_id.in_(some)))
