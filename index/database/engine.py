"""Opens the library's database, in a file or on a server."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import sqlalchemy
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.exc import DBAPIError

from index.base.database_url import Address
from index.base.errors import (
    DatabaseReplacedError,
    StoreError,
    StoreUnavailableError,
)
from index.database.engines import engine_at, engine_of
from index.database.engines.interface import (
    READERS,
    UNNOTICED,
    Engine,
    Instead,
    Use,
    transient_errors,
)
from index.database.kept_connections import KeptConnections
from index.database.revisions import check_revision

upsert = insert  # INSERT … ON CONFLICT; PostgreSQL's compiles for SQLite, too
Upsert = Insert
Pool = sqlalchemy.Engine | KeptConnections


class Database:
    """Pools of connections to one database: readers, and one writer at a time.

    Attributes:
        path: the file that holds it; None: a server does.
        place: where it is, for people and logs; no secret.
    """

    def __init__(self, address: Address) -> None:
        """Open an existing database of the right revision.

        Raises:
            SchemaMismatchError: there is none, or it has another revision; the text names the cure.
            StoreUnavailableError: the disk is full or fails, or the server cannot be reached.
            ConfigError: other users can open its folder, and that cannot be changed; or the
                server's driver is not installed.
        """
        self._engine: Engine = engine_at(address)
        self.path = self._engine.path
        self.place = self._engine.place
        self._engine.prepare()
        self._readers: Pool = self._engine.connections(Use.READ)
        if not self._engine.is_shared:  # a server may end a connection, so it is asked before a use
            self._readers = KeptConnections(self._readers, READERS)
        self._writer = self._engine.connections(Use.WRITE)
        self._followers = self._engine.connections(Use.FOLLOW)
        self._engine.hold()
        try:
            self._check_revision()
            self.check_in_place()
        except BaseException:
            self.close()
            raise

    @property
    def instead(self) -> Instead:
        """What to use for what this database does not do."""
        return self._engine.instead

    @property
    def is_shared(self) -> bool:
        """Whether other machines may use it at the same time."""
        return self._engine.is_shared

    @property
    def version(self) -> str:
        """The kind of database, and the version of its library in this program."""
        return self._engine.version()

    def _check_revision(self) -> None:
        try:
            with transient_errors(self._engine), self._readers.connect() as connection:
                check_revision(connection, self.place)
        except StoreUnavailableError as error:
            raise StoreUnavailableError(f"{error} ({self.place}{self._engine.trouble})") from error
        except DBAPIError as error:
            raise StoreError(
                f"{self.place} is no usable database: {error.orig}; {self._engine.unusable}"
            ) from error

    def check_in_place(self) -> None:
        """Make sure that the database is still the one that was opened.

        Raises:
            DatabaseReplacedError: it is not. All that is open uses the old one, which others
                neither see nor erase.
        """
        self._engine.check_in_place()

    @contextmanager
    def _connection(self, pool: Pool) -> Iterator[Connection]:
        self.check_in_place()
        with transient_errors(self._engine), pool.connect() as connection:
            try:
                self.check_in_place()
            except DatabaseReplacedError:
                connection.invalidate()  # it may be a new one, to another file
                raise
            try:
                yield connection
            except BaseException:
                if not connection.invalidated and self._engine.is_lost(connection):
                    connection.invalidate()
                raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One read transaction: a consistent view, short please (it holds back cleaning up).

        Raises:
            StoreUnavailableError: the disk or the server fails; asking again later may help.
        """
        with self._connection(self._readers) as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One write transaction, committed at the end or rolled back on any exception.

        Raises:
            StoreUnavailableError: the disk is full or fails, or another process writes for long.
        """
        with self._connection(self._writer) as connection, connection.begin():
            yield connection
        self.check_in_place()  # or it was written where it is lost

    @contextmanager
    def write_aside(self) -> Iterator[Connection]:
        """As write(), for rows on which no answer depends.

        On a server it wakes no reader, and neither waits for other writers nor keeps them waiting.
        """
        with self._connection(self._writer) as connection:
            connection.execution_options(**{UNNOTICED: True})
            with connection.begin():
                yield connection

    @contextmanager
    def watch_commits(self) -> Iterator["CommitCounter"]:
        """A cheap way to see that another connection has committed; errors as in read()."""
        with self._connection(self._followers) as connection:
            yield CommitCounter(self, connection)

    def checkpoint(self) -> None:
        """Move the log of writes into the database, if no reader prevents it.

        This also removes erased bytes from the log. Errors as in write().
        """
        self.check_in_place()
        with transient_errors(self._engine):
            self._engine.empty_log(self._writer)

    def vacuum(self) -> None:
        """Rewrite the file without the bytes that no row uses any more. Errors as in write()."""
        self.check_in_place()
        with transient_errors(self._engine):
            self._engine.rewrite(self._writer)

    def close(self) -> None:
        """Close every connection; harmless when called again."""
        for pool in (self._readers, self._writer, self._followers):
            pool.dispose()
        self._engine.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()


class CommitCounter:
    """A number that changes when another connection commits."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._database = database
        self._connection = connection

    def value(self) -> int:
        """The present number; only equality means anything. Errors as in Database.read()."""
        self._database.check_in_place()
        with transient_errors(engine_of(self._connection)):
            number = data_version(self._connection)
            self._connection.rollback()
        return number


def data_version(connection: Connection) -> int:
    """A number that changes when a connection other than *connection* commits.

    Inside a transaction it is the number of the commit that the transaction sees.
    """
    return engine_of(connection).data_version(connection)
