"""The ingest process: watcher, worker and housekeeping, until told to stop."""

import logging
import threading
import time
from collections.abc import Callable

from index.base.errors import StoreError, StoreUnavailableError, WatcherEndedError
from index.base.kernel import check_confinement
from index.base.lock import exclusive
from index.base.outage import Outage
from index.base.settings import Settings
from index.base.watched_folders import make_folders
from index.database.engine import Database
from index.database.queries import generations, queue, stored_images
from index.upkeep.erasure import expire, finish_erasures
from index.vectors import snapshot_writer
from index.vectors.space import stored_vector_space
from ingest.jobs.beside import BesideKeeper
from ingest.jobs.fit_watch import FitWatch
from ingest.jobs.reindex import remove_retired
from ingest.jobs.reporter import Reporter
from ingest.jobs.worker import Worker
from ingest.networks.models import open_generation
from ingest.watching.clock_guard import ClockGuard
from ingest.watching.scan import Scanner
from ingest.watching.watcher import Watcher

log = logging.getLogger(__name__)

IDLE_SECONDS = 0.1
HOUSEKEEPING_SECONDS = 5.0
EXPIRY_SECONDS = 600.0
ORPHAN_SECONDS = 600.0  # moved files may wait so long in a busy queue before their faces go
OUTAGE_SECONDS = 1.0  # between two tries while the disk is full or fails
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

    def run_if_due(self, worker: Worker) -> bool:
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
            queued = queue.counts(connection)["pending"]
            stored_images.drop_orphans(connection, now - ORPHAN_SECONDS if queued else now)
        self._expire(now)
        remove_retired(self._database)
        changes = snapshot_writer.pending_changes(self._database, worker.generation.id)
        waited = time.monotonic() - self._last_snapshot >= self._settings.snapshot_seconds
        dropped = snapshot_writer.dropped(self._database, worker.generation.id)
        if dropped or changes >= self._settings.snapshot_changes or (changes and waited):
            self.snapshot(worker)
        return True

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

    def snapshot(self, worker: Worker) -> None:
        """Write a snapshot if anything has changed; damaged rows are reported, not fatal.

        Raises:
            StoreUnavailableError: the disk is full or fails.
        """
        self._last_snapshot = time.monotonic()
        with self._database.read() as connection:
            active = generations.active(connection)
        if active is None or active.id != worker.generation.id:
            return
        space = stored_vector_space(active.profile)
        try:
            snapshot_writer.write_snapshot(self._database, active.id, space, time.time())
        except StoreUnavailableError:
            raise
        except StoreError as error:
            log.error("ingest.snapshot_failed reason=%s", error)  # noqa: TRY400 - no traceback
        self._database.checkpoint()


def run_ingest(settings: Settings, stop: threading.Event) -> None:
    """Ingest until *stop* is set; the batch in hand is finished first.

    Raises:
        WriterBusyError: another process ingests into the same data folder.
        ConfigError, ModelUnavailableError: the model cannot be loaded.
        StoreError: the database is not usable.
        ConfigError: a folder to watch cannot be made, or the setting confinement requires features
            that the kernel lacks.
        WatcherEndedError: the watcher's thread has ended.
    """
    found = check_confinement(settings.confinement)
    if found.lacking:
        log.warning("ingest.confinement_lacks what=%s; see docs/security.md", found.lacking)
    for folder in make_folders(settings):
        log.warning("ingest.folder_made folder=%s; it did not exist: is it mistyped?", folder)
    with (
        exclusive(settings.data, "ingest", wait_seconds=TAKE_OVER_SECONDS, stop=stop),
        Database(settings.database_address) as database,
    ):
        finish_erasures(database, settings.data)
        with database.write() as connection:
            released = queue.release(connection, time.time())
        if released:
            log.warning("ingest.resumed files_in_hand=%d", released)
        housekeeping, fit_watch = Housekeeping(database, settings), FitWatch(database)
        roots = settings.resolve_roots()
        reporter = Reporter(database)
        scanner = Scanner(database, roots, settings.settle_seconds)
        watcher = Watcher(scanner, roots.real, settings, reporter.watcher_changed)
        watcher.start()  # before the models, so that files settle while those load
        try:
            generation, models = open_generation(database, settings)
            worker = Worker(database, settings, generation, models)
            beside = BesideKeeper(database, settings)
            log.info("ingest.started model=%s", generation.model_id)
            outage = Outage("ingest")
            while not stop.is_set():
                if not watcher.is_alive():
                    raise WatcherEndedError("the watcher has ended; nothing new would be noticed")
                try:
                    if worker.is_due() and worker.step():
                        outage.end()
                    elif not beside.step(worker.models):
                        stop.wait(IDLE_SECONDS)
                    if housekeeping.run_if_due(worker):
                        jumps = housekeeping.clock_guard.jumps
                        fit_watch.look_if_due()
                        fit = fit_watch.found
                        reporter.round_done(watcher.report, worker.report(), jumps, fit)
                except StoreUnavailableError as error:
                    outage.begin(error)
                    stop.wait(OUTAGE_SECONDS)
            housekeeping.snapshot(worker)
        finally:
            watcher.close()
        log.info("ingest.stopped")
