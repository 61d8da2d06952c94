"""Keeps connections open between transactions.

SQLAlchemy makes an object for each use of a connection, and resets the connection afterwards. That
takes some 50 µs, twice as long as the transaction of a short question.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue

import sqlalchemy
from sqlalchemy import Connection
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

PATIENCE_SECONDS = 30.0  # as SQLAlchemy's pools have


class KeptConnections:
    """A pool of connections that do not break by themselves, as those to a file.

    The connection used last comes first: it has the warmest caches.
    """

    def __init__(self, engine: sqlalchemy.Engine, most: int) -> None:
        """Keep up to *most* connections; *engine* must be able to open as many."""
        self._engine = engine
        self._places: LifoQueue[Connection | None] = LifoQueue()  # None: not opened yet
        for _ in range(most):
            self._places.put(None)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection outside any transaction. It is kept if it is left so, without an exception.

        Raises:
            PoolTimeoutError: all are in use for long.
        """
        try:
            kept = self._places.get(timeout=PATIENCE_SECONDS)
        except Empty as error:
            raise PoolTimeoutError("all connections are in use") from error
        good = None
        try:
            connection = kept or self._engine.connect()
            try:
                yield connection
                if not connection.in_transaction():
                    good = connection
            finally:
                if good is None:
                    connection.close()  # SQLAlchemy resets it, or drops it
        finally:
            self._places.put(good)

    def dispose(self) -> None:
        """Close all that are not in use."""
        idle = [self._places.get() for _ in range(self._places.qsize())]
        for kept in idle:
            if kept is not None:
                kept.close()
            self._places.put(None)
        self._engine.dispose()
