"""Moves a library: copies every row into another database, of any kind, and compares each.

The rows and their check are one transaction of the target. So it holds either all of them or none,
and a run that was interrupted leaves at most empty tables, into which the next one writes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

from sqlalchemy import Connection, Row, Table, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from index.base.database_url import Address
from index.base.errors import ConfigError, StoreError, WriterBusyError
from index.base.progress import Progress
from index.database.engines import engine_at, engine_of
from index.database.engines.interface import Engine, transient_errors
from index.database.migration import integrity_problems, migrate
from index.database.revisions import check_revision
from index.database.schema import Base, Chunk, Commits, People, Process, Turn, table

# about processes at work, of which there are none
_LEFT_OUT = {table(Commits), table(Process), table(Turn)}
_TABLES = [each for each in Base.metadata.sorted_tables if each not in _LEFT_OUT]
ROWS = 500  # in memory at once
_LARGE = {table(Chunk): 1, table(People): 1}  # rows of 8 MB, and more


def move(source: Address, target: Address, progress: Progress) -> dict[str, int]:
    """Copy the library at *source* to *target*, which must be empty, and compare all rows.

    No other process can write to either meanwhile. *source* is not changed. *progress* counts rows:
    each when it is copied, and again when it is compared.

    Returns: the number of rows of each table.

    Raises:
        ConfigError: there is something at *target* already, or both are of one kind.
        WriterBusyError: another process has *source* open.
        SchemaMismatchError: *source* has another revision than this program needs.
        StoreError: a row cannot be stored there, or is not the same when it is read again.
        StoreUnavailableError: one of them cannot be used at present.
    """
    ours, theirs = engine_at(source), engine_at(target)
    if type(ours) is type(theirs):
        raise ConfigError(ours.instead.backup or "copy it with person-count backup and restore")
    if ours.path is not None and not ours.path.is_file():
        raise ConfigError(f"there is no library at {ours.place}")
    with _open(ours) as origin:
        _keep_writers_out(ours, origin)
        if theirs.is_missing():
            migrate(target)
        with _open(theirs) as copy:
            _refuse_rows(theirs, copy)
            copy.execute(update(Commits).values(n=Commits.n + 1))
            counts = {each: _count(origin, each) for each in _TABLES}
            _Copying(origin, copy, progress, 2 * sum(counts.values())).run()
            if problems := integrity_problems(copy):
                raise StoreError(f"{theirs.place} was not filled: {problems[0]}")
            copy.commit()
    return {each.name: number for each, number in counts.items()}


@contextmanager
def _open(engine: Engine) -> Iterator[Connection]:
    """A connection whose errors name the database."""
    try:
        with transient_errors(engine), engine.alone() as connection:
            yield connection
    except DBAPIError as error:
        said = " ".join(str(error.orig).split())
        raise StoreError(f"{engine.place}: {said}; {engine.unusable}") from error


def _keep_writers_out(engine: Engine, connection: Connection) -> None:
    """Hold the writers' lock until the end of the transaction, if this process is the only one."""
    check_revision(connection, engine.place)
    connection.execute(select(Commits.n).with_for_update()).all()
    if others := engine.others(connection):
        raise WriterBusyError(f"{engine.place} is in use: first stop {', '.join(others)}")


def _refuse_rows(engine: Engine, connection: Connection) -> None:
    try:
        check_revision(connection, engine.place)
        found = [each.name for each in _TABLES if connection.execute(select(each).limit(1)).first()]
    except StoreError as error:
        raise ConfigError(f"{engine.place} is not empty: {error}") from error
    if found:
        raise ConfigError(
            f"there is a library at {engine.place} already, with rows in {found[0]}; name an "
            "empty database, or move that one away"
        )


def _count(connection: Connection, each: Table) -> int:
    return connection.scalar(select(func.count()).select_from(each)) or 0


def _batches(connection: Connection, each: Table) -> Iterator[Sequence[Row[Any]]]:
    """All rows by their key, as they come from the database, so many at once."""
    ordered = select(each).order_by(*each.primary_key.columns)
    streaming = connection.execution_options(yield_per=_LARGE.get(each, ROWS))
    with streaming.execute(ordered) as found:
        yield from found.partitions()


class _Copying:
    """The rows of all tables on their way."""

    def __init__(
        self, origin: Connection, copy: Connection, progress: Progress, total: int
    ) -> None:
        self._origin = origin
        self._copy = copy
        self._progress = progress
        self._done = 0
        self._total = total

    def run(self) -> None:
        """Copy all, then compare all, in the order of the foreign keys."""
        for each in _TABLES:
            self._fill(each)
        for each in _TABLES:
            self._compare(each)

    def _step(self, rows: int) -> None:
        self._done += rows
        self._progress(self._done, self._total)

    def _fill(self, each: Table) -> None:
        for some in _batches(self._origin, each):
            self._copy.execute(insert(each), [row._asdict() for row in some])
            self._step(len(some))
        column = each.autoincrement_column
        if column is None:
            return
        # above the highest id if rows were removed: an id is never used again
        last = engine_of(self._origin).last_id(self._origin, each.name, column.name)
        if last:
            engine_of(self._copy).set_last_id(self._copy, each.name, column.name, last)

    def _compare(self, each: Table) -> None:
        """Raise StoreError for the first row that is not as it was."""
        batches = (_batches(one, each) for one in (self._origin, self._copy))
        for ours, theirs in zip_longest(*batches, fillvalue=()):
            for row, copied in zip_longest(ours, theirs):
                if row != copied:
                    found = (row or copied)._asdict()
                    key = tuple(found[one.name] for one in each.primary_key)
                    raise StoreError(
                        f"row {key} of {each.name} is not the same when it is read again; nothing "
                        "was moved"
                    )
            self._step(len(ours))
