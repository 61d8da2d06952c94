"""SQLite: the library in one file.

SQLite comes from pysqlite3, not from Python. Versions up to 3.51.2 can corrupt a database in WAL
mode (https://sqlite.org/wal.html#walresetbug), and Python may be linked to one of those.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import pysqlite3.dbapi2 as sqlite_driver
import sqlalchemy
from sqlalchemy import ColumnElement, Connection, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from index.base.errors import DatabaseReplacedError, SchemaMismatchError, StoreUnavailableError
from index.base.private_folder import make_private
from index.database.database_file import create_private, looks_like_database
from index.database.engines.interface import READERS, Instead, Use, transient_errors
from index.database.engines.statements import fetch_all
from index.database.holders import Hold, other_holders

BUSY_TIMEOUT_MS = 10_000

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


class Sqlite:
    """A database file; see interface.Engine."""

    instead: ClassVar = Instead()
    is_shared: ClassVar = False
    takes_lists: ClassVar = False
    trouble: ClassVar = "; its folder must be writable, also for reading"
    unusable: ClassVar = (
        "if it is no database, move it away and run person-count migrate, or restore a backup"
    )

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = str(path)
        self._hold: Hold | None = None

    def exists(self) -> bool:
        """Whether there is a file."""
        return self.path.exists()

    def is_missing(self) -> bool:
        """Whether there is no file, or only what an interrupted creation left there."""
        path = self.path
        if not path.is_file():
            return not os.path.lexists(path)
        if path.stat().st_size == 0:
            return True
        if not looks_like_database(path):
            return False
        engine = self.connections(Use.READ)
        try:
            with transient_errors(self), engine.connect() as connection:
                return connection.scalar(text("SELECT 1 FROM sqlite_master LIMIT 1")) is None
        except DBAPIError:  # it is damaged; whoever opens it says so
            return False
        finally:
            engine.dispose()

    def prepare(self) -> None:
        """Make the file's folder private; raises if there is no file."""
        if not self.path.is_file():
            raise SchemaMismatchError(
                f"there is no database at {self.path}; create it with: person-count migrate"
            )
        make_private(self.path.parent)

    def connections(self, use: Use) -> sqlalchemy.Engine:
        """A pool of connections with _PRAGMAS set: several for readers, or one for the writer."""
        writer = use is Use.WRITE
        engine = create_engine(
            f"sqlite+pysqlite:///{self.path}",
            module=sqlite_driver,
            pool_size=1 if writer else READERS,
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

    def hold(self) -> None:
        """Show other processes that this one uses the file."""
        try:
            self._hold = Hold(self.path)
        except OSError as error:
            raise StoreUnavailableError(
                f"{self.path} cannot be opened: {error.strerror}"
            ) from error

    def check_in_place(self) -> None:
        """Make sure that the path still leads to the file that was opened."""
        if self._hold is not None and not self._hold.is_in_place:
            raise DatabaseReplacedError(
                f"{self.path} is no longer the file that was opened, it was moved, deleted or "
                "replaced; put it back, or start this process again"
            )

    def release(self) -> None:
        """Close what hold() opened."""
        if self._hold is not None:
            self._hold.close()

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """A connection without foreign keys, which keeps writers out; it makes a missing file."""
        make_private(self.path.parent)
        with suppress(OSError):  # the file exists, or SQLite will say what is wrong
            create_private(self.path)
        engine = self.connections(Use.WRITE)
        # Rebuilding a table drops the old one; with foreign keys, that would delete its children.
        event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA foreign_keys=OFF"))
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()
        with suppress(PermissionError):  # of another user, who has made it as he likes
            self.path.chmod(0o600)

    def copy_before(self, connection: Connection, revision: str) -> None:
        """Copy the database to ``person_count.db.before-REVISION``."""
        copy = self.path.with_name(f"{self.path.name}.before-{revision}")
        copy.unlink(missing_ok=True)
        with suppress(OSError):
            create_private(copy)
        connection.exec_driver_sql("COMMIT")  # VACUUM must stand outside a transaction
        connection.exec_driver_sql("VACUUM INTO ?", (str(copy),))
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def empty_log(self, writer: sqlalchemy.Engine) -> None:
        """This also removes erased bytes from the write-ahead log."""
        _run_outside_transactions(writer, "PRAGMA wal_checkpoint(TRUNCATE)")

    def rewrite(self, writer: sqlalchemy.Engine) -> None:
        """Rewrite the file."""
        _run_outside_transactions(writer, "VACUUM")

    @staticmethod
    def is_passing(error: BaseException) -> bool:
        """By SQLite's error code: the last byte is the kind, the bytes before it are details."""
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _TRANSIENT

    @staticmethod
    def is_lost(_connection: Connection) -> bool:
        """A file is never lost; a replaced one is found by check_in_place()."""
        return False

    @staticmethod
    def data_version(connection: Connection) -> int:
        """SQLite counts the commits of other connections."""
        return int(fetch_all(connection, "PRAGMA data_version")[0][0])

    @staticmethod
    def clock(_connection: Connection) -> float:
        """The machine's: nobody else uses the file."""
        return time.time()

    @staticmethod
    def others(connection: Connection) -> list[str]:
        """Those of this machine."""
        path = connection.engine.url.database
        return [f"process {pid}" for pid in other_holders(Path(path))] if path else []

    @staticmethod
    def last_id(connection: Connection, table: str, _column: str) -> int:
        """That of AUTOINCREMENT."""
        found = fetch_all(connection, "SELECT seq FROM sqlite_sequence WHERE name = ?", (table,))
        return int(found[0][0]) if found else 0

    @staticmethod
    def set_last_id(connection: Connection, table: str, _column: str, number: int) -> None:
        """That of AUTOINCREMENT."""
        fetch_all(connection, "DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        fetch_all(connection, "INSERT INTO sqlite_sequence VALUES (?, ?)", (table, number))

    @staticmethod
    def problems(connection: Connection) -> list[str]:
        """Those in its pages, then in foreign keys."""
        found = [row for row in connection.scalars(text("PRAGMA quick_check")) if row != "ok"]
        broken = connection.execute(text("PRAGMA foreign_key_check")).all()
        found += [f"{row[0]} row {row[1]} refers to a missing row of {row[2]}" for row in broken]
        return found

    @staticmethod
    def holds_text(column: ColumnElement[str], spellings: Sequence[str]) -> ColumnElement[bool]:
        """GLOB, since LIKE folds the case of ASCII only."""
        parts = [
            letters if len(letters) == 1 and letters not in "*?[" else f"[{letters}]"
            for letters in spellings
        ]
        found: ColumnElement[bool] = column.op("GLOB", is_comparison=True)(f"*{''.join(parts)}*")
        return found

    @staticmethod
    def version() -> str:
        """SQLite's own."""
        return f"SQLite {sqlite_driver.sqlite_version}"


def _run_outside_transactions(engine: sqlalchemy.Engine, statement: str) -> None:
    raw = engine.raw_connection()
    try:
        raw.cursor().execute(statement)
    finally:
        raw.close()
