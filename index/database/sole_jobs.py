"""Jobs that one process at a time does for a library, wherever it runs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import Self

from index.base.errors import StoreUnavailableError, WriterBusyError
from index.base.repeating import repeated
from index.database.engine import Database
from index.database.queries import leases

WATCH = "watch"  # the job of watching the folders and of housekeeping
REINDEX = "reindex"
ERASURE = "erasure"
LOOK_SECONDS = 2.0  # between two looks whether another process still does the job


class Turn:
    """A process's wish to do a job. Where nobody else can use the database, it is always its turn.

    The caller's lock in the data folder decides among the processes of one machine.
    """

    def __init__(self, database: Database, name: str, holder: str) -> None:
        self._database = database
        self._name = name
        self._holder = holder
        self._mine = False
        self._next = 0.0

    def is_mine(self) -> bool:
        """Whether to do the job now; ask again every few seconds, or another process takes over.

        Raises:
            StoreUnavailableError: the database cannot be used.
        """
        if not self._database.is_shared:
            return True
        now = time.monotonic()
        if now >= self._next:
            self._mine = self._take()
            self._next = now + (leases.RENEW_SECONDS if self._mine else LOOK_SECONDS)
        return self._mine

    def _take(self) -> bool:
        if not self._mine:  # every write wakes all readers: look before
            with self._database.read() as connection:
                if leases.is_taken(connection, self._name):
                    return False
        with self._database.write() as connection:
            return leases.take_turn(connection, self._name, self._holder)

    def leave(self) -> None:
        """Let others do the job at once."""
        if not (self._mine and self._database.is_shared):
            return
        self._mine = False
        try:
            with self._database.write() as connection:
                leases.leave_turn(connection, self._name, self._holder)
        except StoreUnavailableError:
            return  # it ends by itself

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.leave()


@contextmanager
def sole(
    database: Database, name: str, holder: str, *, wait_seconds: float = 0.0
) -> Iterator[None]:
    """Do the job *name* alone; a thread keeps the turn meanwhile.

    Raises:
        WriterBusyError: another process is still doing it after *wait_seconds*.
    """
    with Turn(database, name, holder) as turn:
        deadline = time.monotonic() + wait_seconds
        while not turn.is_mine() and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS / 10)
        if not turn.is_mine():
            raise WriterBusyError(f"another machine is at work on this library ({name})")
        if not database.is_shared:
            yield
            return
        with repeated(partial(_keep, turn), LOOK_SECONDS, "turn"):
            yield


def _keep(turn: Turn) -> None:
    with suppress(StoreUnavailableError):
        turn.is_mine()
