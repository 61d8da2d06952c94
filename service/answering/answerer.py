"""Answers questions, and does all blocking work for handlers in threads."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import TypeVar

from index.base.choices import Unreadable
from index.base.errors import RequestError, bad_request
from index.base.paths import on_one_line
from index.base.plurals import counted
from index.base.settings import Settings
from index.counting.question import Question
from index.database.engine import Database
from index.library.known_files import FileStatus, KnownFile, requeue_damaged
from service.answering.follower import Follower
from service.answering.index_requests import IndexRequests
from service.answering.judging import Judging
from service.answering.library_reader import LONG_FILES, LibraryReader, Look, Reply
from service.answering.people_keeper import PeopleKeeper
from service.answering.similar import SimilarFaces
from service.answering.threads import Threads

Result = TypeVar("Result")

WAIT_STEP_SECONDS = 0.5  # looks again at least this often, even without a commit
# the statuses that all files must have for an answer
READ = (FileStatus.COUNTED,)
UNREAD = (FileStatus.FAILED, FileStatus.NO_PHOTO)
SETTLED = tuple(status for status in FileStatus if status is not FileStatus.PENDING)
ANY = tuple(FileStatus)


class Answerer:
    """Answers the questions of handlers, and runs their blocking work.

    Attributes:
        in_hand: the number of requests being answered.
        roots: the folders that may be asked about.
        similar: finds faces near a face of the library.
        judging: records and lists what people say about faces.
        people: knows the persons of the whole library.
    """

    def __init__(
        self, database: Database, settings: Settings, follower: Follower, threads: Threads
    ) -> None:
        self.in_hand = 0
        self.roots = settings.resolve_roots()
        self._database = database
        self._wait_seconds = settings.wait_seconds
        self._follower = follower
        self._threads = threads
        self._reader = LibraryReader(database, self.roots, follower, settings)
        self.similar = SimilarFaces(database, follower, self.roots)
        self.judging = Judging(database, self.roots)
        self.people = PeopleKeeper(database, settings, follower, threads, self.roots)
        self._requests = IndexRequests(database, settings.settle_seconds, threads.writes)

    async def run(
        self, work: Callable[[], Result], *, is_long: bool = False, is_large: bool = False
    ) -> Result:
        """Do blocking *work* in a thread; long and large work have their own, to delay no other."""
        if not (is_long or is_large):
            return await self._threads.short.run(work)
        self._threads.slow_work += 1
        try:
            pool = self._threads.large if is_large else self._threads.long
            return await pool.run(work)
        finally:
            self._threads.slow_work -= 1

    async def probe(self, work: Callable[[], Result]) -> Result:
        """Do the *work* of a probe, in a thread that no question uses."""
        return await self._threads.probes.run(work)

    async def write(self, work: Callable[[], Result]) -> Result:
        """Do *work* that changes the database, in its own thread: it may wait for a lock."""
        return await self._threads.writes.run(work)

    async def request_index(self, names: Sequence[str]) -> None:
        """Queue the files *names* to be indexed soon; a locked database may delay that."""
        await self._look(names)

    async def count(self, question: Question) -> Reply:
        """Answer once every file has been read.

        Raises:
            RequestError: 404, 422 or 503 because of a file; 413 for too many faces.
        """
        return await self._answer(question, is_strict=True)

    async def explain(self, question: Question) -> Reply:
        """Answer with the files that have been read when the wait is over.

        Raises:
            RequestError: 413 for too many faces; 503 before anything was ever indexed.
        """
        return await self._answer(question, is_strict=False)

    async def _answer(self, question: Question, *, is_strict: bool) -> Reply:
        """Look at the files, wait while some are pending, gather their faces, count."""
        deadline = time.monotonic() + self._wait_seconds
        is_long, is_large = len(question.filepaths) > LONG_FILES, False
        enough: Sequence[FileStatus] = READ if is_strict else SETTLED
        while True:
            # one step in one thread: each change of threads costs as much as finding several files
            answer = partial(
                self._reader.answer, question, enough, is_long=is_long, is_large=is_large
            )
            look = await self.run(answer, is_long=is_long, is_large=is_large)
            await self._requests.take(look.wanted)
            if look.reply is not None:
                return look.reply
            if is_strict:
                refuse_missing(look.files, question)
                _refuse_unreadable(look, question)
            if look.damaged:
                await self.write(partial(requeue_damaged, self._database, look.damaged))
            elif look.is_long:
                is_long, is_large = True, look.is_large
            elif time.monotonic() < deadline:
                await self._wait_for(look.pending, deadline, question if is_strict else None)
            elif is_strict:
                raise _still_pending(look)
            else:
                enough = ANY

    async def _wait_for(
        self, pending: Sequence[str], deadline: float, strict: Question | None
    ) -> None:
        """Wait until none of the files is pending, or until the deadline.

        Args:
            strict: the question, if one file that cannot be read refuses it.
        """
        while pending and (seconds := deadline - time.monotonic()) > 0:
            await self._follower.next_commit(min(seconds, WAIT_STEP_SECONDS))
            look = await self._look(pending)
            if strict is not None:
                refuse_missing(look.files, strict)
            pending = look.pending

    async def _look(self, names: Sequence[str]) -> Look:
        """Look at the files *names*, and queue those that are not indexed."""
        is_long = len(names) > LONG_FILES
        look = await self.run(partial(self._reader.look, names), is_long=is_long)
        await self._requests.take(look.wanted)
        return look


def refuse_missing(files: Sequence[KnownFile], question: Question) -> None:
    """Look at the files that the *question* names itself.

    Raises:
        RequestError: 404, one is missing; 400 with its right spelling; 422, one is unread.
    """
    named = set(question.filepaths)
    files = [file for file in files if file.name in named]
    statuses = [file.status for file in files]
    for file in files:
        if file.status is FileStatus.UNKNOWN and file.reason:
            raise bad_request(file.reason)
    if FileStatus.UNKNOWN in statuses:
        # the contract's sentence; naming the file would tell what else is on the disk
        raise RequestError(HTTPStatus.NOT_FOUND, "File does not exist")
    for file in files:
        if file.status in UNREAD:
            raise RequestError(HTTPStatus.UNPROCESSABLE_ENTITY, _why_unread(file))


def _refuse_unreadable(look: Look, question: Question) -> None:
    """Raise 422 if files in folders cannot be read and are not to be skipped.

    It waits for all files, so that it can say how many.
    """
    unread = [file for file in look.files if file.status is FileStatus.FAILED]
    if unread and not look.pending and question.unreadable is Unreadable.REFUSE:
        number = counted(len(unread), "file in the folders", "files in the folders")
        raise RequestError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"{_why_unread(unread[0])}; {number} cannot be read, unreadable=skip counts the rest",
        )


def _why_unread(file: KnownFile) -> str:
    return f"{on_one_line(file.name)} is no readable image: {file.reason}"


def _still_pending(look: Look) -> RequestError:
    return RequestError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        f"{len(look.pending)} of {len(look.files)} files are still being indexed; ask again later",
        retry_after_seconds=5,
    )
