"""Reads all that an answer is computed from, and computes it. Blocking, so for threads."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from sqlalchemy import Connection

from index.base.arrays import FloatMatrix
from index.base.errors import RequestError, StoreError, StoreUnavailableError
from index.base.settings import Settings
from index.counting.answer import Answer, answer_question, join_faces
from index.counting.question import Question
from index.database.engine import Database
from index.database.queries.faces import FaceRow
from index.database.queries.generations import GenerationRow
from index.library.file_cache import asked_files
from index.library.known_files import FileStatus, KnownFile, Wanted, find, look, paths_in, survey
from index.vectors.space import Space
from service.answering.follower import Follower

Check = Callable[[Sequence[KnownFile]], None]

LONG_FILES = 500  # questions about more are long: some 20 ms and up
LONG_FACES = 1000  # and so are those of more faces, however few files they are on


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with what it was computed from.

    Attributes:
        vectors: (n, d) unit vectors of the answer's faces, in order.
        files: one for each different name, in the caller's order, NO_FACE not told from COUNTED.
    """

    answer: Answer
    vectors: FloatMatrix
    files: tuple[KnownFile, ...]
    generation: GenerationRow
    space: Space

    @property
    def is_long(self) -> bool:
        """Whether explaining it takes long."""
        return len(self.files) > LONG_FILES or len(self.vectors) > LONG_FACES

    @property
    def is_complete(self) -> bool:
        """Whether every file was read."""
        return all(file.status is FileStatus.COUNTED for file in self.files)


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that an answer is computed from."""

    question: Question
    files: tuple[KnownFile, ...]
    counted: list[FaceRow]
    left_out: list[tuple[FaceRow, str]]
    generation: GenerationRow
    space: Space
    vectors: FloatMatrix

    @property
    def is_long(self) -> bool:
        """Whether computing the answer takes long."""
        return len(self.counted) > LONG_FACES

    def reply(self) -> Reply:
        """Compute the answer."""
        answer = answer_question(
            self.question, self.counted, self.left_out, self.vectors, self.space
        )
        return Reply(answer, self.vectors, self.files, self.generation, self.space)


@dataclass(frozen=True, slots=True)
class Damaged:
    """Images whose rows are incomplete."""

    images: list[int]


class Gatherer:
    """Looks at the files of questions and reads their faces."""

    def __init__(self, database: Database, settings: Settings, follower: Follower) -> None:
        self._database = database
        self._follower = follower
        self._max_faces = settings.max_request_faces
        self._roots = settings.resolve_roots()

    def look(self, names: Sequence[str]) -> tuple[list[KnownFile], Wanted]:
        """What is known of files, without their faces."""
        return look(self._database, self._roots, names)

    def gather(
        self, question: Question, waits: Callable[[list[KnownFile], Wanted], bool]
    ) -> Gathered | Damaged | None:
        """Read what the answer to *question* is computed from; None if it *waits* for files.

        Raises:
            RequestError: 413 for too many faces; 503 before anything was ever indexed.
        """
        places = find(self._roots, question.names)
        with self._database.read() as connection:
            asked = asked_files(connection, paths_in(places))
            files, wanted = survey(places, asked.files)
            if waits(files, wanted):
                return None
            generation = asked.generation
            if generation is None:
                raise RequestError(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "nothing has been indexed yet",
                    retry_after_seconds=5,
                )
            images = {
                file.image_id: asked.images[file.image_id]
                for file in files
                if file.image_id is not None
            }
            if damaged := [number for number, image in images.items() if not image.is_whole]:
                return Damaged(damaged)
            chosen = [image.chosen(question.faces) for image in images.values()]
            counted, left_out = join_faces(chosen, self._max_faces)
            space, vectors = self._vectors(connection, generation, counted)
        return Gathered(question, tuple(files), counted, left_out, generation, space, vectors)

    def _vectors(
        self, connection: Connection, generation: GenerationRow, faces: Sequence[FaceRow]
    ) -> tuple[Space, FloatMatrix]:
        try:
            return self._follower.vectors(connection, generation, [face.id for face in faces])
        except StoreUnavailableError:
            raise
        except StoreError as error:
            raise RequestError(
                HTTPStatus.SERVICE_UNAVAILABLE, "the index is damaged; run verify"
            ) from error


class Attempts:
    """The looks at one question's files, until none is pending or time is up.

    Attributes:
        wanted: what ingest is to be asked for; the desk empties it after each look.
    """

    def __init__(
        self,
        gatherer: Gatherer,
        question: Question,
        check: Check,
        check_last: Check,
        seconds: float,
    ) -> None:
        """Look for *seconds* at most.

        Args:
            check: may refuse after each look.
            check_last: may refuse when there is no more waiting.
        """
        self.wanted = Wanted()
        self.has_many_files = len(question.filepaths) > LONG_FILES
        self._gatherer = gatherer
        self._question = question
        self._check = check
        self._check_last = check_last
        self._deadline = time.monotonic() + seconds
        self._pending: list[str] = []

    @property
    def seconds_left(self) -> float:
        """How long the answer may still wait for files."""
        return max(self._deadline - time.monotonic(), 0.0)

    def attempt(self) -> Reply | Gathered | Damaged | None:
        """Answer, or gather what a long answer is computed from; None while files are pending.

        Raises:
            RequestError: as the checks do; 413 for too many faces; 503 before anything was indexed.
        """
        in_time = self.seconds_left > 0
        # what was waited for comes first: as long as it is pending the others do not matter
        if self._pending and in_time and self._waits(*self._gatherer.look(self._pending)):
            return None

        def waits(files: list[KnownFile], wanted: Wanted) -> bool:
            if self._waits(files, wanted) and in_time:
                return True
            self._check_last(files)
            return False

        found = self._gatherer.gather(self._question, waits)
        if isinstance(found, Gathered) and (self.has_many_files or not found.is_long):
            # in one go: each change of threads costs as much as finding several files
            return found.reply()
        return found

    def _waits(self, files: list[KnownFile], wanted: Wanted) -> bool:
        """Whether some of *files* are pending."""
        self.wanted.add(wanted)
        self._check(files)
        self._pending = [file.name for file in files if file.status is FileStatus.PENDING]
        return bool(self._pending)


def accept(_files: Sequence[KnownFile]) -> None:
    """Refuse nothing."""


def refuse_missing(files: Sequence[KnownFile]) -> None:
    """Raise 404 if a file is not there, else 422 if one cannot be read."""
    statuses = [file.status for file in files]
    if FileStatus.UNKNOWN in statuses:
        # the contract's sentence; which file it is would tell what else is on the disk
        raise RequestError(HTTPStatus.NOT_FOUND, "File does not exist")
    if FileStatus.FAILED in statuses:
        failed = files[statuses.index(FileStatus.FAILED)]
        raise RequestError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"{failed.name} is no readable image: {failed.reason}"
        )


def refuse_pending(files: Sequence[KnownFile]) -> None:
    """Raise 503 if files are still waiting to be indexed."""
    pending = [file.status for file in files].count(FileStatus.PENDING)
    if pending:
        raise RequestError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"{pending} of {len(files)} files are still being indexed; ask again later",
            retry_after_seconds=5,
        )
