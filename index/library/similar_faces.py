"""Describes the faces that a search found near another one."""

from collections.abc import Iterable
from itertools import islice

from sqlalchemy import Connection

from index.base.arrays import DoubleVector, IntVector
from index.base.paths import Finder, Roots
from index.counting.documents import Document, face_document
from index.database.queries.faces import FaceRow, faces_by_id
from index.database.queries.files import files_of
from index.library.holders import names_of_holders
from index.vectors.space import Space

STEP = 100  # candidates whose files are looked for at a time


class FaceNames:
    """Names the files that hold faces now; use it for one transaction."""

    def __init__(self, connection: Connection, roots: Roots) -> None:
        self._connection = connection
        self._roots = roots
        self._finder = Finder(roots)

    def of(self, faces: Iterable[FaceRow]) -> dict[int, list[str]]:
        """The names of the files that hold each face, by its id; none if they changed since."""
        faces = list(faces)
        held = {
            image: names_of_holders(self._roots, self._finder, files_of(self._connection, image))
            for image in {face.image_id for face in faces}
        }
        return {face.id: held[face.image_id] for face in faces}


def similar_documents(
    connection: Connection,
    generation_id: int,
    names: FaceNames,
    space: Space,
    found: tuple[IntVector, DoubleVector],
    limit: int,
) -> list[Document]:
    """The nearest of the faces *found*, *limit* at most.

    Faces in photos that are gone or were changed are left out.

    Args:
        found: (n,) face ids and (n,) cosine distances, nearest first.
    """
    ids, distances = found
    similar: list[Document] = []
    for start in range(0, len(ids), STEP):
        some = ids[start : start + STEP].tolist()
        faces = faces_by_id(connection, generation_id, some)
        held = names.of(faces)
        by_id = {face.id: face for face in faces if held[face.id]}
        near = zip(some, distances[start : start + STEP].tolist(), strict=True)
        shown = (
            _similar(by_id[number], held[number], distance, space)
            for number, distance in near
            if number in by_id
        )
        similar += islice(shown, limit - len(similar))
        if len(similar) == limit:
            break
    return similar


def _similar(face: FaceRow, names: list[str], distance: float, space: Space) -> Document:
    rate = space.false_match_rate(distance)
    return {
        **face_document(face, names),
        "distance": round(distance, 4),
        "threshold": round(space.threshold(distance), 4),
        "false_match_rate": None if rate is None else float(f"{rate:.6g}"),
    }
