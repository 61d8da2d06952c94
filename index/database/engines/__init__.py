"""The kinds of databases that can hold a library: SQLite in a file, PostgreSQL on a server.

Everything that differs between them is here, behind interface.Engine. Other rooms open a Database
and do not know which engine it has; they may ask what it does not do (Database.instead).
"""

from pathlib import Path

from sqlalchemy import Connection, Dialect

from index.base.database_url import Address
from index.database.engines.interface import Engine
from index.database.engines.postgres import Postgres
from index.database.engines.sqlite import Sqlite

_ENGINES: dict[str, type[Engine]] = {"sqlite": Sqlite, "postgresql": Postgres}


def engine_at(address: Address) -> Engine:
    """The engine for a file's path or a server's URL; it opens nothing yet."""
    return Sqlite(address) if isinstance(address, Path) else Postgres(address)


def engine_of(connection: Connection) -> type[Engine]:
    """The engine that a connection belongs to."""
    return _ENGINES[connection.dialect.name]


def takes_lists(dialect: Dialect) -> bool:
    """Whether a parameter may be a list of any length."""
    return _ENGINES[dialect.name].takes_lists
