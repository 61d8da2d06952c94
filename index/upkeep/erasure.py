"""Takes photos out of the library for good: rows, vectors and snapshots.

An erasure first writes its decision to the erasure log. Then one transaction removes the rows and
snapshots and records the log's position. So it can be interrupted anywhere and run again. Cleaning
up and the proof follow in index.upkeep.erasure_proof.
"""

import logging
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from index.base.errors import StoreError
from index.base.lock import exclusive
from index.base.paths import is_in_any
from index.base.worker_names import new_name
from index.database.database_file import remove_restoring
from index.database.engine import Database
from index.database.queries import erasures, judgements, people, places, stored_images
from index.database.queries.erasures import Entry
from index.database.queries.files import rows_of
from index.database.sole_jobs import ERASURE, sole
from index.database.states import ErasureAction
from index.upkeep import byte_search
from index.upkeep.erasure_log import ErasureLog
from index.upkeep.evaluation_database import evaluation_folder, evaluation_library
from index.vectors.space import stored_vector_space

log = logging.getLogger(__name__)

WAIT_SECONDS = 60.0  # for another erasure to end
EXPIRE_IMAGES = 500  # a transaction
DAY_SECONDS = 86_400.0


@dataclass(slots=True)
class Erased:
    """The outcome of an erasure.

    Attributes:
        paths: files whose rows were removed, including other files with the same image.
        pieces: the bytes to search the disk for; see index.upkeep.byte_search.
    """

    paths: set[str] = field(default_factory=set)
    images: int = 0
    faces: int = 0
    judgements: int = 0
    pieces: set[bytes] = field(default_factory=set)


class Eraser:
    """Erases from one database; made for one job, under the erasure lock."""

    def __init__(self, database: Database, erasure_log: ErasureLog) -> None:
        self._database = database
        self._log = erasure_log
        self.erased = Erased()  # everything so far

    def catch_up(self) -> None:
        """Apply the log entries that the database lacks, as after a crash or a restore."""
        with self._database.read() as connection:
            entries = self._log.unapplied(connection)
        if not entries:
            return
        gone = {entry.content for entry in entries if entry.action is not ErasureAction.ALLOW}
        with self._database.write() as connection:
            images = [
                image
                for image, sha256 in erasures.digests(connection)
                if self._log.digest(sha256) in gone
            ]
            self._apply(connection, entries, images)
        log.info("erasure.caught_up entries=%d images=%d", len(entries), len(images))

    def decide(
        self,
        decisions: Mapping[bytes, ErasureAction],
        now: float,
        paths: Sequence[str] = (),
    ) -> None:
        """Log *decisions*, by SHA-256 of content, and apply them in one transaction.

        Args:
            paths: files whose rows are removed as well, whatever their content.
        """
        named = [(self._log.digest(sha256), action) for sha256, action in decisions.items()]
        with self._database.read() as connection:
            after = erasures.last_seq(connection)
        entries = self._log.append(named, after, now) if named else []
        gone = [sha for sha, action in decisions.items() if action is not ErasureAction.ALLOW]
        with self._database.write() as connection:
            self._apply(
                connection, entries, sorted(stored_images.image_ids(connection, gone).values())
            )
            rows = rows_of(connection, paths)
            self.erased.paths.update(rows)
            places.discount(connection, rows)
            erasures.remove_files(connection, paths)

    def _apply(
        self, connection: Connection, entries: Sequence[Entry], images: Sequence[int]
    ) -> None:
        erasures.record(connection, entries)
        self._erase_judgements(connection, entries)
        if not images:
            return
        faces, pieces = self._vectors(connection, images)
        self.erased.faces += faces
        self.erased.pieces |= pieces
        paths = erasures.paths_of(connection, images)
        self.erased.paths.update(paths)
        places.discount(connection, paths)
        self.erased.images += len(images)
        erasures.remove_images(connection, images)
        erasures.drop_snapshots(connection)
        people.erase(connection)

    def _erase_judgements(self, connection: Connection, entries: Sequence[Entry]) -> None:
        """Erase what people said about the faces on erased content, even if its image is gone."""
        gone = {entry.content for entry in entries if entry.action is not ErasureAction.ALLOW}
        judged = judgements.contents(connection) if gone else set()
        named = [sha256 for sha256 in judged if self._log.digest(sha256) in gone]
        self.erased.judgements += judgements.erase(connection, named)

    def pieces(self, sha256s: Collection[bytes]) -> set[bytes]:
        """The bytes to search the disk for when this content is erased."""
        with self._database.read() as connection:
            images = sorted(stored_images.image_ids(connection, sha256s).values())
            return self._vectors(connection, images)[1]

    def _vectors(self, connection: Connection, images: Sequence[int]) -> tuple[int, set[bytes]]:
        """The number of faces in *images*, and pieces of their vectors, raw and unit."""
        spaces = {
            generation_id: stored_vector_space(profile)
            for generation_id, profile in erasures.profiles(connection).items()
        }
        faces, pieces = 0, set[bytes]()
        for generation_id, blob in erasures.embeddings(connection, images):
            raw = np.frombuffer(blob, "<f4").reshape(1, -1)
            faces += 1
            pieces |= byte_search.pieces(raw)
            if (space := spaces[generation_id]).dim == raw.shape[1]:
                pieces |= byte_search.pieces(space.unit(raw))
        return faces, pieces


@contextmanager
def eraser(database: Database, data: Path) -> Iterator[Eraser]:
    """The one eraser of a data folder, after it has caught up with the log."""
    with (
        exclusive(data, "erasure", wait_seconds=WAIT_SECONDS),
        sole(database, ERASURE, new_name(data), wait_seconds=WAIT_SECONDS),
    ):
        made = Eraser(database, ErasureLog(data))
        made.catch_up()
        yield made


def finish_erasures(database: Database, data: Path) -> None:
    """Finish an interrupted erasure before anything is indexed.

    This covers the database of evaluate and calibrate, too: content that expired is erased there
    in this way. Needs the ingest lock.

    Raises:
        StoreError: the erasure log is missing or damaged.
    """
    remove_restoring(database.path)
    with eraser(database, data):
        pass
    try:
        with evaluation_library(data) as evaluation:
            if evaluation is not None:
                with eraser(evaluation, evaluation_folder(data)):
                    pass
    except StoreError as error:  # evaluate can make it anew; questions need not wait for that
        log.error("erasure.evaluation_unusable reason=%s", error)  # noqa: TRY400 - no traceback


def expire(database: Database, data: Path, days: float, now: float) -> Erased:
    """Erase content that was first indexed more than *days* ago.

    Content that is still in the folders, or on a disk that may come back, is suppressed as well:
    else the next scan would index it again.

    Returns: everything that was removed.
    """
    then = now - days * DAY_SECONDS
    with database.read() as connection:
        if not erasures.indexed_before(connection, then, 1):
            return Erased()
    with eraser(database, data) as at_work:
        while True:
            with database.read() as connection:
                old = erasures.indexed_before(connection, then, EXPIRE_IMAGES)
                held = [place.path for place in places.all_places(connection) if place.reason]
                there = {
                    sha256
                    for image, sha256 in old.items()
                    if any(
                        _may_be_there(path) or is_in_any(path, held)
                        for path in erasures.paths_of(connection, [image])
                    )
                }
            if not old:
                return at_work.erased
            actions = {True: ErasureAction.SUPPRESS, False: ErasureAction.ERASE}
            at_work.decide({sha256: actions[sha256 in there] for sha256 in old.values()}, now)
            at_work.erased.pieces.clear()  # expiring does not search the disk
            log.info("erasure.expired images=%d suppressed=%d", len(old), len(there))


def _may_be_there(path: str) -> bool:
    """Whether a file exists, or its folder is missing, since a dropped mount may come back."""
    return os.path.lexists(path) or not os.path.isdir(os.path.dirname(path))
