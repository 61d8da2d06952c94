"""Looks up the files of a question, and queues those that ingest has not read yet."""

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from index.base.paths import Finder, Roots, display, has_signature, on_one_line
from index.database.engine import Database
from index.database.queries import queue, sightings, stored_images
from index.database.queries.files import FileRow, files_of, rows_of
from index.database.states import FileState
from index.library.asked_files import AskedFiles, FoundFiles, look_at
from index.library.settling import sighting_of

log = logging.getLogger(__name__)


class FileStatus(StrEnum):
    """How a file enters an answer."""

    COUNTED = "counted"  # at least one of its faces counts
    NO_FACE = "no_face"  # it was read, and no face in it counts
    PENDING = "pending"
    FAILED = "failed"
    NO_PHOTO = "no_photo"  # a video, a side-car file or the like
    UNKNOWN = "unknown"  # no such file, or none that may be asked about


_UNREAD = {FileState.FAILED: FileStatus.FAILED, FileState.NO_PHOTO: FileStatus.NO_PHOTO}


class KnownFile(NamedTuple):
    """One name of a question, and the state of its file.

    Attributes:
        name: as the caller wrote it.
        status: never NO_FACE here; only choosing the faces shows whether any count.
        reason: why it failed or is no photo, or how to spell an unknown name; else None.
        image_id: its content, if COUNTED.
    """

    name: str
    status: FileStatus
    reason: str | None = None
    image_id: int | None = None


@dataclass(slots=True)
class Wanted:
    """The files that ingest shall read first.

    Attributes:
        stale: the lstat of each file that is new or has changed, by path.
        waiting: the paths of queued files that do not have priority yet.
    """

    stale: dict[str, os.stat_result] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.stale or self.waiting)

    def add(self, other: "Wanted") -> None:
        """Add the files of *other*, which were looked at later."""
        self.stale |= other.stale
        self.waiting |= other.waiting


def compare(asked: AskedFiles, rows: Mapping[str, FileRow]) -> tuple[list[KnownFile], Wanted]:
    """Compare each file with its row in *rows*, by path.

    A file that is new, or has changed since it was indexed, is reported as pending and wanted. So
    is a file that is queued behind others. Files in folders that are no photos are left out.
    """
    known, wanted = _compare(asked.places, rows)
    if not asked.folders:
        return known, wanted
    known = [one for one in known if one.status != FileStatus.NO_PHOTO or one.name in asked.named]
    closed = [KnownFile(name, FileStatus.FAILED, why) for name, why in asked.closed.items()]
    return [*known, *closed], wanted


def _compare(places: FoundFiles, rows: Mapping[str, FileRow]) -> tuple[list[KnownFile], Wanted]:
    known: list[KnownFile] = []
    wanted = Wanted()
    for name, place in places.items():
        if place is None:
            known.append(KnownFile(name, FileStatus.UNKNOWN))
            continue
        path, found = place
        row = rows.get(display(path))
        if row is None or not has_signature(found, row.signature) or _is_contradictory(row):
            wanted.stale[path] = found
            known.append(KnownFile(name, FileStatus.PENDING))
        elif row.state is FileState.INDEXED:
            known.append(KnownFile(name, FileStatus.COUNTED, None, row.image_id))
        elif row.state in _UNREAD:
            known.append(KnownFile(name, _UNREAD[row.state], row.error))
        else:
            if not row.priority:
                wanted.waiting.add(row.path)
            known.append(KnownFile(name, FileStatus.PENDING))
    return known, wanted


def respell(roots: Roots, known: Sequence[KnownFile]) -> list[KnownFile]:
    """Say of unknown names that are spelt as on Windows how to spell them, if that is a file."""
    if not any(file.status is FileStatus.UNKNOWN for file in known):
        return list(known)
    finder = Finder(roots)
    return [
        file._replace(reason=f"{on_one_line(file.name)} is spelt as on Windows; write {right}")
        if file.status is FileStatus.UNKNOWN
        and "\\" in file.name
        and finder.find(right := file.name.replace("\\", "/"))
        else file
        for file in known
    ]


def _is_contradictory(row: FileRow) -> bool:
    """Whether a row says indexed but names no image; it would pass for a file without a face."""
    return row.image_id is None and row.state is FileState.INDEXED


def look_up(
    database: Database, roots: Roots, names: Sequence[str]
) -> tuple[list[KnownFile], Wanted]:
    """Find and compare files of these *names*, without their faces; folders are unknown here."""
    asked = look_at(roots, names)
    with database.read() as connection:
        rows = rows_of(connection, asked.paths)
    return compare(asked, rows)


def queue_wanted(database: Database, wanted: Wanted, settle_seconds: float) -> None:
    """Queue the *wanted* files before all others."""
    now = time.time()
    seen = [sighting_of(path, found, now, settle_seconds) for path, found in wanted.stale.items()]
    with database.write() as connection:
        sightings.record(connection, seen, priority=1)
        queue.prioritise(connection, sorted(wanted.waiting))


def requeue_damaged(database: Database, images: Sequence[int]) -> None:
    """Queue the files of *images* whose face rows are incomplete, to be read like new ones."""
    with database.write() as connection:
        paths = [row.path for image in images for row in files_of(connection, image)]
        if not paths:
            return  # not damaged: their files changed after the look-up
        stored_images.drop_analyses(connection, images)
        queue.requeue(connection, paths, time.time())
        queue.prioritise(connection, paths)
    log.error("coverage.faces_missing images=%d; their files are read again", len(images))
