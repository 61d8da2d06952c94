"""Indexes given files now and waits until they are done: the commands ingest and --missing-only."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from index.base.errors import ConfigError, WriterBusyError
from index.base.lock import exclusive
from index.base.paths import Roots, display, is_in_any, real_path
from index.base.progress import Progress
from index.base.settings import Settings
from index.base.worker_names import new_name
from index.database.engine import Database
from index.database.presence import Presence
from index.database.queries import generations, queue, stored_images
from index.database.queries.files import rows_of
from index.database.sole_jobs import WATCH, Turn, sole
from index.database.states import FileState, ProcessKind, ProcessState
from index.library.face_counts import counted_faces
from index.upkeep.erasure import finish_erasures
from index.upkeep.verify import repair, verify
from index.vectors import snapshot_writer
from index.vectors.space import stored_vector_space
from ingest.jobs.process import Housekeeping, resume
from ingest.jobs.standby import IDLE_SECONDS
from ingest.jobs.worker import Worker
from ingest.networks.models import open_generation
from ingest.watching.missing_disks import uncertain_places
from ingest.watching.scan import Scanner
from ingest.watching.walk import Walk

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
LOOKS = 50  # checks of the pending files in all; one after each batch would be quadratic


@dataclass(slots=True)
class Summary:
    """The files by outcome."""

    indexed: int = 0
    no_face: int = 0  # no face in them counts
    pending: int = 0  # left in the queue: interrupted, or their disk may be missing
    no_photo: int = 0  # videos, side-car files and the like: passed over
    failed: list[tuple[str, str]] = field(default_factory=list)  # path, reason
    noted: list[tuple[str, str]] = field(default_factory=list)  # path, fault of a read file


def collect(roots: Roots, paths: Iterable[Path]) -> list[tuple[str, os.stat_result]]:
    """All files at and below *paths*, with their lstat.

    Raises:
        ConfigError: a path is missing, lies outside the roots, or is ignored.
    """
    found: list[tuple[str, os.stat_result]] = []
    for given in paths:
        path = real_path(given)
        if not os.path.lexists(path):
            raise ConfigError(f"there is no {given}")
        if path not in roots.real and not roots.holds(path):
            raise ConfigError(
                f"{given} lies outside the drop folder {roots.real[0]}; copy it there, or add its "
                "folder to roots in config.yaml"
            )
        is_folder = os.path.isdir(path) and not os.path.islink(path)
        if path not in roots.real and roots.ignores(path, is_folder=is_folder):
            raise ConfigError(
                f"{given} is ignored and cannot be asked about: its name, or that of a folder "
                "above it, begins with a dot or is one that the setting ignore names"
            )
        if is_folder:
            found.extend(Walk().files(path, roots))
        else:
            found.append((path, os.lstat(path)))
    return found


class Drain:
    """Waits until files are indexed, and indexes them itself when no other process does."""

    def __init__(self, database: Database, settings: Settings, stop: threading.Event) -> None:
        self._database = database
        self._settings = settings
        self._roots = settings.resolve_roots()
        self._stop = stop
        self._delegated = False  # it has been logged that another process does the work

    def ingest(self, paths: Iterable[Path], progress: Progress) -> Summary:
        """Index the files at and below *paths*. Errors as in collect() and open_generation()."""
        found = collect(self._roots, paths)
        scanner = Scanner(self._database, self._roots, self._settings.settle_seconds)
        scanner.record(found, priority=1)
        names = [display(path) for path, _ in found]
        with self._database.write() as connection:
            queue.prioritise(connection, names)
        return self._wait(names, progress)

    def catch_up(self, progress: Progress) -> Summary:
        """Index files that were not seen yet, that failed, or whose rows are damaged."""
        repair(self._database, verify(self._database))
        Scanner(self._database, self._roots, self._settings.settle_seconds).scan()
        with self._database.write() as connection:
            queue.retry_failed(connection, time.time())
            names = queue.pending_paths(connection)
        summary = self._wait(names, progress)
        self._renew_snapshot()
        return summary

    def _renew_snapshot(self) -> None:
        """Write a snapshot if a repair dropped it, unless a running ingest process will."""
        with self._database.read() as connection:
            active = generations.active(connection)
        if active is None or not snapshot_writer.dropped(self._database, active.id):
            return
        space = stored_vector_space(active.profile)
        try:
            with (
                exclusive(self._settings.data, "ingest"),
                sole(self._database, WATCH, new_name(self._settings.data)),
            ):
                snapshot_writer.write_snapshot(self._database, active.id, space, time.time())
        except WriterBusyError:
            log.info("ingest.snapshot_delegated: the running ingest process writes it")

    def _wait(self, names: Sequence[str], progress: Progress) -> Summary:
        def report(waited_for: Sequence[str]) -> list[str]:
            pending = self._pending(waited_for)
            progress(len(names) - len(pending), len(names))
            return pending

        pending = names
        while not self._begin(names, report):
            # the other process may end before it is done, and leave the rest to us
            pending = report(pending)
            if not pending or self._stop.wait(POLL_SECONDS):
                break
        return self._summary(names)

    def _begin(self, names: Sequence[str], report: Callable[[Sequence[str]], list[str]]) -> bool:
        """Work, see _work(). Returns False at once if another process does."""
        try:
            with exclusive(self._settings.data, "ingest"):
                self._work(names, report)
        except WriterBusyError as error:
            if not self._delegated:
                self._delegated = True
                log.info("ingest.delegated reason=%s", error)
            return False
        return True

    def _work(self, names: Sequence[str], report: Callable[[Sequence[str]], list[str]]) -> None:
        """Work until none of *names* is pending; *report* returns those that still are."""
        finish_erasures(self._database, self._settings.data)
        resume(self._database, self._settings)
        pending = report(names)
        if not pending:
            return
        generation, models = open_generation(self._database, self._settings)
        housekeeping = Housekeeping(self._database, self._settings)
        done = 0  # since the last look
        with (
            Presence(
                self._database, self._settings.data, ProcessKind.INGEST, ProcessState.WORKS
            ) as presence,
            Turn(self._database, WATCH, presence.name) as turn,
        ):
            worker = Worker(self._database, self._settings, generation, models, name=presence.name)
            while not self._stop.is_set() and pending:
                files = worker.step()
                done += files
                if not files:
                    self._stop.wait(IDLE_SECONDS)
                if not files or done * LOOKS >= len(pending):
                    pending, done = report(pending), 0
                if turn.is_mine():  # else another machine's ingest process keeps house
                    housekeeping.run_if_due()
            if turn.is_mine():
                housekeeping.snapshot()

    def _pending(self, names: Sequence[str]) -> list[str]:
        """The *names* that are still pending, without files whose disk may be missing."""
        with self._database.read() as connection:
            rows = rows_of(connection, names)
            uncertain = uncertain_places(connection, self._roots)
        waiting = (name for name, row in rows.items() if row.state is FileState.PENDING)
        return [name for name in waiting if not _may_be_unmounted(name, uncertain)]

    def _summary(self, names: Sequence[str]) -> Summary:
        summary = Summary()
        with self._database.read() as connection:
            rows = rows_of(connection, names)
            images = [row.image_id for row in rows.values() if row.image_id is not None]
            faces = counted_faces(connection, images, self._settings.counted_faces)
            notes = stored_images.notes_of(connection, images)
        for name in dict.fromkeys(names):
            row = rows.get(name)
            if row is not None and row.image_id in notes:
                summary.noted.append((name, notes[row.image_id]))
            if row is None:
                summary.failed.append((name, "it disappeared while it was waiting"))
            elif row.state is FileState.PENDING:
                summary.pending += 1
            elif row.state is FileState.NO_PHOTO:
                summary.no_photo += 1
            elif row.state is FileState.FAILED:
                summary.failed.append((name, row.error or "unknown"))
            elif row.image_id is not None and faces.get(row.image_id) == 0:
                summary.no_face += 1
            else:
                summary.indexed += 1
        return summary


def _may_be_unmounted(path: str, uncertain: Sequence[str]) -> bool:
    """Whether a file is missing, perhaps because its disk is; waiting for it is no use."""
    return is_in_any(path, uncertain) and not os.path.lexists(path)
