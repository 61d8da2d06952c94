"""Queues the files that questions wait for, without holding up any answer."""

import asyncio
import logging
from functools import partial

from index.base.errors import StoreUnavailableError
from index.base.outage import Outage
from index.database.engine import Database
from index.library.known_files import Wanted, queue_wanted
from service.answering.pool import Pool

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.5  # then a question looks again at its files, and the write goes on meanwhile


class IndexRequests:
    """Collects wanted files and queues them, one transaction after the other.

    Use it on one event loop only.
    """

    def __init__(self, database: Database, settle_seconds: float, threads: Pool) -> None:
        """Write in *threads*, since another process may keep the database locked for long."""
        self._database = database
        self._settle_seconds = settle_seconds
        self._threads = threads
        self._wanted = Wanted()
        self._writing: asyncio.Future[None] | None = None
        self._outage = Outage("index_requests")

    async def take(self, wanted: Wanted) -> None:
        """Return when *wanted* is queued, or after PATIENCE_SECONDS.

        Files that cannot be queued are dropped: questions that wait for them ask again.
        """
        if not wanted:
            return
        self._wanted.add(wanted)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write())
        await asyncio.wait({self._writing}, timeout=PATIENCE_SECONDS)

    async def _write(self) -> None:
        while self._wanted:
            some, self._wanted = self._wanted, Wanted()
            try:
                await self._threads.run(
                    partial(queue_wanted, self._database, some, self._settle_seconds)
                )
            except StoreUnavailableError as error:
                self._outage.begin(error)
            except Exception:
                log.exception("index_requests.failed")
            else:
                self._outage.end()
