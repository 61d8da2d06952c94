"""The JSON document of /persons."""

from collections.abc import Sequence

from index.counting.answer import Answer
from index.counting.documents import Document, count_document, explanation_document
from index.counting.explanation import Explanation
from index.counting.question import Question
from index.database.engine import Database
from index.database.queries import stored_images
from index.library.known_files import FileStatus, KnownFile
from index.library.profile_fit import profile_members, stored_fit
from service.answering.library_reader import Reply


def persons_document(database: Database, question: Question, reply: Reply) -> Document:
    """The answer of /persons: the count explained."""
    images = [file.image_id for file in reply.files if file.image_id is not None]
    with database.read() as connection:
        notes = stored_images.notes_of(connection, images)
        fit = stored_fit(connection, reply.space)
    names: dict[int, list[str]] = {}
    for file in reply.files:
        if file.image_id is not None:
            names.setdefault(file.image_id, []).append(file.name)
    faces = [*reply.answer.faces, *(face for face, _ in reply.answer.left_out)]
    sizes = {face.image_id: face.image_size for face in faces}
    there = {file.name for file in reply.files}  # without those that are no photos
    explanation = Explanation(question, reply.answer, reply.vectors, reply.space)
    return {
        **count_document(question, reply.answer.person_num),
        "complete": reply.is_complete,
        "model": reply.generation.model_id,
        **profile_members(fit, reply.space.profile),
        **explanation_document(
            question, explanation, reply.answer, reply.space, names, reply.judgements
        ),
        "files": [
            {"filepath": file.name, "status": file.status}
            | ({"reason": file.reason} if file.reason else {})
            | ({"note": notes[file.image_id]} if file.image_id in notes else {})
            | _size(sizes.get(file.image_id) if file.image_id is not None else None)
            for file in _with_faces(reply.files, reply.answer)
        ],
        "folders": [
            {"filepath": name, "photos": sum(inner in there for inner in inside)}
            for name, inside in reply.folders.items()
        ],
    }


def _size(pixels: tuple[int, int] | None) -> Document:
    """The size of the photo, in whose pixels boxes are; known if it has a face."""
    return {} if pixels is None else {"width": pixels[0], "height": pixels[1]}


def _with_faces(files: Sequence[KnownFile], answer: Answer) -> tuple[KnownFile, ...]:
    """Set the status of read files without a counted face to NO_FACE."""
    with_face = {face.image_id for some in answer.persons() for face in some}
    return tuple(
        file._replace(status=FileStatus.NO_FACE)
        if file.status is FileStatus.COUNTED and file.image_id not in with_face
        else file
        for file in files
    )
