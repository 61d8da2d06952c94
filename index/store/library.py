"""Images and faces: recording what ingest found, and reading it for answers and the index."""

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select

from index.database import IN_LIST, upsert
from index.errors import StoreError
from index.schema import Analysis, Change, Face, File, FileState, Image, table
from index.store import generations, queue
from index.store.lookup import Lookup

FloatMatrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class NewFace:
    """A face on its way into the database."""

    box: tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels of the oriented image
    probability: float  # 0 to 1
    landmarks: NDArray[np.float32]  # (5, 2) pixels
    sharpness: float
    embedding: NDArray[np.float32]  # (d,) raw, finite, not zero


class FaceRow(NamedTuple):
    """A stored face without its vector."""

    id: int
    image_id: int
    box: tuple[float, float, float, float]
    probability: float
    landmarks: NDArray[np.float32]  # (5, 2) pixels
    sharpness: float
    image_size: tuple[int, int]  # width, height in pixels


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
    queue.mark_orphans(connection, [image_id, *([before] if before else [])], now)
    return linked


def unlink_file(
    connection: Connection, claim: queue.Claim, reason: str, retry_at: float | None, now: float
) -> bool:
    """Say why a claimed file holds no image. Returns False when the file has changed since."""
    before = connection.scalar(_IMAGE_OF_FILE, {"file": claim.file_id})
    failed = queue.fail(connection, claim, reason, retry_at)
    if before:
        queue.mark_orphans(connection, [before], now)
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


def face_counts(
    connection: Connection, generation_id: int, images: Sequence[int]
) -> dict[int, int]:
    """How many faces each analysed image of *images* must have; the others are left out."""
    rows = _ANALYSES_BY_IMAGE.rows(connection, images, generation=generation_id)
    return {row[0]: row[1] for row in rows}


def faceless(connection: Connection, images: Sequence[int]) -> set[int]:
    """Those of *images* in which the active generation found no face."""
    active = generations.active(connection)
    if active is None:
        return set()
    return {image for image, n in face_counts(connection, active.id, images).items() if n == 0}


FACE_COLUMNS = (  # of images and faces, as face_rows() takes them
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
)
_FACES_BY_IMAGE = Lookup(
    Analysis.image_id,
    select(Analysis.image_id, Analysis.face_count, *FACE_COLUMNS)
    .join(Image, Image.id == Analysis.image_id)
    .outerjoin(
        Face,
        and_(
            Face.image_id == Analysis.image_id,
            Face.generation_id == Analysis.generation_id,
        ),
    )
    .where(Analysis.generation_id == bindparam("generation")),
)
_ANALYSES_BY_IMAGE = Lookup(
    Analysis.image_id,
    select(Analysis.image_id, Analysis.face_count).where(
        Analysis.generation_id == bindparam("generation")
    ),
)


def whole_faces(
    connection: Connection, generation_id: int, images: Sequence[int]
) -> tuple[list[FaceRow], list[int]]:
    """The faces of *images* in one generation, by id, and the images whose faces are not whole.

    An image is not whole when it was never analysed, or has not as many faces as were found in it.
    """
    rows = _FACES_BY_IMAGE.rows(connection, images, generation=generation_id)
    expected = {row[0]: row[1] for row in rows}
    faces = face_rows([row[2:] for row in rows if row[2] is not None])
    present = Counter([face.image_id for face in faces])
    return faces, [image for image in images if expected.get(image) != present[image]]


def faces_of(connection: Connection, generation_id: int, images: Sequence[int]) -> list[FaceRow]:
    """The faces of *images* in one generation, by id, whether whole or not."""
    return whole_faces(connection, generation_id, images)[0]


def face_rows(rows: Sequence[tuple[Any, ...]]) -> list[FaceRow]:
    """Faces from rows of FACE_COLUMNS, by id."""
    if not rows:
        return []
    points = np.frombuffer(b"".join([row[10] for row in rows]), "<f4").reshape(len(rows), -1, 2)
    faces = [
        FaceRow(face, image, (x1, y1, x2, y2), probability, landmarks, sharpness, (width, height))
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
        ), landmarks in zip(rows, points, strict=True)
    ]
    faces.sort(key=attrgetter("id"))
    return faces


def embeddings(
    connection: Connection, generation_id: int, ids: Sequence[int], *, check: bool = True
) -> tuple[list[int], FloatMatrix]:
    """The raw vectors of the faces among *ids* that exist: their ids, ascending, and (n, d).

    Raises:
        StoreError: a stored vector does not match its checksum, and *check* is set.
    """
    rows: list[tuple[int, bytes, int]] = []
    for start in range(0, len(ids), IN_LIST):
        some = select(Face.id, Face.embedding, Face.crc32).where(
            Face.generation_id == generation_id, Face.id.in_(ids[start : start + IN_LIST])
        )
        rows += [(row[0], row[1], row[2]) for row in connection.execute(some)]
    if check:
        _check(rows)
    return _joined(sorted(rows))


def iterate_embeddings(
    connection: Connection, generation_id: int, batch: int
) -> Iterator[tuple[list[int], FloatMatrix]]:
    """All raw vectors of a generation in batches, by ascending id; errors as in embeddings()."""
    last = 0
    while True:
        rows = connection.execute(
            select(Face.id, Face.embedding, Face.crc32)
            .where(Face.generation_id == generation_id, Face.id > last)
            .order_by(Face.id)
            .limit(batch)
        ).all()
        if not rows:
            return
        last = rows[-1][0]
        plain = [(row[0], row[1], row[2]) for row in rows]
        _check(plain)
        yield _joined(plain)


def damaged_faces(
    connection: Connection, generation_id: int, batch: int
) -> Iterator[tuple[int, int]]:
    """Faces whose vector does not match its checksum: (face id, image id)."""
    rows = connection.execute(
        select(Face.id, Face.image_id, Face.embedding, Face.crc32)
        .where(Face.generation_id == generation_id)
        .execution_options(yield_per=batch)
    )
    for face_id, image_id, blob, crc32 in rows:
        if zlib.crc32(blob) != crc32:
            yield face_id, image_id


def unanalysed_images(connection: Connection, generation_id: int) -> list[int]:
    """Images that indexed files refer to although the generation knows nothing of them."""
    done = and_(Analysis.image_id == File.image_id, Analysis.generation_id == generation_id)
    return list(
        connection.scalars(
            select(File.image_id)
            .where(
                File.state == FileState.INDEXED,
                File.image_id.is_not(None),
                ~select(Analysis.image_id).where(done).exists(),
            )
            .distinct()
        )
    )


def _check(rows: Iterable[tuple[int, bytes, int]]) -> None:
    for face_id, blob, crc32 in rows:
        if zlib.crc32(blob) != crc32:
            raise StoreError(f"the vector of face {face_id} does not match its checksum")


def _joined(rows: list[tuple[int, bytes, int]]) -> tuple[list[int], FloatMatrix]:
    if not rows:
        return [], np.empty((0, 0), np.float32)
    joined = np.frombuffer(b"".join(blob for _, blob, _ in rows), "<f4")
    return [face_id for face_id, _, _ in rows], joined.reshape(len(rows), -1)


def face_ids(connection: Connection, generation_id: int) -> NDArray[np.int64]:
    """The ids of all faces of a generation, ascending."""
    found = connection.scalars(
        select(Face.id).where(Face.generation_id == generation_id).order_by(Face.id)
    )
    return np.fromiter(found, np.int64)


def stored_faces(
    connection: Connection, generation_id: int, sha256: bytes
) -> list[tuple[NewFace, tuple[int, int]]] | None:
    """The faces of the image with that content, each with the image's size; None if unknown."""
    image = known_images(connection, generation_id, [sha256]).get(sha256)
    if image is None:
        return None
    rows, damaged = whole_faces(connection, generation_id, [image])
    if damaged:
        return None
    _, raw = embeddings(connection, generation_id, [row.id for row in rows])
    return [
        (NewFace(row.box, row.probability, row.landmarks, row.sharpness, vector), row.image_size)
        for row, vector in zip(rows, raw, strict=True)
    ]


def newest_change(connection: Connection, generation_id: int) -> int:
    """The last changelog position of a generation that is still kept; 0 when there is none."""
    found = connection.scalar(
        select(func.max(Change.seq)).where(Change.generation_id == generation_id)
    )
    return found or 0


def changes_since(
    connection: Connection, generation_id: int, seq: int
) -> list[tuple[int, int, bool]]:
    """Changes after position *seq*, in order: (position, face id, added)."""
    found = connection.execute(
        select(Change.seq, Change.face_id, Change.added)
        .where(Change.generation_id == generation_id, Change.seq > seq)
        .order_by(Change.seq)
    )
    return [(row[0], row[1], row[2]) for row in found]


def count_changes(connection: Connection, generation_id: int, seq: int) -> int:
    """How many changes there are after position *seq*."""
    later = select(func.count()).where(Change.generation_id == generation_id, Change.seq > seq)
    return connection.scalar(later) or 0


def totals(connection: Connection, generation_id: int) -> dict[str, int]:
    """How many images and faces there are, and in how many images no face was found."""
    analysed = select(func.count()).where(Analysis.generation_id == generation_id)
    return {
        "images": connection.scalar(analysed) or 0,
        "faceless_images": connection.scalar(analysed.where(Analysis.face_count == 0)) or 0,
        "faces": connection.scalar(select(func.count()).where(Face.generation_id == generation_id))
        or 0,
    }


def miscounted_images(connection: Connection, generation_id: int) -> list[tuple[int, int, int]]:
    """Images whose face rows are not as many as were found: (image id, expected, present)."""
    present = (
        select(Face.image_id, func.count().label("n"))
        .where(Face.generation_id == generation_id)
        .group_by(Face.image_id)
        .subquery()
    )
    counted = func.coalesce(present.c.n, 0)
    found = connection.execute(
        select(Analysis.image_id, Analysis.face_count, counted)
        .outerjoin(present, present.c.image_id == Analysis.image_id)
        .where(Analysis.generation_id == generation_id, Analysis.face_count != counted)
    )
    return [(row[0], row[1], row[2]) for row in found]
