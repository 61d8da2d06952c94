"""How much is taken on at once: connections, questions, and time for each."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from index.base.errors import RequestError

log = logging.getLogger(__name__)

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


class Caller:
    """Who asks one question, and may hang up before it is answered."""

    def __init__(self) -> None:
        self.is_gone = False
        self.patience: asyncio.Timeout | None = None  # of the question under way

    def hang_up(self) -> None:
        """Nobody waits for the answer any more: give it up."""
        self.is_gone = True
        if self.patience is not None and not self.patience.expired():
            self.patience.reschedule(0.0)  # long ago


class QuestionLimit:
    """Bounds how many questions are under way, and how long each may take."""

    def __init__(self, seconds: float) -> None:
        """Give each question *seconds*."""
        self._seconds = seconds
        self._questions = 0

    @asynccontextmanager
    async def admit(self, caller: Caller) -> AsyncIterator[None]:
        """Let the question of *caller* be answered inside.

        Raises:
            RequestError: 503, there is no room for it now, or it took too long; 408, which nobody
                gets to see, the caller has hung up.
        """
        if self._questions >= MAX_QUESTIONS:
            raise RequestError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{MAX_QUESTIONS} questions are being answered already; ask again later",
                retry_after_seconds=1,
            )
        self._questions += 1
        try:
            async with asyncio.timeout(self._seconds) as caller.patience:
                yield
        except TimeoutError as error:
            if caller.is_gone:
                raise RequestError(HTTPStatus.REQUEST_TIMEOUT, "the caller has hung up") from error
            raise RequestError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"the answer took longer than {self._seconds:.0f} s; ask about fewer files",
                retry_after_seconds=1,
            ) from error
        finally:
            caller.patience = None
            self._questions -= 1
