"""Runs statements past SQLAlchemy, where that takes longer than the database."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

# the server sends bytes as they are then, not in twice as many letters
_CURSOR = {"postgresql": {"binary": True}}


def fetch_all(
    connection: Connection, statement: str, parameters: Sequence[object] | dict[str, object] = ()
) -> list[tuple[Any, ...]]:
    """The rows of a statement whose parameters are in the driver's style.

    It goes past SQLAlchemy, whose result objects take several times as long as SQLite.

    Raises:
        DBAPIError: never a subclass of it; its cause is the driver's error.
    """
    try:
        cursor = connection.connection.cursor(**_CURSOR.get(connection.dialect.name, {}))
        cursor.execute(statement, parameters)
        rows = cursor.fetchall()
    except Exception as error:
        driver = connection.dialect.loaded_dbapi
        if not isinstance(error, driver.Error):
            raise
        raise DBAPIError(statement, None, error, hide_parameters=True) from error
    return list(rows)
