"""Finds rows by many values of a column: lists for IN (…), and statements compiled once.

SQLAlchemy writes and names every member of an IN list anew at each execution. For 100 members that
takes longer than SQLite takes to find them.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import ARRAY, ColumnElement, Connection, Dialect, Select, any_, bindparam
from sqlalchemy.orm import InstrumentedAttribute

from index.database.engines import takes_lists
from index.database.engines.statements import fetch_all

Value = TypeVar("Value")
# a statement's text, and the order of its parameters where the driver wants one
Compiled = tuple[str, tuple[str, ...] | None]

IN_LIST = 900  # members of one IN (…), below every database's limit on parameters
ONE_LIST = 0  # in place of a length
LENGTHS = (8, 32, 128, IN_LIST)  # shorter lists are filled up with their last value


def in_lists(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """Parts of *values*, in order, each short enough for one IN (…)."""
    for start in range(0, len(values), IN_LIST):
        yield values[start : start + IN_LIST]


class Lookup:
    """SELECT … WHERE a column is one of many values: compiled once for each of a few lengths.

    Where a parameter may be a list, all values are one, and it is compiled once.
    """

    def __init__(
        self, column: InstrumentedAttribute[Any], statement: Select[*tuple[Any, ...]]
    ) -> None:
        """Prepare *statement*; rows() takes its other parameters by name."""
        self._column = column
        self._statement = statement
        self._known: dict[tuple[str, int], Compiled] = {}

    def rows(
        self, connection: Connection, values: Sequence[object], **others: object
    ) -> list[tuple[Any, ...]]:
        """The rows for *values*, which need not be sorted."""
        found: list[tuple[Any, ...]] = []
        for some in in_lists(values):
            if takes_lists(connection.dialect):
                length, given = ONE_LIST, others | {"members": list(some)}
            else:
                length = next(length for length in LENGTHS if length >= len(some))
                members = [*some, *[some[-1]] * (length - len(some))]
                given = dict(zip(_names(length), members, strict=True)) | others
            found += _fetch(connection, self._compiled(connection.dialect, length), given)
        return found

    def _compiled(self, dialect: Dialect, length: int) -> Compiled:
        found = self._known.get((dialect.paramstyle, length))
        if found is not None:
            return found
        found = _compiled(self._statement.where(self._is_member(length)), dialect)
        self._known[dialect.paramstyle, length] = found
        return found

    def _is_member(self, length: int) -> ColumnElement[bool]:
        if length == ONE_LIST:
            values = bindparam("members", type_=ARRAY(self._column.type))
            return self._column == any_(values)
        members: list[ColumnElement[Any]] = [bindparam(name) for name in _names(length)]
        return self._column.in_(members)


class Fixed:
    """SELECT … with parameters by name: compiled once."""

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        self._statement = statement
        self._known: dict[str, Compiled] = {}

    def rows(self, connection: Connection, **given: object) -> list[tuple[Any, ...]]:
        """The rows."""
        style = connection.dialect.paramstyle
        found = self._known.get(style)
        if found is None:
            found = self._known[style] = _compiled(self._statement, connection.dialect)
        return _fetch(connection, found, given)


def _compiled(statement: Select[*tuple[Any, ...]], dialect: Dialect) -> Compiled:
    compiled = statement.compile(dialect=dialect)
    order = compiled.positiontup
    return str(compiled), None if order is None else tuple(order)


def _fetch(
    connection: Connection, compiled: Compiled, given: dict[str, object]
) -> list[tuple[Any, ...]]:
    text, order = compiled
    parameters = given if order is None else tuple(map(given.__getitem__, order))
    return fetch_all(connection, text, parameters)


@lru_cache(maxsize=len(LENGTHS))
def _names(length: int) -> tuple[str, ...]:
    return tuple(f"member_{number}" for number in range(length))
