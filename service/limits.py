"""How much is taken on at once: connections, questions, and time for each."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar

from index.errors import RequestError

log = logging.getLogger(__name__)

Result = TypeVar("Result")

MAX_CONNECTIONS = 256
MAX_CONNECTIONS_OF_ONE = 64
MAX_QUESTIONS = 64
WORK_SECONDS = 60.0  # for the answer itself, after the wait for files to be indexed
REPORT_SECONDS = 60.0


class ConnectionLimit:
    """Counts open connections, in all and by address."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._refused = 0
        self._reported = -REPORT_SECONDS

    def admit(self, address: str) -> bool:
        """Whether *address* may open one more connection; if so, it counts until leave()."""
        full = self._open.total() >= MAX_CONNECTIONS
        if full or self._open[address] >= MAX_CONNECTIONS_OF_ONE:
            self._refuse()
            return False
        self._open[address] += 1
        return True

    def leave(self, address: str) -> None:
        """A connection of *address* has been closed."""
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]

    def _refuse(self) -> None:
        """Count, and say so once in a while: a flood must not fill the log as well."""
        self._refused += 1
        now = time.monotonic()
        if now - self._reported >= REPORT_SECONDS:
            log.warning("limits.connections_refused count=%d", self._refused)
            self._reported, self._refused = now, 0


class QuestionLimit:
    """Bounds how many questions are under way, and how long each may take."""

    def __init__(self, seconds: float) -> None:
        """Give each question *seconds*."""
        self._seconds = seconds
        self._questions = 0

    async def run(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do *work*.

        Raises:
            RequestError: 503, there is no room for it now, or it took too long.
        """
        if self._questions >= MAX_QUESTIONS:
            raise RequestError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{MAX_QUESTIONS} questions are being answered already; ask again later",
                retry_after_seconds=1,
            )
        self._questions += 1
        try:
            async with asyncio.timeout(self._seconds):
                return await work()
        except TimeoutError as error:
            raise RequestError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"the answer took longer than {self._seconds:.0f} s; ask about fewer files",
                retry_after_seconds=1,
            ) from error
        finally:
            self._questions -= 1
