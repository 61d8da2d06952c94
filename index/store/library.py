"""Images and faces: recording what ingest found, and removing it again."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, delete, insert, select

from index.database import IN_LIST, upsert
from index.schema import Analysis, Change, Face, File, Image, table
from index.store import queue, sightings
from index.store.lookup import Lookup


@dataclass(frozen=True, slots=True)
class NewFace:
    """A face on its way into the database."""

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


# Statements that run for every file are made once: building one takes longer than running it.
_ADD_IMAGE = upsert(table(Image)).on_conflict_do_nothing(index_elements=[Image.sha256])
_IMAGE_ID = select(Image.id).where(Image.sha256 == bindparam("sha256"))
_ADD_ANALYSIS = upsert(table(Analysis)).on_conflict_do_nothing()
_ADD_FACE = insert(table(Face)).returning(Face.id)
_ADD_CHANGE = insert(table(Change))
_IMAGE_OF_FILE = select(File.image_id).where(File.id == bindparam("file"))


def record_image(connection: Connection, generation_id: int, image: NewImage) -> int:
    """Store an image and its faces for a generation, once. Returns the image's id."""
    width, height = image.size
    connection.execute(_ADD_IMAGE, {"sha256": image.sha256, "width": width, "height": height})
    image_id = connection.execute(_IMAGE_ID, {"sha256": image.sha256}).scalar_one()
    analysis = {
        "image_id": image_id,
        "generation_id": generation_id,
        "face_count": len(image.faces),
    }
    if connection.execute(_ADD_ANALYSIS, analysis).rowcount:
        for face in image.faces:
            _insert_face(connection, generation_id, image_id, face)
    return int(image_id)


def _insert_face(connection: Connection, generation_id: int, image_id: int, face: NewFace) -> None:
    blob = face.embedding.astype("<f4").tobytes()
    values = {
        "image_id": image_id,
        "generation_id": generation_id,
        **dict(zip(("x1", "y1", "x2", "y2"), face.box, strict=True)),
        "probability": face.probability,
        "landmarks": face.landmarks.astype("<f4").tobytes(),
        "sharpness": face.sharpness,
        "dim": face.embedding.size,
        "embedding": blob,
        "crc32": zlib.crc32(blob),
    }
    face_id = connection.execute(_ADD_FACE, values).scalar_one()
    change = {"generation_id": generation_id, "face_id": face_id, "added": True}
    connection.execute(_ADD_CHANGE, change)


_IMAGES_BY_DIGEST = Lookup(
    Image.sha256,
    select(Image.sha256, Image.id)
    .join(Analysis, Analysis.image_id == Image.id)
    .where(Analysis.generation_id == bindparam("generation")),
)


def known_images(
    connection: Connection, generation_id: int, digests: Sequence[bytes]
) -> dict[bytes, int]:
    """Image ids by SHA-256 of the *digests* that a generation has analysed already."""
    rows = _IMAGES_BY_DIGEST.rows(connection, digests, generation=generation_id)
    return {row[0]: row[1] for row in rows}


def link_file(connection: Connection, claim: queue.Claim, image_id: int, now: float) -> bool:
    """Say that a claimed file holds an image. Returns False when the file has changed since."""
    before = connection.scalar(_IMAGE_OF_FILE, {"file": claim.file_id})
    linked = queue.finish(connection, claim, image_id)
    sightings.mark_orphans(connection, [image_id, *([before] if before else [])], now)
    return linked


def unlink_file(
    connection: Connection, claim: queue.Claim, reason: str, retry_at: float | None, now: float
) -> bool:
    """Say why a claimed file holds no image. Returns False when the file has changed since."""
    before = connection.scalar(_IMAGE_OF_FILE, {"file": claim.file_id})
    failed = queue.fail(connection, claim, reason, retry_at)
    if before:
        sightings.mark_orphans(connection, [before], now)
    return failed


def postpone_file(
    connection: Connection, claim: queue.Claim, reason: str, retry_at: float | None
) -> bool:
    """Say why a claimed file cannot be read at present. It keeps the image that it had, if any.

    Answers do not use that image: the file has failed. But nothing says that it is gone.
    """
    before = connection.scalar(_IMAGE_OF_FILE, {"file": claim.file_id})
    return queue.fail(connection, claim, reason, retry_at, image_id=before)


def drop_orphans(connection: Connection, orphaned_before: float, limit: int = 500) -> int:
    """Remove images that no file has had since *orphaned_before*, with faces. Returns how many."""
    images = connection.scalars(
        select(Image.id).where(Image.orphaned_at <= orphaned_before).limit(limit)
    ).all()
    drop_analyses(connection, images)
    connection.execute(delete(Image).where(Image.id.in_(images)))
    return len(images)


def drop_analyses(connection: Connection, images: Sequence[int]) -> None:
    """Remove what all generations found in *images*, and tell the index."""
    for start in range(0, len(images), IN_LIST):
        some = images[start : start + IN_LIST]
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
