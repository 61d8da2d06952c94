"""What every engine does, and how it says what it does not do."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import ClassVar, Protocol

import sqlalchemy
from sqlalchemy import ColumnElement, Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from index.base.errors import StoreUnavailableError

READERS = 8  # connections at most
UNNOTICED = "unnoticed"  # an option of connections for Use.WRITE; see Database.write_aside()


class Use(Enum):
    """The use of a pool of connections."""

    READ = auto()  # transactions that see one moment; they write nothing
    WRITE = auto()  # one at a time: each begins by taking the writer's lock
    FOLLOW = auto()  # outside transactions; only for data_version()


@dataclass(frozen=True, slots=True)
class Instead:
    """Sentences that name what to use for what an engine does not do; None: it does it.

    Attributes:
        backup: for copies of the database, and for putting one back.
        upgrade_copy: for the copy that an upgrade makes first.
        page_check: for the check of the stored pages, besides that of the rows.
        erasure_proof: for the proof that no byte of an erased vector is left on the disk.
    """

    backup: str | None = None
    upgrade_copy: str | None = None
    page_check: str | None = None
    erasure_proof: str | None = None


class Engine(Protocol):
    """One database of one kind; the methods without a self know only a connection.

    Attributes:
        is_shared: other machines may use it at the same time.
        takes_lists: a parameter may be a list of any length.
        place: where it is, for people and logs; no secret.
        path: the file that holds it; None: a server does.
        trouble: what else to say when it cannot be read at all.
        unusable: what to do if it turns out to be something else.
    """

    instead: ClassVar[Instead]
    is_shared: ClassVar[bool]
    takes_lists: ClassVar[bool]
    trouble: ClassVar[str]
    unusable: ClassVar[str]

    @property
    def place(self) -> str: ...  # noqa: D102 - see above

    @property
    def path(self) -> Path | None: ...  # noqa: D102 - see above

    def exists(self) -> bool:
        """Whether something is there; perhaps no library."""

    def is_missing(self) -> bool:
        """Whether nothing is there, or only what an interrupted creation has left."""

    def prepare(self) -> None:
        """Make ready for connections(); raises SchemaMismatchError if there is no database."""

    def connections(self, use: Use) -> sqlalchemy.Engine:
        """A pool of connections."""

    def hold(self) -> None:
        """Remember which database this is; raises StoreUnavailableError."""

    def check_in_place(self) -> None:
        """Raise DatabaseReplacedError if another database has taken its place since hold()."""

    def release(self) -> None:
        """End hold(); harmless when called again."""

    def alone(self) -> AbstractContextManager[Connection]:
        """A connection for revisions and moves, of which one goes on at a time.

        It does not hold foreign keys everywhere, see problems(). The caller commits.
        """

    def copy_before(self, connection: Connection, revision: str) -> None:
        """Copy the database of *connection*, from alone(), before it is upgraded."""

    def empty_log(self, writer: sqlalchemy.Engine) -> None:
        """Move the log of writes into the database, as far as no reader prevents it."""

    def rewrite(self, writer: sqlalchemy.Engine) -> None:
        """Write the database anew, without the bytes that no row uses any more."""

    @staticmethod
    def is_passing(error: BaseException) -> bool:
        """Whether a driver's error may pass by itself, as that of a full disk does."""

    @staticmethod
    def is_lost(connection: Connection) -> bool:
        """Whether a connection cannot be used any more."""

    @staticmethod
    def data_version(connection: Connection) -> int:
        """See engine.data_version()."""

    @staticmethod
    def clock(connection: Connection) -> float:
        """The time by the clock that all who use the database share; seconds since 1970."""

    @staticmethod
    def others(connection: Connection) -> list[str]:
        """The other processes that have the database open, as far as they can be seen."""

    @staticmethod
    def last_id(connection: Connection, table: str, column: str) -> int:
        """The last number that *column* was given by itself; 0: none yet. None is given twice."""

    @staticmethod
    def set_last_id(connection: Connection, table: str, column: str, number: int) -> None:
        """Make the next number of *column* the one after *number*, which is at least 1."""

    @staticmethod
    def problems(connection: Connection) -> list[str]:
        """The faults that the engine itself finds in what is stored."""

    @staticmethod
    def holds_text(column: ColumnElement[str], spellings: Sequence[str]) -> ColumnElement[bool]:
        """Whether a text holds a sequence of characters.

        Args:
            spellings: for each character all that match it, one or several letters.
        """

    @staticmethod
    def version() -> str:
        """The engine's name, and the version of its library in this program."""


@contextmanager
def transient_errors(engine: Engine | type[Engine]) -> Iterator[None]:
    """Raise StoreUnavailableError when the disk or another process makes a transaction fail."""
    try:
        yield
    except PoolTimeoutError as error:
        raise StoreUnavailableError("every connection to the database is in use") from error
    except Exception as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if cause is None or not engine.is_passing(cause):
            raise
        said = " ".join(str(cause).split())
        raise StoreUnavailableError(f"the database cannot be used at present: {said}") from error
