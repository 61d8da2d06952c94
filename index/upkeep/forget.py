"""Forgets the photos at given paths, or allows them again."""

import hashlib
import os
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from index.base.errors import ConfigError
from index.base.paths import Roots, display, is_in, real_path, signature_of
from index.base.progress import Progress
from index.database.engine import Database
from index.database.holders import refuse_other_holders
from index.database.queries import erasures, queue
from index.database.queries.files import FileRow, rows_of
from index.database.states import ErasureAction, FileState
from index.database.temporary_copy import remove_abandoned
from index.upkeep import byte_search
from index.upkeep.erasure import Erased, eraser
from index.upkeep.erasure_log import FORGOTTEN, ErasureLog
from index.upkeep.erasure_proof import clean_up, drop_copies, searched_files
from index.upkeep.evaluation_database import evaluation_folder, evaluation_library


@dataclass(slots=True)
class Plan:
    """The rows and photos at the given paths.

    Attributes:
        rows: paths of rows at and below them.
        on_disk: real paths of photos at and below them.
        contents: SHA-256 of all of them.
        unreadable: photos that could not be read, so their content is not known.
    """

    rows: list[str]
    on_disk: list[str]
    contents: set[bytes]
    unreadable: list[str]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The outcome of forgetting.

    Attributes:
        evaluated: the same for the library of evaluate and calibrate.
        others: files that were not named but held the same photos.
        removed: copies of the database that held the erased vectors, and were deleted.
        snapshot_left: a running ingest process will write the next snapshot.
    """

    plan: Plan
    erased: Erased
    evaluated: Erased
    others: list[str]
    removed: list[Path]
    snapshot_left: bool


def forget(
    database: Database, data: Path, roots: Roots, paths: Sequence[Path], progress: Progress
) -> Forgotten:
    """Erase the photos at and below *paths*, and never index them again.

    Their photos are erased from the library of evaluate and calibrate, too, whose photos may also
    be named. *progress* counts the photos that are read, and then the MiB that are searched.
    Afterwards index.upkeep.erasure_proof.remains() checks that no bytes are left.

    Raises:
        ConfigError: a path is in no library, and does not exist or lies outside the roots.
        WriterBusyError: another erasure is under way, or a process uses a database that was at this
            one's path before.
        StoreError: the library of evaluate and calibrate cannot be used, or a file of the data
            folder cannot be searched.
    """
    refuse_other_holders(database.path)
    remove_abandoned(data)
    with evaluation_library(data) as evaluation, eraser(database, data) as at_work:
        searched_files(data)  # raises if a file cannot be searched, before anything is erased
        plan = make_plan((database, evaluation), roots, paths, progress)
        pieces = at_work.pieces(plan.contents) | byte_search.halves(plan.contents)
        removed = drop_copies(database, pieces, progress)
        now = time.time()
        decisions = dict.fromkeys(plan.contents, ErasureAction.SUPPRESS)
        at_work.decide(decisions, now, plan.rows)
        erased = at_work.erased
        evaluated = _apply_log(evaluation, data, now, plan.rows)
    snapshot_left = clean_up(database, data, now)
    others = sorted((erased.paths | evaluated.paths) - set(plan.rows))
    return Forgotten(plan, erased, evaluated, others, removed, snapshot_left)


def _apply_log(
    evaluation: Database | None, data: Path, now: float, paths: Sequence[str] = ()
) -> Erased:
    """Apply the log to *evaluation*, and remove the rows of *paths* from it."""
    if evaluation is None:
        return Erased()
    folder = evaluation_folder(data)
    with eraser(evaluation, folder) as at_work:
        at_work.decide({}, now, paths)
    if at_work.erased.paths:
        clean_up(evaluation, folder, now)
    return at_work.erased


def allow(
    database: Database, data: Path, roots: Roots, paths: Sequence[Path], progress: Progress
) -> int:
    """Lift the suppression of the photos at and below *paths*. Returns how many there were.

    Raises: as forget().
    """
    with evaluation_library(data) as evaluation, eraser(database, data) as at_work:
        plan = make_plan((database, evaluation), roots, paths, progress)
        with database.read() as connection:
            suppressed = ErasureLog(data).suppressed(connection, plan.contents)
        now = time.time()
        at_work.decide(dict.fromkeys(suppressed, ErasureAction.ALLOW), now)
        _apply_log(evaluation, data, now)
        with database.write() as connection:
            rows = rows_of(connection, plan.rows)
            refused = [path for path, row in rows.items() if row.error == FORGOTTEN]
            queue.requeue(connection, refused, now)
    return len(suppressed)


def make_plan(
    libraries: Sequence[Database | None],
    roots: Roots,
    paths: Sequence[Path],
    progress: Progress,
) -> Plan:
    """Find the rows and photos at *paths*; photos whose content no library knows are read."""
    rows: dict[str, FileRow] = {}
    on_disk: list[str] = []
    known: set[bytes] = set()
    for given in paths:
        path = real_path(given)
        here: dict[str, FileRow] = {}
        for library in filter(None, libraries):
            with library.read() as connection:
                found = erasures.rows_at(connection, display(path))
                images = [row.image_id for row in found.values() if row.image_id is not None]
                known.update(erasures.digests_of(connection, images).values())
            here = found | here
        inside = path in roots.real or roots.holds(path)
        if not inside and (not here or any(is_in(root, path) for root in roots.real)):
            raise ConfigError(f"{given} lies outside the drop folder {roots.real[0]} and the roots")
        # outside the roots, only photos that a library still knows are ours to forget
        photos = [photo for photo in _photos(path, roots) if inside or display(photo) in here]
        if not here and not photos:
            raise ConfigError(f"there is no {given}, neither on the disk nor in the library")
        rows |= here
        on_disk += photos
    plan = Plan(list(rows), list(dict.fromkeys(on_disk)), known, [])
    for number, path in enumerate(plan.on_disk):
        progress(number, len(plan.on_disk))
        if not _is_known(path, rows.get(display(path))):
            _read(path, plan)
    return plan


def _photos(path: str, roots: Roots) -> Iterator[str]:
    """Regular files at and below *path* that ingest would look at."""
    if not os.path.isdir(path) or os.path.islink(path):
        if os.path.isfile(path) and not os.path.islink(path):
            yield path
        return
    for top, folders, names in os.walk(path):
        folders[:] = [
            name
            for name in folders
            if not roots.ignores_entry(os.path.join(top, name), is_folder=True)
        ]
        for name in sorted(names):
            found = os.path.join(top, name)
            if (
                not roots.ignores_entry(found)
                and os.path.isfile(found)
                and not os.path.islink(found)
            ):
                yield found


def _is_known(path: str, row: FileRow | None) -> bool:
    """Whether the file still holds its row's image."""
    if row is None or row.state is not FileState.INDEXED:
        return False
    try:
        return signature_of(os.lstat(path)) == row.signature
    except OSError:
        return False


def _read(path: str, plan: Plan) -> None:
    """Add the SHA-256 of a file's content to *plan*."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                plan.contents.add(hashlib.file_digest(stream, "sha256").digest())
    except OSError:
        plan.unreadable.append(path)
