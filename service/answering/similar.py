"""Where else is this person? Searches the whole library for faces near one."""

from http import HTTPStatus

from index.base.errors import RequestError, bad_request
from index.base.paths import Roots
from index.counting.documents import Document, face_document
from index.counting.question import Question
from index.database.engine import Database
from index.database.queries import generations
from index.database.queries.faces import faces_by_id
from index.library.similar_faces import FaceNames, similar_documents
from service.answering.follower import Follower
from service.answering.library_reader import Reply


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
        face, found, similar = self._near(face_id, threshold, limit)
        return {"face": face, "threshold": threshold_text, "found": found, "similar": similar}

    def of_photo(self, question: Question, reply: Reply, limit: int) -> Document:
        """The same for each face of the one photo of a *question*.

        Raises:
            RequestError: 400, it is a folder; 404, its faces have gone meanwhile.
        """
        if reply.folders:
            raise bad_request("filepath is a folder; name one photo")
        faces = []
        for row in reply.answer.faces:
            face, found, similar = self._near(row.id, question.threshold, limit)
            faces.append({"face": face, "found": found, "similar": similar})
        (name,) = question.filepaths
        return {"filepath": name, "threshold": question.threshold_text, "faces": faces}

    def _near(
        self, face_id: int, threshold: float, limit: int
    ) -> tuple[Document, int, list[Document]]:
        """A face, how many are nearer to it, and the nearest of them."""
        with self._database.read() as connection:
            generation = generations.active(connection)
            faces = faces_by_id(connection, generation.id, [face_id]) if generation else []
            names = FaceNames(connection, self._roots)
            own = names.of(faces).get(face_id)
            if generation is None or not own:
                raise RequestError(HTTPStatus.NOT_FOUND, "there is no such face")
            space, ids, distances = self._follower.near(connection, generation, face_id, threshold)
            found = ids, distances
            similar = similar_documents(connection, generation.id, names, space, found, limit)
        return face_document(faces[0], own), len(ids), similar
