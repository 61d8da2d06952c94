"""PostgreSQL: the library on a server, for several services and workers.

One writer at a time, as with SQLite: a write begins by adding 1 to the only row of the table
commits. The row's lock keeps other writers waiting until the commit, so ids rise in the order of
the commits, which the changelog and the index rely on. The number tells readers of new commits.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, ClassVar

import sqlalchemy
from pydantic import SecretStr
from sqlalchemy import ColumnElement, Connection, create_engine, event, text

from index.base.database_url import shown
from index.base.errors import (
    ConfigError,
    DatabaseReplacedError,
    SchemaMismatchError,
    StoreError,
)
from index.database.engines.interface import (
    READERS,
    UNNOTICED,
    Instead,
    Use,
    transient_errors,
)
from index.database.engines.statements import fetch_all

OLDEST = 150000  # as PostgreSQL writes its versions; older ones are not tested
LOCK_SECONDS = 10  # a writer waits so long for another one
# a process that stops in the middle of a write keeps all others waiting for so long
WRITER_IDLE_SECONDS = 8
READER_IDLE_SECONDS = 300  # a large question is counted inside its transaction
UPGRADE_LOCK = 0x706572736F6E  # any number that nobody else uses

_SESSION = (
    f"SET lock_timeout = '{LOCK_SECONDS}s'; SET client_encoding = 'UTF8';"
    # compiling takes longer than any statement here that it would make faster
    "SET jit = off;"
    # the server ends the sessions of machines that are gone
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;"
)
# given to libpq unless the URL says otherwise
_CONNECTION = {
    "application_name": "person-count",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds
}
# the server, the database in it, and the line of its history: another one after a restore
_IDENTITY = (
    "SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' || "
    "(SELECT oid FROM pg_database WHERE datname = current_database())::text || '/' || "
    "left(pg_walfile_name(pg_current_wal_lsn()), 8)"
)
_OTHERS = (
    "SELECT DISTINCT coalesce(host(client_addr), 'the server itself') FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND application_name = current_setting('application_name') ORDER BY 1"
)
_SEQUENCE = "SELECT pg_get_serial_sequence(%s, %s)"
# SQLSTATEs: the connection, resources, the operator, the system; their first two characters
_PASSING_CLASSES = {"08", "53", "57", "58"}
_PASSING = {
    "25006",  # only reading is allowed: another server has taken over
    "25P03",  # it idled inside a transaction for too long
    "40001",  # could not serialise
    "40P01",  # deadlock
    "55000",  # not in this state: the server is still recovering
    "55P03",  # the lock was not to be had in time
}
_SPECIAL = re.compile(r"[.^$*+?()\[\]{}|\\]")


class Postgres:
    """A database on a server; see interface.Engine."""

    instead: ClassVar = Instead(
        backup="the library is in PostgreSQL: back it up and restore it with pg_dump and "
        "pg_restore, or with pgBackRest; docs/cluster.md says how",
        upgrade_copy="no copy was made, since the library is in PostgreSQL",
        page_check="the server's pages were not checked: use pg_amcheck",
        erasure_proof="the server may keep the bytes of erased vectors in its tables until it "
        "vacuums them, in its log, in replicas and in backups; see docs/cluster.md",
    )
    is_shared: ClassVar = True
    takes_lists: ClassVar = True
    trouble: ClassVar = ""
    unusable: ClassVar = "see docs/cluster.md"

    def __init__(self, url: SecretStr) -> None:
        self._url = url
        self.place = shown(url)
        self.path = None
        self._identity: str | None = None

    def exists(self) -> bool:
        """Whether the database has any table."""
        return not self.is_missing()

    def is_missing(self) -> bool:
        """Whether the database has no table that is found without a schema's name."""
        engine = self.connections(Use.READ)
        found = text("SELECT 1 FROM pg_tables WHERE schemaname = current_schema() LIMIT 1")
        try:
            with transient_errors(self), engine.connect() as connection:
                return connection.scalar(found) is None
        finally:
            engine.dispose()

    def prepare(self) -> None:
        """Raise SchemaMismatchError if there are no tables."""
        if self.is_missing():
            raise SchemaMismatchError(
                f"there are no tables in {self.place}; create them with: person-count migrate"
            )

    def connections(self, use: Use) -> sqlalchemy.Engine:
        """A pool of connections in the right mode for their use."""

        def connect() -> Any:  # noqa: ANN401 - the driver's own
            return self._connect(use)

        engine = _pool(connect, READERS if use is Use.READ else 1)
        if use is Use.WRITE:
            event.listen(engine, "begin", _lock_out_writers)
        return engine

    def _connect(self, use: Use) -> Any:  # noqa: ANN401 - the driver's own
        """Open a connection and check what is at its other end.

        Raises:
            ConfigError: the driver is not installed.
            DatabaseReplacedError: it is another database than at first.
            StoreError: the server is too old, stores text in another encoding than UTF-8, or does
                not prove who it is though the URL asks for that.
        """
        driver = _driver()
        given = driver.conninfo.conninfo_to_dict(self._url.get_secret_value())
        defaults = _CONNECTION | ({} if _is_near(given) else {"sslmode": "require"})
        try:
            made = driver.connect(**defaults | given, autocommit=True)
        except driver.OperationalError as error:
            if "certificate" not in str(error):
                raise
            raise StoreError(
                f"{self.place} does not prove who it is ({str(error).splitlines()[-1]}); see "
                "docs/cluster.md about sslrootcert"
            ) from error
        try:
            idle = WRITER_IDLE_SECONDS if use is Use.WRITE else READER_IDLE_SECONDS
            made.execute(f"{_SESSION} SET idle_in_transaction_session_timeout = '{idle}s'")
            self._check_server(made)
            if use is Use.READ:
                made.isolation_level = driver.IsolationLevel.REPEATABLE_READ
                made.read_only = True
            made.autocommit = use is Use.FOLLOW
        except BaseException:
            made.close()
            raise
        return made

    def _check_server(self, made: Any) -> None:  # noqa: ANN401 - the driver's own
        if made.info.server_version < OLDEST:
            raise StoreError(f"{self.place} is older than PostgreSQL {OLDEST // 10_000}")
        if made.info.parameter_status("server_encoding") != "UTF8":
            raise StoreError(f"{self.place} does not store UTF-8; create it with ENCODING 'UTF8'")
        identity = made.execute(_IDENTITY).fetchone()[0]
        if self._identity is not None and identity != self._identity:
            raise DatabaseReplacedError(
                f"{self.place} is no longer the database that was opened: it was restored, made "
                "anew, or another server has taken over; start this process again"
            )
        self._identity = identity

    def hold(self) -> None:
        """Nothing: each new connection compares what it finds with the first one."""

    def check_in_place(self) -> None:
        """Nothing: see hold()."""

    def release(self) -> None:
        """Nothing: see hold()."""

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """A connection that waits for other upgrades and moves to end, and is never cut off."""

        def connect() -> Any:  # noqa: ANN401 - the driver's own
            made = self._connect(Use.WRITE)
            made.execute("SET idle_in_transaction_session_timeout = 0; SET lock_timeout = 0")
            made.commit()
            return made

        engine = _pool(connect, 1)
        event.listen(
            engine,
            "begin",
            lambda connection: fetch_all(
                connection, f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})"
            ),
        )
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    def copy_before(self, connection: Connection, revision: str) -> None:
        """Nothing, as instead.upgrade_copy says; a failed upgrade changes nothing."""

    def empty_log(self, writer: sqlalchemy.Engine) -> None:
        """Nothing: the server does that by itself."""

    def rewrite(self, writer: sqlalchemy.Engine) -> None:
        """Nothing: the server reuses the space by itself (autovacuum)."""

    @staticmethod
    def is_passing(error: BaseException) -> bool:
        """By SQLSTATE; a server that is not reached has none."""
        state = getattr(error, "sqlstate", None)
        if state is None:
            return isinstance(error, _driver().OperationalError)
        return state[:2] in _PASSING_CLASSES or state in _PASSING

    @staticmethod
    def is_lost(connection: Connection) -> bool:
        """Whether the server or the network has ended it."""
        raw: Any = connection.connection.dbapi_connection
        return raw is None or bool(raw.closed)

    @staticmethod
    def data_version(connection: Connection) -> int:
        """The number of commits that the transaction sees."""
        return int(fetch_all(connection, "SELECT n FROM commits")[0][0])

    @staticmethod
    def clock(connection: Connection) -> float:
        """The server's, now and not when the transaction began."""
        now = "SELECT extract(epoch FROM clock_timestamp())::float8"
        return float(fetch_all(connection, now)[0][0])

    @staticmethod
    def others(connection: Connection) -> list[str]:
        """The machines from which other sessions come that bear the same name as this one."""
        return [f"the processes on {host}" for (host,) in fetch_all(connection, _OTHERS)]

    @staticmethod
    def last_id(connection: Connection, table: str, column: str) -> int:
        """The sequence's."""
        [(name,)] = fetch_all(connection, _SEQUENCE, (table, column))
        found = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM"
        return int(fetch_all(connection, f"{found} {name}")[0][0])

    @staticmethod
    def set_last_id(connection: Connection, table: str, column: str, number: int) -> None:
        """Of the sequence; a rollback does not undo it."""
        [(name,)] = fetch_all(connection, _SEQUENCE, (table, column))
        fetch_all(connection, "SELECT setval(%s::regclass, %s)", (name, number))

    @staticmethod
    def problems(_connection: Connection) -> list[str]:
        """None: the server holds foreign keys at all times; for pages see instead.page_check."""
        return []

    @staticmethod
    def holds_text(column: ColumnElement[str], spellings: Sequence[str]) -> ColumnElement[bool]:
        """A regular expression, for the same matches as with SQLite."""
        parts = [
            _SPECIAL.sub(r"\\\g<0>", letters) if len(letters) == 1 else f"[{letters}]"
            for letters in spellings
        ]
        return column.regexp_match("".join(parts))

    @staticmethod
    def version() -> str:
        """The driver's; the server's may change at any time."""
        return f"PostgreSQL by psycopg {_driver().__version__}"


def _pool(connect: Any, size: int) -> sqlalchemy.Engine:  # noqa: ANN401 - returns the driver's own
    return create_engine(
        "postgresql+psycopg://",
        creator=connect,
        module=_driver(),
        pool_size=size,
        max_overflow=0,
        pool_use_lifo=True,
        pool_pre_ping=True,  # the server may have been started again meanwhile
        hide_parameters=True,  # exceptions reach the log, and parameters hold paths
        use_native_hstore=False,  # spares a query at each connection
    )


def _lock_out_writers(connection: Connection) -> None:
    if connection.get_execution_options().get(UNNOTICED):
        return
    found = fetch_all(connection, "UPDATE commits SET n = n + 1 RETURNING n")
    if len(found) != 1:
        raise StoreError("the table commits has lost its row; restore a backup")


def _driver() -> Any:  # noqa: ANN401 - a module
    try:
        import psycopg  # noqa: PLC0415 - an extra, which a library in a file does not need
        import psycopg.conninfo  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            "setting database_url: PostgreSQL needs its driver; install it with: "
            "pip install 'psycopg[binary]'"
        ) from error
    return psycopg


def _is_near(given: dict[str, Any]) -> bool:
    """Whether the server is on this machine, or the URL itself says how to encrypt."""
    if "sslmode" in given or "service" in given:
        return True
    hosts = [host for host in str(given.get("host", "")).split(",") if host]
    return all(host.startswith(("/", "@")) or host == "localhost" or _loops(host) for host in hosts)


def _loops(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
