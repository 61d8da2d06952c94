"""Answers questions: waits for the files, gathers the faces, counts. Blocking work in threads."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextvars import copy_context
from functools import partial
from typing import TypeVar

from index.base.settings import Settings
from index.counting.question import Question
from index.database.engine import Database
from index.library.known_files import Wanted, heal
from service.answering.follower import Follower
from service.answering.gathering import (
    Attempts,
    Check,
    Damaged,
    Gathered,
    Gatherer,
    Reply,
    accept,
    refuse_missing,
    refuse_pending,
)
from service.answering.index_requests import Notes
from service.answering.threads import Threads

Result = TypeVar("Result")

WAIT_STEP_SECONDS = 0.5  # looks again this often even when nobody commits


class Desk:
    """Where handlers bring their questions."""

    def __init__(
        self, database: Database, settings: Settings, follower: Follower, threads: Threads
    ) -> None:
        self._database = database
        self._settings = settings
        self._follower = follower
        self._threads = threads
        self._gatherer = Gatherer(database, settings, follower)
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
        _, wanted = await self.run(lambda: self._gatherer.look(names))
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
        """Look at the files until none is pending or time is up, then answer."""
        seconds = self._settings.wait_seconds
        attempts = Attempts(self._gatherer, question, check, check_last, seconds)
        while True:
            try:
                found = await self.run(attempts.attempt, is_long=attempts.has_many_files)
            finally:
                noted, attempts.wanted = attempts.wanted, Wanted()
                await self._notes.take(noted)
            if isinstance(found, Reply):
                return found
            if isinstance(found, Gathered):
                return await self.run(found.reply, is_long=True)
            if isinstance(found, Damaged):
                await self.write(partial(heal, self._database, found.images))
            else:
                await self._follower.next_commit(min(attempts.seconds_left, WAIT_STEP_SECONDS))


async def _run_in(executor: Executor, work: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(executor, copy_context().run, work)
