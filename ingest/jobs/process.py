"""The ingest process: watcher, worker and housekeeping, until told to stop."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Self

from index.base.errors import (
    ConfigError,
    StoreError,
    StoreUnavailableError,
    WatcherEndedError,
    WriterBusyError,
)
from index.base.kernel import check_confinement
from index.base.lock import exclusive
from index.base.outage import Outage
from index.base.settings import Settings
from index.base.watched_folders import make_folders
from index.base.worker_names import home_of
from index.database.engine import Database
from index.database.presence import Presence
from index.database.queries import generations, leases, processes, queue, stored_images
from index.database.sole_jobs import WATCH, Turn
from index.database.states import ProcessKind, ProcessState
from index.library.ingest_report import WorkReport
from index.upkeep.erasure import expire, finish_erasures
from index.vectors import snapshot_writer
from index.vectors.space import stored_vector_space
from ingest.jobs.automatic_calibration import AutomaticCalibration
from ingest.jobs.fit_watch import FitWatch
from ingest.jobs.reading import Reading
from ingest.jobs.reindex import remove_retired
from ingest.jobs.reporter import Reporter
from ingest.jobs.standby import (
    IDLE_SECONDS,
    OUTAGE_SECONDS,
    new_worker,
    stand_by,
    wait_for_turn,
)
from ingest.watching.clock_guard import ClockGuard
from ingest.watching.scan import Scanner
from ingest.watching.watcher import Watcher

log = logging.getLogger(__name__)

HOUSEKEEPING_SECONDS = 5.0
EXPIRY_SECONDS = 600.0
ORPHAN_SECONDS = 600.0  # moved files may wait so long in a busy queue before their faces go
TAKE_OVER_SECONDS = 15.0  # the previous ingest process may take so long to end


class Housekeeping:
    """The jobs that are due now and then between batches."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._next = 0.0
        self._next_expiry = 0.0
        self.clock_guard = ClockGuard(database, settings.settle_seconds, clock)
        self._last_snapshot = time.monotonic()

    def run_if_due(self) -> bool:
        """Remove orphans and expired photos, and write a snapshot, each when it is due.

        Returns: whether a round was due.

        Raises: as snapshot().
        """
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + HOUSEKEEPING_SECONDS
        self.clock_guard.check()
        now = self._clock()
        with self._database.write() as connection:
            if self._database.is_shared:
                leases.release_lost(connection, now)
            processes.remove_lost(connection)
            queued = queue.counts(connection)["pending"]
            stored_images.drop_orphans(connection, now - ORPHAN_SECONDS if queued else now)
        self._expire(now)
        remove_retired(self._database)
        if self._snapshot_is_due():
            self.snapshot()
        return True

    def _snapshot_is_due(self) -> bool:
        with self._database.read() as connection:
            active = generations.active(connection)
        if active is None:
            return False
        changes = snapshot_writer.pending_changes(self._database, active.id)
        waited = time.monotonic() - self._last_snapshot >= self._settings.snapshot_seconds
        dropped = snapshot_writer.dropped(self._database, active.id)
        return dropped or changes >= self._settings.snapshot_changes or (changes > 0 and waited)

    def _expire(self, now: float) -> None:
        days = self._settings.retention_days
        if days is None or time.monotonic() < self._next_expiry:
            return
        self._next_expiry = time.monotonic() + EXPIRY_SECONDS
        if not self.clock_guard.may_expire():
            log.warning("ingest.expiry_waits: a day from when the clock was set, or nothing ran")
            return
        try:
            expire(self._database, self._settings.data, days, now)
        except StoreUnavailableError:
            raise
        except StoreError as error:
            log.error("ingest.expiry_failed reason=%s", error)  # noqa: TRY400 - no traceback

    def snapshot(self) -> None:
        """Write a snapshot if anything has changed; damaged rows are reported, not fatal.

        Raises:
            StoreUnavailableError: the disk is full or fails.
        """
        self._last_snapshot = time.monotonic()
        with self._database.read() as connection:
            active = generations.active(connection)
        if active is None:
            return
        space = stored_vector_space(active.profile)
        try:
            snapshot_writer.write_snapshot(self._database, active.id, space, time.time())
        except StoreUnavailableError:
            raise
        except StoreError as error:
            log.error("ingest.snapshot_failed reason=%s", error)  # noqa: TRY400 - no traceback
        self._database.checkpoint()


def resume(database: Database, settings: Settings) -> None:
    """Take back the files that workers had in hand which are gone. Needs the ingest lock."""
    with database.write() as connection:
        if database.is_shared:
            released = leases.release_lost(connection, time.time(), home_of(settings.data))
        else:
            released = queue.release(connection, time.time())
    if released:
        log.warning("ingest.resumed files_in_hand=%d", released)


def run_ingest(settings: Settings, stop: threading.Event) -> None:
    """Ingest until *stop* is set; the batch in hand is finished first.

    One process of all that share a library watches the folders and keeps house. The others only
    work, until it is their turn.

    Raises:
        WriterBusyError: another process ingests into the same data folder, or has taken over.
        ConfigError, ModelUnavailableError: the model cannot be loaded.
        StoreError: the database is not usable.
        ConfigError: a folder to watch cannot be made, or the setting confinement requires features
            that the kernel lacks.
        WatcherEndedError: the watcher's thread has ended.
    """
    _check_confinement(settings)
    _make_folders(settings)
    with (
        exclusive(settings.data, "ingest", wait_seconds=TAKE_OVER_SECONDS, stop=stop),
        Database(settings.database_address) as database,
        Presence(database, settings.data, ProcessKind.WATCH, ProcessState.WORKS) as presence,
        Turn(database, WATCH, presence.name) as turn,
    ):
        finish_erasures(database, settings.data)
        resume(database, settings)
        worker = None if turn.is_mine() else stand_by(database, settings, presence, turn, stop)
        if not stop.is_set():
            presence.says(ProcessState.WATCHES)
            with _Watching(database, settings) as watching:
                worker = worker or new_worker(database, settings, presence.name)
                watching.run(turn, Reading(database, settings, worker), stop)
        log.info("ingest.stopped")


def run_worker(settings: Settings, stop: threading.Event) -> None:
    """Only work until *stop* is set, beside the process that watches; errors as in run_ingest().

    Raises:
        ConfigError: the library is in a file, where nobody else would watch.
    """
    _check_confinement(settings)
    with (
        exclusive(settings.data, "ingest", wait_seconds=TAKE_OVER_SECONDS, stop=stop),
        Database(settings.database_address) as database,
    ):
        refuse_file(database)
        finish_erasures(database, settings.data)
        resume(database, settings)
        with Presence(database, settings.data, ProcessKind.WORK, ProcessState.WORKS) as presence:
            stand_by(database, settings, presence, None, stop)
        log.info("ingest.stopped")


def run_scanner(settings: Settings, stop: threading.Event) -> None:
    """Only watch the folders and keep house until *stop* is set, beside workers.

    It loads no network and reads no photo, so a worker may run beside it with the same data folder.

    Raises: as run_worker(), but for models and confinement.
    """
    _make_folders(settings)
    with (
        exclusive(settings.data, "scan", wait_seconds=TAKE_OVER_SECONDS, stop=stop),
        Database(settings.database_address) as database,
    ):
        refuse_file(database)
        finish_erasures(database, settings.data)
        with (
            Presence(database, settings.data, ProcessKind.SCAN, ProcessState.STANDS_BY) as presence,
            Turn(database, WATCH, presence.name) as turn,
        ):
            if wait_for_turn(presence, turn, stop):
                presence.says(ProcessState.WATCHES)
                with _Watching(database, settings) as watching:
                    watching.run(turn, None, stop)
        log.info("ingest.stopped")


def refuse_file(database: Database) -> None:
    """Raise ConfigError if the library is in a file: only one process works on that."""
    if not database.is_shared:
        raise ConfigError(
            f"{database.place} is a file, which one process works on; run person-count watch, "
            "or set database_url"
        )


def _make_folders(settings: Settings) -> None:
    for folder in make_folders(settings):
        log.warning("ingest.folder_made folder=%s; it did not exist: is it mistyped?", folder)


def _check_confinement(settings: Settings) -> None:
    found = check_confinement(settings.confinement)
    if found.lacking:
        log.warning("ingest.confinement_lacks what=%s; see docs/security.md", found.lacking)


class _Watching:
    """Watches the folders and keeps house."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._housekeeping = Housekeeping(database, settings)
        self._fit_watch = FitWatch(database)
        self._calibration = AutomaticCalibration(database, settings)
        self._reporter = Reporter(database)
        roots = settings.resolve_roots()
        scanner = Scanner(database, roots, settings.settle_seconds)
        self._watcher = Watcher(scanner, roots.real, settings, self._reporter.watcher_changed)

    def __enter__(self) -> Self:
        """Start the watcher: before the models, so that files settle while those load."""
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._calibration.close()
        self._watcher.close()

    def run(self, turn: Turn, reading: Reading | None, stop: threading.Event) -> None:
        """Go on until *stop* is set, and read photos meanwhile; None: others read them.

        Raises: as run_ingest().
        """
        outage = Outage("ingest")
        while not stop.is_set():
            if not self._watcher.is_alive():
                raise WatcherEndedError("the watcher has ended; nothing new would be noticed")
            try:
                if not turn.is_mine():
                    raise WriterBusyError("another process watches the folders now")
                if reading is not None and reading.step():
                    outage.end()
                else:
                    stop.wait(IDLE_SECONDS)
                if self._housekeeping.run_if_due():
                    self._report(WorkReport() if reading is None else reading.worker.report())
                    if reading is None:  # a full disk may have room for these, but for no photo
                        outage.end()
            except StoreUnavailableError as error:
                outage.begin(error)
                stop.wait(OUTAGE_SECONDS)
        self._housekeeping.snapshot()

    def _report(self, work: WorkReport) -> None:
        self._fit_watch.look_if_due()
        self._calibration.begin_if_due(self._fit_watch)
        jumps, fit = self._housekeeping.clock_guard.jumps, self._fit_watch.found
        self._reporter.round_done(self._watcher.report, work, jumps, fit)
