"""The separate library that evaluate and calibrate keep below the data folder.

Its erasure log is a link to the data folder's. So forgotten photos are gone from both libraries as
soon as each has caught up with the log, and neither indexes them again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from index.base.errors import StoreError, StoreUnavailableError
from index.base.settings import DATABASE_NAME
from index.database.engine import Database
from index.database.migration import migrate
from index.upkeep.erasure_log import ErasureLog


def evaluation_folder(data: Path) -> Path:
    """The folder of this library."""
    return data / "evaluation"


def prepare_evaluation(data: Path) -> Path:
    """Make the library, or upgrade it to this program's revision. Returns its database's path.

    Raises:
        StoreError: it cannot be used; the text says to delete it, since evaluate makes it anew.
    """
    folder = evaluation_folder(data)
    path = folder / DATABASE_NAME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ErasureLog(folder).link_to(ErasureLog(data))
        migrate(path)
        for older in folder.glob(f"{path.name}.before-*"):
            older.unlink()  # useless: evaluate could make the library anew
        with Database(path) as database, database.read() as connection:
            ErasureLog(folder).unapplied(connection)
    except OSError as error:
        raise StoreUnavailableError(f"{folder} cannot be written: {error.strerror}") from error
    except StoreUnavailableError:
        raise
    except StoreError as error:
        raise StoreError(f"{error}; or delete {folder}, which evaluate makes anew") from error
    return path


@contextmanager
def evaluation_library(data: Path) -> Iterator[Database | None]:
    """The library's database, open, or None when there is none; errors as above."""
    if not (evaluation_folder(data) / DATABASE_NAME).exists():
        yield None
        return
    with Database(prepare_evaluation(data)) as database:
        yield database
