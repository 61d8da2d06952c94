"""The JSON document of /persons."""

from collections.abc import Sequence
from dataclasses import dataclass

from index.counting.answer import Answer
from index.counting.documents import Document, count_document, explanation_document
from index.counting.explanation import Explanation
from index.counting.question import Question
from index.database.engine import Database
from index.database.queries import stored_images
from index.library.known_files import FileStatus, KnownFile
from index.library.profile_fit import profile_members, stored_fit
from index.library.second_opinion import SecondOpinion, second_opinion
from service.answering.library_reader import Reply


@dataclass(frozen=True, slots=True)
class Page:
    """A part of each of the answer's lists.

    Attributes:
        limit: how many persons, files and left-out faces to list at most; None for all.
        offset: how many of each to pass over.
    """

    limit: int | None = None
    offset: int = 0

    @property
    def end(self) -> int | None:
        """How many are passed over on the next page; None without a limit."""
        return None if self.limit is None else self.offset + self.limit

    @property
    def part(self) -> slice:
        """The part of each list."""
        return slice(self.offset, self.end)

    def next(self, lengths: Sequence[int]) -> Document:
        """Where the next page of lists of these *lengths* begins."""
        if self.end is None:
            return {}
        return {"next": self.end if max(lengths) > self.end else None}


def persons_document(database: Database, question: Question, reply: Reply, page: Page) -> Document:
    """The answer of /persons: the count explained, with a *page* of the persons and files."""
    images = [file.image_id for file in reply.files if file.image_id is not None]
    answer, model_id = reply.answer, reply.generation.model_id
    with database.read() as connection:
        notes = stored_images.notes_of(connection, images)
        fit = stored_fit(connection, reply.space)
        opinion = second_opinion(connection, question, answer, model_id, reply.space)
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
        "model": model_id,
        **profile_members(fit, reply.space),
        **explanation_document(
            question, explanation, reply.answer, reply.space, names, reply.judgements, page.part
        ),
        "files": [
            {"filepath": file.name, "status": file.status}
            | ({"reason": file.reason} if file.reason else {})
            | ({"note": notes[file.image_id]} if file.image_id in notes else {})
            | _size(sizes.get(file.image_id) if file.image_id is not None else None)
            for file in _with_faces(reply.files, reply.answer)[page.part]
        ],
        "folders": [
            {"filepath": name, "photos": sum(inner in there for inner in inside)}
            for name, inside in reply.folders.items()
        ],
        **({"second_opinion": _opinion(opinion)} if opinion else {}),
        **page.next([reply.answer.person_num, len(reply.answer.left_out), len(reply.files)]),
    }


def _opinion(opinion: SecondOpinion) -> Document:
    if opinion.person_num is None:
        return {"model": opinion.model_id, "person_num": None, "reason": opinion.reason}
    return {
        "model": opinion.model_id,
        "person_num": opinion.person_num,
        "photos_missing": opinion.photos_missing,
        "parted": opinion.parted,
        "joined": opinion.joined,
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
