"""Opens the SQLite database.

SQLite comes from pysqlite3, not from Python. Versions up to 3.51.2 can corrupt a database in WAL
mode (https://sqlite.org/wal.html#walresetbug), and Python may be linked to one of those.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pysqlite3.dbapi2 as sqlite_driver
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from index.base.errors import (
    DatabaseReplacedError,
    SchemaMismatchError,
    StoreError,
    StoreUnavailableError,
)
from index.base.private_folder import make_private
from index.database.holders import Hold
from index.database.revisions import head_revision, known_revisions, unknown

BUSY_TIMEOUT_MS = 10_000
NO_DATABASE = "if it is no database, move it away and run person-count migrate, or restore a backup"

upsert = insert  # INSERT … ON CONFLICT; PostgreSQL's insert has the same methods
Upsert = Insert

_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # an acknowledged file survives a power cut
    f"busy_timeout={BUSY_TIMEOUT_MS}",
    "foreign_keys=ON",
    "secure_delete=ON",  # overwrites erased vectors, besides unlinking them
    "mmap_size=0",
    "cache_size=-16384",  # KiB per connection: the upper levels of a large library's indexes
    "trusted_schema=OFF",
    "cell_size_check=ON",
    "journal_size_limit=67108864",
)


# these may pass by themselves, unlike a file that is no database or a wrong statement
_TRANSIENT = {
    sqlite_driver.SQLITE_BUSY,
    sqlite_driver.SQLITE_CANTOPEN,
    sqlite_driver.SQLITE_FULL,
    sqlite_driver.SQLITE_IOERR,
    sqlite_driver.SQLITE_READONLY,
}


@contextmanager
def transient_errors() -> Iterator[None]:
    """Raise StoreUnavailableError when the disk or another process makes a transaction fail."""
    try:
        yield
    except PoolTimeoutError as error:
        raise StoreUnavailableError("every connection to the database is in use") from error
    except (DBAPIError, sqlite_driver.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        # the last byte is the kind of error, the bytes before it are details
        if getattr(cause, "sqlite_errorcode", 0) & 0xFF not in _TRANSIENT:
            raise
        raise StoreUnavailableError(f"the database cannot be used at present: {cause}") from error


def open_engine(path: Path, *, writer: bool) -> Engine:
    """A pool of connections with _PRAGMAS set: several for readers, or one for the writer."""
    engine = create_engine(
        f"sqlite+pysqlite:///{path}",
        module=sqlite_driver,
        pool_size=1 if writer else 8,
        max_overflow=0,
        pool_use_lifo=True,  # the connection used last has the warmest caches
        hide_parameters=True,  # exceptions reach the log, and parameters hold paths
    )

    def configure(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own
        connection.isolation_level = None  # the driver must not open transactions by itself
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        if not writer:
            connection.execute("PRAGMA query_only=ON")

    def begin(connection: Connection) -> None:
        # A transaction that reads first and then writes fails at once if another wrote in
        # between, without waiting. So writers take the lock first.
        fetch_all(connection, "BEGIN IMMEDIATE" if writer else "BEGIN")

    event.listen(engine, "connect", configure)
    event.listen(engine, "begin", begin)
    return engine


class Database:
    """Two engines over one file: readers, and one writer at a time."""

    def __init__(self, path: Path) -> None:
        """Open an existing database of the right revision.

        Raises:
            SchemaMismatchError: there is none, or it has another revision; the text names the cure.
            StoreUnavailableError: the disk is full or fails.
            ConfigError: other users can open its folder, and that cannot be changed.
        """
        self.path = path
        if not path.is_file():
            raise SchemaMismatchError(
                f"there is no database at {path}; create it with: person-count migrate"
            )
        make_private(path.parent)
        self._readers = open_engine(path, writer=False)
        self._writer = open_engine(path, writer=True)
        try:
            self._hold = Hold(path)
        except OSError as error:
            raise StoreUnavailableError(f"{path} cannot be opened: {error.strerror}") from error
        try:
            self._check_revision()
            self.check_in_place()
        except BaseException:
            self.close()
            raise

    def _check_revision(self) -> None:
        try:
            with transient_errors(), self._readers.connect() as connection:
                found = MigrationContext.configure(connection).get_current_revision()
        except StoreUnavailableError as error:
            raise StoreUnavailableError(
                f"{error} ({self.path}; its folder must be writable, also for reading)"
            ) from error
        except DBAPIError as error:
            raise StoreError(
                f"{self.path} is no usable database: {error.orig}; {NO_DATABASE}"
            ) from error
        head = head_revision()
        if found == head:
            return
        if found is not None and found not in known_revisions():
            raise SchemaMismatchError(f"{self.path} {unknown(found)}")
        raise SchemaMismatchError(
            f"{self.path} has schema revision {found or 'none'}, this program needs {head}; "
            "upgrade it with: person-count migrate"
        )

    def check_in_place(self) -> None:
        """Make sure that the database's path still leads to the file that was opened.

        Raises:
            DatabaseReplacedError: it does not. All that is open uses the old file, which others
                neither see nor erase.
        """
        if not self._hold.is_in_place:
            raise DatabaseReplacedError(
                f"{self.path} is no longer the file that was opened, it was moved, deleted or "
                "replaced; put it back, or start this process again"
            )

    @contextmanager
    def _connection(self, engine: Engine) -> Iterator[Connection]:
        self.check_in_place()
        with transient_errors(), engine.connect() as connection:
            try:
                self.check_in_place()
            except DatabaseReplacedError:
                connection.invalidate()  # it may be a new one, to another file
                raise
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One read transaction: a consistent view, short please (it holds back checkpoints).

        Raises:
            StoreUnavailableError: the disk fails; asking again later may help.
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
    def watch_commits(self) -> Iterator["CommitCounter"]:
        """A cheap way to see that another connection has committed; errors as in read()."""
        with self._connection(self._readers) as connection:
            yield CommitCounter(self, connection)

    def checkpoint(self) -> None:
        """Move the write-ahead log into the database file and empty it, if no reader prevents it.

        This also removes erased bytes from the log. Errors as in write().
        """
        self._run_outside_transactions("PRAGMA wal_checkpoint(TRUNCATE)")

    def vacuum(self) -> None:
        """Rewrite the file without the bytes that no row uses any more."""
        self._run_outside_transactions("VACUUM")

    def _run_outside_transactions(self, statement: str) -> None:
        self.check_in_place()
        with transient_errors():
            raw = self._writer.raw_connection()
            try:
                raw.cursor().execute(statement)
            finally:
                raw.close()

    def close(self) -> None:
        """Close every connection; harmless when called again."""
        self._readers.dispose()
        self._writer.dispose()
        self._hold.close()

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
    """SQLite's data_version: a number that changes when another connection commits."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._database = database
        self._connection = connection

    def value(self) -> int:
        """The present number; only equality means anything. Errors as in Database.read()."""
        self._database.check_in_place()
        with transient_errors():
            number = data_version(self._connection)
            self._connection.rollback()
        return number


def data_version(connection: Connection) -> int:
    """A number that changes when a connection other than *connection* commits.

    Inside a transaction it is the number of the commit that the transaction sees.
    """
    return int(fetch_all(connection, "PRAGMA data_version")[0][0])


def fetch_all(
    connection: Connection, statement: str, parameters: Sequence[object] | dict[str, object] = ()
) -> list[tuple[Any, ...]]:
    """The rows of a statement whose parameters are in the driver's style.

    It goes past SQLAlchemy, whose result objects take several times as long as SQLite.

    Raises:
        DBAPIError: never a subclass of it; its cause is the driver's error.
    """
    try:
        cursor = connection.connection.cursor()
        cursor.execute(statement, parameters)
        rows = cursor.fetchall()
    except sqlite_driver.Error as error:
        raise DBAPIError(statement, None, error, hide_parameters=True) from error
    return list(rows)
