"""Backs up the database while others use it, and restores a backup."""

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from index.base.errors import ConfigError, StoreError, WriterBusyError
from index.base.lock import exclusive
from index.base.progress import Progress
from index.database.database_file import (
    copy_database,
    looks_like_database,
    merge_log,
    remove,
    restoring,
    side_files,
    sync,
)
from index.database.engine import Database
from index.database.holders import refuse_other_holders
from index.database.migration import migrate
from index.database.queries import analyses, generations
from index.database.temporary_copy import temporary_copy
from index.upkeep.erasure import Erased, eraser, finish_erasures
from index.upkeep.erasure_proof import fresh_snapshot
from index.upkeep.verify import verify


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents of a verified copy, counted."""

    images: int
    faces: int


@dataclass(frozen=True, slots=True)
class Restored:
    """The outcome of a restore.

    Attributes:
        contents: the contents of the restored library.
        erased: the photos that were forgotten after the backup was made, and so erased again.
        kept: the new path of the database that was there before; None when there was none.
    """

    contents: Contents
    erased: Erased
    kept: Path | None


def back_up(source: Path, target: Path, progress: Progress) -> Contents:
    """Copy the database *source* into the new file *target*, and check the copy by opening it.

    Other processes may go on meanwhile. If anything fails, no *target* is left.

    Raises:
        ConfigError: the file exists already, or its folder does not exist.
        StoreError: the copy fails its checks.
    """
    if not target.parent.is_dir():
        raise ConfigError(f"there is no folder {target.parent}")
    if os.path.lexists(target):
        raise ConfigError(f"there is a {target} already; give another name")
    if not source.is_file():
        raise ConfigError(f"there is no database at {source}")
    with temporary_copy(target.with_name(f".{target.name}.partial"), source.parent) as copy:
        copy_database(source, copy, progress)
        contents = _check(copy, f"{source} was not backed up")
        merge_log(copy)
        copy.rename(target)
    sync(target.parent)
    return contents


def restore(backup: Path, data: Path, path: Path, progress: Progress) -> Restored:
    """Replace the database *path* with *backup*, and erase again the photos forgotten since.

    A backup of an older revision is upgraded to this program's. The database that was there stays
    beside the new one. Nothing changes until the last step, a rename.

    Raises:
        ConfigError: there is no such file.
        WriterBusyError: an ingest, a re-index or a service uses the database, or one that was at
            *path* before.
        StoreError: the backup fails its checks, or is newer than this program.
    """
    if not backup.is_file():
        raise ConfigError(f"there is no backup {backup}")
    refuse_other_holders(path)
    with exclusive(data, "ingest"), exclusive(data, "reindex"):
        if _release(path):
            _finish(path, data)
        with temporary_copy(restoring(path), data) as copy:
            copy_database(backup, copy, progress)
            _upgrade(backup, copy)
            _check(copy, f"{backup} was not restored")
            erased = _forget_again(copy, data)
            contents = _check(copy, f"{backup} was not restored")
            merge_log(copy)
            kept = _switch(copy, path)
    return Restored(contents, erased, kept)


def _check(path: Path, failure: str) -> Contents:
    """Open a copy and verify it.

    Raises:
        StoreError: it fails its checks; the text begins with *failure*.
    """
    try:
        with Database(path) as database:
            problems = verify(database).problems
            if problems:
                raise StoreError(f"{problems[0]}; see person-count verify")
            with database.read() as connection:
                active = generations.active(connection)
                totals = analyses.totals(connection, active.id) if active else {}
    except (StoreError, DBAPIError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise StoreError(f"{failure}: {cause}") from error
    return Contents(totals.get("images", 0), totals.get("faces", 0))


def _finish(path: Path, data: Path) -> None:
    """Finish an interrupted erasure in the present database, because that will be kept."""
    # a damaged one, or one of another revision, is kept as it is
    with suppress(StoreError, DBAPIError), Database(path) as present:
        finish_erasures(present, data)


def _upgrade(backup: Path, copy: Path) -> None:
    try:
        before, _ = migrate(copy)
        if before is None:
            raise StoreError("it is no library of this program")
    except StoreError as error:
        raise StoreError(f"{backup} was not restored: {error}") from error
    finally:
        for older in copy.parent.glob(f"{copy.name}.before-*"):
            older.unlink()


def _forget_again(copy: Path, data: Path) -> Erased:
    """Apply to *copy* the later entries of the erasure log, then write its snapshot again."""
    with Database(copy) as database:
        with eraser(database, data) as at_work:
            erased = at_work.erased
        if erased.images:
            fresh_snapshot(database, time.time())
            database.vacuum()
    return erased


def _release(path: Path) -> bool:
    """Make sure that no process uses the database, and move its write-ahead log into it.

    Returns: False when it is missing, or so damaged that it can only be kept as it is.
    """
    if not path.exists() or not looks_like_database(path):
        return False
    try:
        merge_log(path)
    except WriterBusyError:
        raise
    except StoreError:
        return False
    return True


def _switch(copy: Path, path: Path) -> Path | None:
    """Replace *path* with *copy*. Returns the new path of the old database."""
    whole = _release(path)
    kept = path.with_name(f"{path.name}.before-restore")
    if path.exists():
        remove(kept)
        if not whole:
            for found, beside in zip(side_files(path), side_files(kept), strict=True):
                if found.exists():
                    found.rename(beside)
        os.link(path, kept)  # so that there is no moment without a database
    copy.replace(path)
    sync(path.parent)
    return kept if kept.exists() else None
