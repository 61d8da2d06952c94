"""Faces: reads the faces of images, and checks that no image has lost one."""

from collections import Counter
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, and_, bindparam, case, literal_column, select

from index.database.queries.embeddings import StoredVectors, embeddings_of
from index.database.queries.lookup import Lookup
from index.database.queries.stored_images import NewFace, known_images
from index.database.schema import Analysis, Face, Image


class FaceRow(NamedTuple):
    """A stored face without its vector."""

    id: int
    image_id: int
    box: tuple[float, float, float, float]
    probability: float
    landmarks: NDArray[np.float32]  # (5, 2) pixels
    sharpness: float
    image_size: tuple[int, int]  # width, height in pixels
    embedding_norm: float  # the vector's length; 0 is unknown


_FACE = (
    Face.id,
    Face.image_id,
    Face.x1,
    Face.y1,
    Face.x2,
    Face.y2,
    Face.probability,
    Face.sharpness,
    Image.width,
    Image.height,
    Face.landmarks,
    Face.embedding_norm,
)
# of most images with so few faces all count; in larger groups many are left out, and to read their
# vectors in vain takes longer than another statement
FEW_FACES = 4
_OF_IMAGE = (
    select(Analysis.image_id, Analysis.face_count, *_FACE)
    .join(Image, Image.id == Analysis.image_id)
    .outerjoin(
        Face,
        and_(
            Face.image_id == Analysis.image_id,
            Face.generation_id == Analysis.generation_id,
        ),
    )
    .where(Analysis.generation_id == bindparam("generation"))
)
_IS_FEW = Analysis.face_count <= literal_column(str(FEW_FACES))
_FACES_BY_IMAGE = Lookup(Analysis.image_id, _OF_IMAGE)
_WITH_VECTORS = Lookup(
    Analysis.image_id,
    _OF_IMAGE.add_columns(case((_IS_FEW, Face.embedding)), case((_IS_FEW, Face.crc32))),
)
_FACE_END = 2 + len(_FACE)  # in a row of these


_FACES_BY_ID = Lookup(
    Face.id,
    select(*_FACE)
    .join(Image, Image.id == Face.image_id)
    .where(Face.generation_id == bindparam("generation")),
)


def faces_by_id(connection: Connection, generation_id: int, ids: Sequence[int]) -> list[FaceRow]:
    """Those of the faces *ids* that one generation has, by id."""
    return _face_rows(_FACES_BY_ID.rows(connection, ids, generation=generation_id))


def whole_faces(
    connection: Connection,
    generation_id: int,
    images: Sequence[int],
    vectors: StoredVectors | None = None,
) -> tuple[list[FaceRow], list[int]]:
    """The faces of *images* in one generation, by id, and the images that are not whole.

    An image is not whole if it was never analysed, or if the number of its face rows is not the
    number of faces found in it.

    Args:
        vectors: it is given the vectors, unchecked, of the faces of images that have FEW_FACES at
            most, in the same statement; None: none is read.
    """
    lookup = _FACES_BY_IMAGE if vectors is None else _WITH_VECTORS
    rows = lookup.rows(connection, images, generation=generation_id)
    expected = {row[0]: row[1] for row in rows}
    found = [row for row in rows if row[2] is not None]
    faces = _face_rows([row[2:_FACE_END] for row in found])
    if vectors is not None:
        few = ((row[2], row[_FACE_END:]) for row in found)
        vectors.update((face, (blob, crc32)) for face, (blob, crc32) in few if blob is not None)
    present = Counter([face.image_id for face in faces])
    return faces, [image for image in images if expected.get(image) != present[image]]


def faces_of(connection: Connection, generation_id: int, images: Sequence[int]) -> list[FaceRow]:
    """The faces of *images* in one generation, by id, even of images that are not whole."""
    return whole_faces(connection, generation_id, images)[0]


def _face_rows(rows: Sequence[tuple[Any, ...]]) -> list[FaceRow]:
    if not rows:
        return []
    points = np.frombuffer(b"".join([row[10] for row in rows]), "<f4").reshape(len(rows), -1, 2)
    faces = [
        FaceRow(
            face,
            image,
            (x1, y1, x2, y2),
            probability,
            landmarks,
            sharpness,
            (width, height),
            norm,
        )
        for (
            face,
            image,
            x1,
            y1,
            x2,
            y2,
            probability,
            sharpness,
            width,
            height,
            _,
            norm,
        ), landmarks in zip(rows, points, strict=True)
    ]
    faces.sort(key=attrgetter("id"))
    return faces


def stored_faces(
    connection: Connection, generation_id: int, sha256: bytes
) -> list[tuple[NewFace, tuple[int, int]]] | None:
    """The faces of the image with SHA-256 *sha256*, each with the image's size; None: unknown."""
    image = known_images(connection, generation_id, [sha256]).get(sha256)
    if image is None:
        return None
    rows, damaged = whole_faces(connection, generation_id, [image])
    if damaged:
        return None
    _, raw = embeddings_of(connection, generation_id, [row.id for row in rows])
    return [
        (NewFace(row.box, row.probability, row.landmarks, row.sharpness, vector), row.image_size)
        for row, vector in zip(rows, raw, strict=True)
    ]
