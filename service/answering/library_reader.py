"""Reads the files and faces of a question, and computes the answer. It blocks: use a thread."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from sqlalchemy import Connection

from index.base.arrays import FloatMatrix
from index.base.choices import Unreadable
from index.base.errors import RequestError, StoreError, StoreUnavailableError
from index.base.paths import Roots
from index.base.settings import Settings
from index.counting.answer import Answer, answer_question, join_faces
from index.counting.effort import Effort
from index.counting.evidence import DENSE_FACES
from index.counting.question import Question
from index.database.engine import Database
from index.database.queries.embeddings import StoredVectors
from index.database.queries.faces import FaceRow
from index.database.queries.generations import GenerationRow
from index.library.asked_files import AskedFiles, TooManyEntriesError, find_files
from index.library.file_cache import FileCache, cached_files
from index.library.judged_faces import judged_ids, judged_question
from index.library.known_files import (
    FileStatus,
    KnownFile,
    Wanted,
    compare,
    look_up,
    respell,
)
from index.vectors.space import Space
from service.answering.follower import Follower

LONG_FILES = 500  # questions about more files are long: they take some 20 ms and more
LONG_FACES = 1000  # so are questions with more faces, even on few files


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, with the vectors and files for an explanation.

    Attributes:
        vectors: (n, d) unit vectors of the answer's faces, in order.
        files: one for each different name, in the caller's order, with the files of folders; those
            without a counted face are COUNTED here, not NO_FACE.
        folders: the names of the files in each folder, by the caller's name of the folder.
        judgements: the ids of those on each face that has any, by face id.
        proof_rounds: how often more than DENSE_FACES were merged until the proof held; else 0.
    """

    answer: Answer
    vectors: FloatMatrix
    files: tuple[KnownFile, ...]
    folders: dict[str, list[str]]
    generation: GenerationRow
    space: Space
    judgements: Mapping[int, Sequence[int]]
    proof_rounds: int = 0

    @property
    def is_long(self) -> bool:
        """Whether explaining it takes long."""
        return len(self.files) > LONG_FILES or len(self.vectors) > LONG_FACES

    @property
    def is_large(self) -> bool:
        """Whether it takes longer still."""
        return len(self.vectors) > DENSE_FACES

    @property
    def is_complete(self) -> bool:
        """Whether every file was read."""
        return all(file.status is FileStatus.COUNTED for file in self.files)


@dataclass(frozen=True, slots=True)
class Look:
    """The result of one look at files.

    Attributes:
        files: one for each different name, in the caller's order.
        wanted: the files that ingest shall read first.
        reply: the answer; None if a file lacks a good enough status, or if *damaged* or *is_long*
            is set.
        damaged: images whose face rows are incomplete.
        is_long: there are too many faces to count them among short questions.
        is_large: there are too many to count them among long ones.
    """

    files: Sequence[KnownFile]
    wanted: Wanted
    reply: Reply | None = None
    damaged: Sequence[int] = ()
    is_long: bool = False
    is_large: bool = False

    @property
    def pending(self) -> list[str]:
        """The names of the files that wait to be read."""
        return [file.name for file in self.files if file.status is FileStatus.PENDING]


class LibraryReader:
    """Looks at the files of questions, and answers once all have a good enough status."""

    def __init__(
        self, database: Database, roots: Roots, follower: Follower, settings: Settings
    ) -> None:
        self._max_seconds = settings.max_request_seconds
        self._database = database
        self._roots = roots
        self._follower = follower
        self._settings = settings

    def look(self, names: Sequence[str]) -> Look:
        """Only look at the files."""
        files, wanted = look_up(self._database, self._roots, names)
        return Look(respell(self._roots, files), wanted)

    def answer(
        self,
        question: Question,
        enough: Sequence[FileStatus],
        *,
        is_long: bool,
        is_large: bool = False,
    ) -> Look:
        """Look at the files, gather their faces in the same transaction, and count.

        Args:
            enough: the statuses that all files must have for an answer.
            is_long: it may take long; otherwise questions with many faces are not counted.
            is_large: it may take a minute; otherwise more than DENSE_FACES are not counted.

        Raises:
            RequestError: 413 for too many files or faces; 503 before anything was ever indexed.
        """
        asked = self._find(question, is_long=is_long)
        if asked is None or (len(asked.places) > LONG_FILES and not is_long):
            return Look((), Wanted(), is_long=True)
        # a long question's would be many, and most of them in vain if it is only looked at
        stored: StoredVectors | None = {} if self._follower.keeps_some and not is_long else None
        with self._database.read() as connection:
            cached = cached_files(connection, asked.paths, stored)
            files, wanted = compare(asked, cached.files)
            self._refuse_too_many(files)
            files = respell(self._roots, files)
            if not _are_enough(files, enough, _skipped(asked, question)):
                return Look(files, wanted)
            generation = _generation(cached)
            images = {
                file.image_id: cached.images[file.image_id]
                for file in files
                if file.image_id is not None
            }
            if damaged := [number for number, image in images.items() if not image.is_whole]:
                return Look(files, wanted, damaged=damaged)
            chosen = [image.chosen(question.faces) for image in images.values()]
            counted, left_out = join_faces(chosen, self._settings.max_request_faces)
            if len(counted) > LONG_FACES and not is_long:
                return Look(files, wanted, is_long=True)
            if len(counted) > DENSE_FACES and not is_large:
                return Look(files, wanted, is_long=True, is_large=True)
            space, vectors = self._vectors(connection, generation, counted, stored)
        is_judged = bool(cached.judgements)
        said_of = {number: image.judged for number, image in images.items()} if is_judged else {}
        judged = judged_question(cached.judgements, said_of, counted)
        effort = Effort(self._max_seconds)
        answer = answer_question(question, counted, left_out, vectors, space, judged, effort)
        said = judged_ids(cached.judgements, said_of.values())
        reply = Reply(
            answer,
            vectors,
            tuple(files),
            asked.folders,
            generation,
            space,
            said,
            effort.rounds,
        )
        return Look(files, wanted, reply)

    def _find(self, question: Question, *, is_long: bool) -> AskedFiles | None:
        """The question's files; None if looking for them takes long, and *is_long* is not set."""
        most = self._settings.max_folder_entries
        now = most if is_long else min(most, LONG_FILES)
        try:
            return find_files(self._roots, question.names, now)
        except TooManyEntriesError as error:
            if not is_long:
                return None
            raise RequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"more than the {most} files and folders allowed are below these folders; "
                "ask about smaller ones",
            ) from error

    def _refuse_too_many(self, files: Sequence[KnownFile]) -> None:
        most = self._settings.max_request_files
        if len(files) > most:
            raise RequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"{len(files)} files, with those in the folders, are more than the {most} allowed",
            )

    def _vectors(
        self,
        connection: Connection,
        generation: GenerationRow,
        faces: Sequence[FaceRow],
        stored: StoredVectors | None,
    ) -> tuple[Space, FloatMatrix]:
        ids = [face.id for face in faces]
        try:
            return self._follower.vectors(connection, generation, ids, stored)
        except StoreUnavailableError:
            raise
        except StoreError as error:
            raise RequestError(
                HTTPStatus.SERVICE_UNAVAILABLE, "the index is damaged; run verify"
            ) from error


def _skipped(asked: AskedFiles, question: Question) -> Container[str]:
    """The files and folders that may fail: those that the question does not name itself."""
    if question.unreadable is not Unreadable.SKIP:
        return ()
    return asked.closed.keys() | asked.places.keys() - asked.named


def _are_enough(
    files: Sequence[KnownFile], enough: Sequence[FileStatus], skipped: Container[str]
) -> bool:
    """Whether all *files* have a status that is *enough*; files *skipped* may fail, too."""
    return all(
        file.status in enough or (file.status is FileStatus.FAILED and file.name in skipped)
        for file in files
    )


def _generation(cached: FileCache) -> GenerationRow:
    if cached.generation is None:
        raise RequestError(
            HTTPStatus.SERVICE_UNAVAILABLE, "nothing has been indexed yet", retry_after_seconds=5
        )
    return cached.generation
