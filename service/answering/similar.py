"""Where else is this person? Searches the whole library for faces near one."""

from http import HTTPStatus
from itertools import islice

import numpy as np
from sqlalchemy import Connection

from index.base.errors import RequestError
from index.base.paths import Finder, Roots
from index.counting.documents import Document, face_document
from index.database.engine import Database
from index.database.queries import generations
from index.database.queries.faces import FaceRow, faces_by_id
from index.database.queries.files import files_of
from index.library.holders import names_of_holders
from index.vectors.space import Space
from service.answering.follower import Follower

STEP = 100  # candidates whose files are looked for at a time


class SimilarFaces:
    """Finds faces near a face of the library. It blocks: use a thread."""

    def __init__(self, database: Database, follower: Follower, roots: Roots) -> None:
        self._database = database
        self._follower = follower
        self._roots = roots

    def document(self, face_id: int, threshold_text: str, threshold: float, limit: int) -> Document:
        """The faces nearer than *threshold*, the nearest first, *limit* at most.

        Faces in photos that are gone or were changed are left out.

        Raises:
            RequestError: 404, there is no such face.
        """
        with self._database.read() as connection:
            generation = generations.active(connection)
            faces = faces_by_id(connection, generation.id, [face_id]) if generation else []
            finder = Finder(self._roots)
            names = self._names(connection, finder, faces)
            if generation is None or not names.get(face_id):
                raise RequestError(HTTPStatus.NOT_FOUND, "there is no such face")
            space, ids, distances = self._follower.near(connection, generation, face_id, threshold)
            similar: list[Document] = []
            for start in range(0, len(ids), STEP):
                some = faces_by_id(connection, generation.id, ids[start : start + STEP].tolist())
                held = self._names(connection, finder, some)
                by_id = {face.id: face for face in some if held[face.id]}
                near = zip(ids[start : start + STEP].tolist(), distances[start:], strict=False)
                shown = (
                    _similar(by_id[number], held[number], float(distance), space)
                    for number, distance in near
                    if number in by_id
                )
                similar += islice(shown, limit - len(similar))
                if len(similar) == limit:
                    break
        return {
            "face": face_document(faces[0], names[face_id]),
            "threshold": threshold_text,
            "found": int(np.size(ids)),
            "similar": similar,
        }

    def _names(
        self, connection: Connection, finder: Finder, faces: list[FaceRow]
    ) -> dict[int, list[str]]:
        """The names of the files that hold each face, by its id."""
        held = {
            image: names_of_holders(self._roots, finder, files_of(connection, image))
            for image in {face.image_id for face in faces}
        }
        return {face.id: held[face.image_id] for face in faces}


def _similar(face: FaceRow, names: list[str], distance: float, space: Space) -> Document:
    rate = space.false_match_rate(distance)
    return {
        **face_document(face, names),
        "distance": round(distance, 4),
        "threshold": round(space.threshold(distance), 4),
        "false_match_rate": None if rate is None else float(f"{rate:.6g}"),
    }
