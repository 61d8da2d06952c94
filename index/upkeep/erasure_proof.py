"""Cleans up after an erasure, and proves it by searching the bytes of the data folder."""

import logging
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from index.base.errors import WriterBusyError
from index.base.lock import exclusive
from index.base.progress import Progress
from index.base.worker_names import new_name
from index.database.database_file import remove_restoring, sync
from index.database.engine import Database
from index.database.queries import embeddings, erasures, generations, stored_images
from index.database.sole_jobs import WATCH, sole
from index.upkeep import byte_search
from index.upkeep.evaluation_database import evaluation_folder, evaluation_library
from index.vectors.snapshot_writer import write_snapshot
from index.vectors.space import stored_vector_space

log = logging.getLogger(__name__)

ROUNDS = 4
ROUND_SECONDS = 1.0  # for readers and a running ingest process to end their transactions
BATCH = 4096


def clean_up(database: Database, data: Path, now: float) -> bool:
    """Empty the write-ahead log, and write a fresh snapshot unless an ingest process will.

    The files of a killed restore are removed as well. A running ingest process did that when it
    started.

    Returns: whether the snapshot was left to a running ingest process.
    """
    database.checkpoint()
    try:
        with exclusive(data, "ingest"), sole(database, WATCH, new_name(data)):
            remove_restoring(database.path)
            fresh_snapshot(database, now)
    except WriterBusyError:
        return True
    database.checkpoint()
    return False


def fresh_snapshot(database: Database, now: float) -> None:
    """Write a snapshot of the remaining faces. Needs the ingest lock."""
    with database.read() as connection:
        active = generations.active(connection)
    if active is not None:
        space = stored_vector_space(active.profile)
        write_snapshot(database, active.id, space, now)


def searched_files(data: Path) -> list[Path]:
    """All files of the data folder, even if evaluate's folder in it is a link to another place.

    Call it before an erasure, too, so that an unreadable file stops the erasure.

    Raises:
        StoreError: see byte_search.files_below().
    """
    evaluation = evaluation_folder(data)
    more = byte_search.files_below(evaluation) if evaluation.is_symlink() else []
    return [*byte_search.files_below(data), *more]


def remains(database: Database, data: Path, wanted: set[bytes], progress: Progress) -> list[Path]:
    """Search every file of the data folder for erased vectors, until none is found.

    If the database, or that of evaluate and calibrate, still has some in bytes that it no longer
    uses, it is rewritten.

    Args:
        wanted: pieces of the erased vectors. A photo stored twice with different bytes may have
            faces of the same vectors; pieces of faces that are still stored are no remains.

    Returns: the files that still hold erased vectors.
    """
    with evaluation_library(data) as evaluation:
        return _remains([database, *filter(None, [evaluation])], data, set(wanted), progress)


def _remains(
    databases: Sequence[Database], data: Path, wanted: set[bytes], progress: Progress
) -> list[Path]:
    found: dict[Path, set[bytes]] = {}
    for number in range(ROUNDS if wanted else 0):
        found = byte_search.search(searched_files(data), wanted, progress)
        if found:
            hits = set().union(*found.values())
            stored = set().union(*(_still_stored(database, hits) for database in databases))
            wanted -= stored
            found = {path: hits - stored for path, hits in found.items() if hits - stored}
        if not found:
            break
        time.sleep(ROUND_SECONDS * number)
        for database in databases:
            if database.path in found:
                database.vacuum()
            database.checkpoint()
    return sorted(found)


def drop_copies(database: Database, wanted: set[bytes], progress: Progress) -> list[Path]:
    """Remove the copies that an upgrade or a restore has left, if they hold any of *wanted*.

    Call it before the rows are removed. Without the rows, a run that continues an interrupted
    erasure would not know the bytes to search for.
    """
    if database.path is None:
        return []
    folder = database.path.parent
    copies = sorted(folder.glob(f"{database.path.name}.before-*"))
    found = byte_search.search(copies, wanted, progress) if wanted else {}
    for path in found:
        path.unlink()
    if found:
        sync(folder)
    return sorted(found)


def rows_left(database: Database, contents: Collection[bytes]) -> int:
    """The number of images with one of these SHA-256 that are still stored, with their faces."""
    with database.read() as connection:
        return len(stored_images.image_ids(connection, contents))


def _still_stored(database: Database, hits: set[bytes]) -> set[bytes]:
    """The *hits* that are pieces of faces still stored."""
    found: set[bytes] = set()
    with database.read() as connection:
        for generation_id, profile in erasures.profiles(connection).items():
            space = stored_vector_space(profile)
            for _, raw in embeddings.iterate_embeddings(connection, generation_id, BATCH):
                found |= byte_search.pieces(raw) & hits
                if raw.shape[1] == space.dim:
                    found |= byte_search.pieces(np.asarray(space.unit(raw))) & hits
    return found
