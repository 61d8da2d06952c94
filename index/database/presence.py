"""Shows others that a process is at work on a library, and with what."""

import logging
import socket
import threading
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy.exc import SQLAlchemyError

from index.base.errors import StoreError
from index.base.worker_names import folder_of, new_name
from index.database.engine import Database
from index.database.queries import processes
from index.database.queries.processes import Announced
from index.database.states import ProcessKind, ProcessState

log = logging.getLogger(__name__)


class Presence:
    """A process's row in the table of processes, and the thread that keeps it fresh.

    If the database fails, the process goes on. Others take it for lost until the database works
    again.

    Attributes:
        name: tells the process from all others.
    """

    def __init__(
        self, database: Database, data: Path, kind: ProcessKind, state: ProcessState
    ) -> None:
        self.name = new_name(data)
        self._database = database
        self._told = Announced(
            self.name,
            kind,
            socket.gethostname(),
            folder_of(data),
            metadata.version("person-count"),
            state,
        )
        self._is_heard = True
        self._wake = threading.Event()
        self._ends = False
        self._thread = threading.Thread(target=self._run, name="presence")

    def __enter__(self) -> Self:
        self._sign()  # the row is there before anything is counted in it
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Remove the row."""
        self._ends = True
        self._wake.set()
        self._thread.join()
        if not self._is_heard:
            return  # others take it for lost, and an end need not wait for the database
        try:
            with self._database.write_aside() as connection:
                processes.remove(connection, self.name)
        except (StoreError, SQLAlchemyError) as trouble:
            log.warning("process.gives_no_sign reason=%s", trouble)

    def says(self, state: ProcessState) -> None:
        """Show soon what the process does now; cheap if that is as before."""
        if state != self._told.state:
            self._told = self._told._replace(state=state)
            self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait(processes.SIGN_SECONDS)
            self._wake.clear()
            if self._ends:
                return
            self._sign()

    def _sign(self) -> None:
        try:
            with self._database.write_aside() as connection:
                processes.sign(connection, self._told)
            self._is_heard = True
        except (StoreError, SQLAlchemyError) as error:
            if self._is_heard:
                log.warning("process.gives_no_sign reason=%s", error)
            self._is_heard = False
