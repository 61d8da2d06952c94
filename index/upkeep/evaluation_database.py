"""The library of their own that evaluate and calibrate keep below the data folder.

Its erasure log is a link to the data folder's. So what is forgotten is gone from both libraries as
soon as each has caught up with the log, and neither takes it in again.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from index.base.errors import StoreError, StoreUnavailableError
from index.base.settings import DATABASE_NAME
from index.database.engine import Database
from index.database.migration import migrate
from index.upkeep.erasure_log import ErasureLog


def evaluation_folder(data: Path) -> Path:
    """Where it lies, and all that belongs to it."""
    return data / "evaluation"


def prepare_evaluation(data: Path) -> Path:
    """Make it or bring it to this program's revision. Returns the path of its database.

    Raises:
        StoreError: it cannot be used; the text says to delete it, since it can be made anew.
    """
    folder = evaluation_folder(data)
    path = folder / DATABASE_NAME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _obey(ErasureLog(data), ErasureLog(folder))
        migrate(path)
        for older in folder.glob(f"{path.name}.before-*"):
            older.unlink()  # nobody would go back to it
        with Database(path) as database, database.read() as connection:
            ErasureLog(folder).unapplied(connection)
    except OSError as error:
        raise StoreUnavailableError(f"{folder} cannot be written: {error.strerror}") from error
    except StoreUnavailableError:
        raise
    except StoreError as error:
        raise StoreError(f"{error}; or delete {folder}, which evaluate makes anew") from error
    return path


def _obey(log: ErasureLog, link: ErasureLog) -> None:
    """Make *link* one to *log*, which need not be there yet."""
    here, there = (os.path.realpath(found.path.parent) for found in (link, log))
    target = Path(os.path.relpath(there, here)) / log.path.name  # so that both can be moved
    if link.path.is_symlink():
        if link.path.readlink() == target:
            return
        link.path.unlink()
    elif link.path.exists():
        raise StoreError(f"{link.path} is a log of its own")
    link.path.symlink_to(target)


@contextmanager
def evaluation_library(data: Path) -> Iterator[Database | None]:
    """Its database while it is used, or None when there is none. Errors as above."""
    if not (evaluation_folder(data) / DATABASE_NAME).exists():
        yield None
        return
    with Database(prepare_evaluation(data)) as database:
        yield database
