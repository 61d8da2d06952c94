"""Answers questions: waits for the files, gathers the faces, counts. Blocking work in threads."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from index.answer import Answer, answer_question, choose_faces
from index.coverage import FileStatus, KnownFile, heal, survey
from index.database import Database
from index.errors import RequestError, StoreError, StoreUnavailableError
from index.paths import Roots
from index.question import Question
from index.settings import Settings
from index.space import Space
from index.store import generations, library
from index.store.generations import GenerationRow
from service.follower import Follower

Result = TypeVar("Result")
Check = Callable[[Sequence[KnownFile]], None]

LONG_FILES = 500  # questions about more are long: some 20 ms and up
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
    def is_complete(self) -> bool:
        """Whether every file was read."""
        whole = (FileStatus.COUNTED, FileStatus.NO_FACE)
        return all(file.status in whole for file in self.files)


class Desk:
    """Where handlers bring their questions."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        follower: Follower,
        executor: ThreadPoolExecutor,
        long_executor: ThreadPoolExecutor | None = None,
    ) -> None:
        """Work in threads of *executor*, long questions in those of *long_executor* if given."""
        self._database = database
        self._settings = settings
        self._follower = follower
        self._executor = executor
        self._long_executor = long_executor or executor
        self._roots = Roots(settings.all_roots)
        self.in_hand = 0  # requests that are being answered

    async def run(self, work: Callable[[], Result], question: Question | None = None) -> Result:
        """Do blocking *work* off the event loop; for a long *question* where no short one waits."""
        is_long = question is not None and len(question.filepaths) > LONG_FILES
        executor = self._long_executor if is_long else self._executor
        return await asyncio.get_running_loop().run_in_executor(executor, copy_context().run, work)

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

        def attempt() -> Reply | None:
            files = self._look(question, known)
            check(files)
            pending = any(file.status is FileStatus.PENDING for file in files)
            if pending and time.monotonic() < deadline:
                return None
            check_last(files)
            reply = self._answer(question, files)
            if reply is None:
                known.clear()  # rows were damaged: look at every file again
            return reply

        while True:
            # in one go: each change of threads costs as much as finding several files
            reply = await self.run(attempt, question)
            if reply is not None:
                return reply
            if known:
                left = max(deadline - time.monotonic(), 0.0)
                await self._follower.next_commit(min(left, WAIT_STEP_SECONDS))

    def _look(self, question: Question, known: dict[str, KnownFile]) -> list[KnownFile]:
        """The files of *question*; of those in *known* only the pending ones anew."""
        names = question.names
        asked = names
        if known:
            asked = [name for name in names if known[name].status is FileStatus.PENDING]
        known.update((file.name, file) for file in self._survey(asked))
        return [known[name] for name in names]

    def _survey(self, names: Sequence[str]) -> list[KnownFile]:
        return survey(self._database, self._roots, names, self._settings.settle_seconds)

    def _answer(self, question: Question, files: Sequence[KnownFile]) -> Reply | None:
        """The reply, or None when rows turned out damaged and are being made again."""
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
            if not damaged:
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
        if damaged:
            heal(self._database, damaged)
            return None
        answer = answer_question(question, counted, left_out, vectors, space)
        return Reply(answer, vectors, _with_faces(files, answer), generation, space)


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
