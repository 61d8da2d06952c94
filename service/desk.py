"""Answers questions: waits for the files, gathers the faces, counts. Blocking work in threads."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from index.answer import Answer, answer_question, choose_faces
from index.coverage import FileStatus, KnownFile, Wanted, heal, survey
from index.database import Database
from index.errors import RequestError, StoreError, StoreUnavailableError
from index.paths import Roots
from index.question import Question
from index.settings import Settings
from index.space import Space
from index.store import generations, library
from index.store.generations import GenerationRow
from index.store.library import FaceRow
from service.follower import Follower
from service.notes import Notes
from service.threads import Threads

Result = TypeVar("Result")
Check = Callable[[Sequence[KnownFile]], None]

LONG_FILES = 500  # questions about more are long: some 20 ms and up
LONG_FACES = 1000  # and so are those of more faces, however few files they are on
WAIT_STEP_SECONDS = 0.5  # looks again this often even when nobody commits


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with what it was computed from.

    Attributes:
        vectors: (n, d) unit vectors of the answer's faces, in order.
        files: one for each different name, in the caller's order.
    """

    answer: Answer
    vectors: NDArray[np.float32]
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
        whole = (FileStatus.COUNTED, FileStatus.NO_FACE)
        return all(file.status in whole for file in self.files)


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that an answer is computed from."""

    question: Question
    files: tuple[KnownFile, ...]
    counted: list[FaceRow]
    left_out: list[tuple[FaceRow, str]]
    generation: GenerationRow
    space: Space
    vectors: NDArray[np.float32]

    @property
    def is_long(self) -> bool:
        """Whether computing the answer takes long."""
        return len(self.counted) > LONG_FACES

    def reply(self) -> Reply:
        """Compute the answer."""
        answer = answer_question(
            self.question, self.counted, self.left_out, self.vectors, self.space
        )
        files = _with_faces(self.files, answer)
        return Reply(answer, self.vectors, files, self.generation, self.space)


@dataclass(frozen=True, slots=True)
class Damaged:
    """Images whose rows are incomplete."""

    images: list[int]


class Desk:
    """Where handlers bring their questions."""

    def __init__(
        self, database: Database, settings: Settings, follower: Follower, threads: Threads
    ) -> None:
        self._database = database
        self._settings = settings
        self._follower = follower
        self._threads = threads
        self._roots = Roots(settings.all_roots)
        self._notes = Notes(database, settings.settle_seconds, threads.writes)
        self.in_hand = 0  # requests that are being answered

    async def run(self, work: Callable[[], Result], *, is_long: bool = False) -> Result:
        """Do blocking *work* off the event loop; what is long where nothing short waits for it."""
        return await _run_in(self._threads.long if is_long else self._threads.short, work)

    async def probe(self, work: Callable[[], Result]) -> Result:
        """Do what a probe asks, which waits for no question."""
        return await _run_in(self._threads.probes, work)

    async def write(self, work: Callable[[], Result]) -> Result:
        """Do *work* that changes the database: no answer waits for another process's lock."""
        return await _run_in(self._threads.writes, work)

    async def note(self, names: Sequence[str]) -> None:
        """Have the files *names* indexed soon; if the database is locked, when they are found."""
        _, wanted = await self.run(lambda: survey(self._database, self._roots, names))
        await self._notes.take(wanted)

    async def count(self, question: Question) -> Reply:
        """Answer when every file has been read.

        Raises:
            RequestError: 404, 422 or 503 for a file; 413 for too many faces.
        """
        return await self._reply(question, refuse_missing, refuse_pending)

    async def explain(self, question: Question) -> Reply:
        """Answer with whatever has been read after the wait.

        Raises:
            RequestError: 413 for too many faces; 503 before anything was ever indexed.
        """
        return await self._reply(question, accept, accept)

    async def _reply(self, question: Question, check: Check, check_last: Check) -> Reply:
        """Look at the files until none is pending or time is up, then answer.

        Args:
            check: may refuse after each look.
            check_last: may refuse when there is no more waiting.
        """
        deadline = time.monotonic() + self._settings.wait_seconds
        known: dict[str, KnownFile] = {}
        wanted = Wanted()

        def attempt() -> Reply | Gathered | Damaged | None:
            files = self._look(question, known, wanted)
            check(files)
            pending = any(file.status is FileStatus.PENDING for file in files)
            if pending and time.monotonic() < deadline:
                return None
            check_last(files)
            found = self._gather(question, files)
            if isinstance(found, Damaged) or (found.is_long and not has_many_files):
                return found
            # in one go: each change of threads costs as much as finding several files
            return found.reply()

        has_many_files = len(question.filepaths) > LONG_FILES
        while True:
            try:
                found = await self.run(attempt, is_long=has_many_files)
            finally:
                noted, wanted = wanted, Wanted()
                await self._notes.take(noted)
            if isinstance(found, Reply):
                return found
            if isinstance(found, Gathered):
                return await self.run(found.reply, is_long=True)
            if isinstance(found, Damaged):
                await self.write(partial(heal, self._database, found.images))
                known.clear()  # look at every file again
            else:
                left = max(deadline - time.monotonic(), 0.0)
                await self._follower.next_commit(min(left, WAIT_STEP_SECONDS))

    def _look(
        self, question: Question, known: dict[str, KnownFile], wanted: Wanted
    ) -> list[KnownFile]:
        """The files of *question*; of those in *known* only the pending ones anew."""
        names = question.names
        asked = names
        if known:
            asked = [name for name in names if known[name].status is FileStatus.PENDING]
        found, more = survey(self._database, self._roots, asked)
        wanted.add(more)
        known.update((file.name, file) for file in found)
        return [known[name] for name in names]

    def _gather(self, question: Question, files: Sequence[KnownFile]) -> Gathered | Damaged:
        images = {file.image_id for file in files if file.image_id is not None}
        with self._database.read() as connection:
            generation = generations.active(connection)
            if generation is None:
                raise RequestError(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "nothing has been indexed yet",
                    retry_after_seconds=5,
                )
            faces, damaged = library.whole_faces(connection, generation.id, sorted(images))
            if damaged:
                return Damaged(damaged)
            counted, left_out = choose_faces(faces, question, self._settings.max_request_faces)
            try:
                space, vectors = self._follower.vectors(
                    connection, generation, [face.id for face in counted]
                )
            except StoreUnavailableError:
                raise
            except StoreError as error:
                raise RequestError(
                    HTTPStatus.SERVICE_UNAVAILABLE, "the index is damaged; run verify"
                ) from error
        return Gathered(question, tuple(files), counted, left_out, generation, space, vectors)


async def _run_in(executor: Executor, work: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(executor, copy_context().run, work)


def accept(_files: Sequence[KnownFile]) -> None:
    """Refuse nothing."""


def _with_faces(files: Sequence[KnownFile], answer: Answer) -> tuple[KnownFile, ...]:
    """Say of the files that were read whether any of their faces counts."""
    with_face = {face.image_id for face in answer.faces}
    return tuple(
        file._replace(status=FileStatus.NO_FACE)
        if file.status is FileStatus.COUNTED and file.image_id not in with_face
        else file
        for file in files
    )


def refuse_missing(files: Sequence[KnownFile]) -> None:
    """Raise 404 if a file is not there, else 422 if one cannot be read."""
    if any(file.status is FileStatus.UNKNOWN for file in files):
        # the contract's sentence; which file it is would tell what else is on the disk
        raise RequestError(HTTPStatus.NOT_FOUND, "File does not exist")
    for file in files:
        if file.status is FileStatus.FAILED:
            raise RequestError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"{file.name} is no readable image: {file.reason}",
            )


def refuse_pending(files: Sequence[KnownFile]) -> None:
    """Raise 503 if files are still waiting to be indexed."""
    pending = sum(file.status is FileStatus.PENDING for file in files)
    if pending:
        raise RequestError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"{pending} of {len(files)} files are still being indexed; ask again later",
            retry_after_seconds=5,
        )
