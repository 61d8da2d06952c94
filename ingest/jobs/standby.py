"""An ingest process beside another one: it works, and takes over when that one ends."""

import logging
import os
import threading
import time

from index.base.errors import StoreUnavailableError
from index.base.outage import Outage
from index.base.paths import Roots
from index.base.settings import Settings
from index.database.engine import Database
from index.database.presence import Presence
from index.database.queries import places
from index.database.sole_jobs import Turn
from index.database.states import ProcessState
from ingest.jobs.filling import BatchReader
from ingest.jobs.worker import Worker
from ingest.networks.models import open_generation

log = logging.getLogger(__name__)

IDLE_SECONDS = 0.1
OUTAGE_SECONDS = 1.0  # between two tries while the disk is full or fails
LOOK_SECONDS = 5.0  # between two looks whether the photos are there


def new_worker(database: Database, settings: Settings, name: str) -> Worker:
    """A worker of the process *name* with the library's model; errors as in open_generation()."""
    generation, models = open_generation(database, settings)
    log.info("ingest.started model=%s", generation.model_id)
    return Worker(database, settings, generation, models, name=name)


def stand_by(
    database: Database,
    settings: Settings,
    presence: Presence,
    turn: Turn | None,
    stop: threading.Event,
) -> Worker | None:
    """Only work until it is this process's turn to watch the folders, or *stop* is set.

    Without a *turn* it never is.

    It takes no file while it does not see the photos: it would take them for deleted.

    Returns: the worker, if it needed one.
    """
    log.info("ingest.only_works; another process watches the folders")
    worker: Worker | None = None
    batches = BatchReader(database, settings)
    outage = Outage("ingest")
    sight = Sight(database, settings.resolve_roots())
    while not stop.is_set():
        try:
            sees = sight.is_clear()
            presence.says(ProcessState.WORKS if sees else ProcessState.SEES_NO_PHOTOS)
            if sees and turn is not None and turn.is_mine():
                log.info("ingest.takes_over")
                return worker
            if sees:
                worker = worker or new_worker(database, settings, presence.name)
            if worker is not None and sees and _step(worker, batches):
                outage.end()
            else:
                stop.wait(IDLE_SECONDS)
        except StoreUnavailableError as error:
            outage.begin(error)
            stop.wait(OUTAGE_SECONDS)
    return worker


def _step(worker: Worker, batches: BatchReader) -> bool:
    """Files first, then images of a re-index. Returns: whether there was anything to do."""
    return bool(worker.is_due() and worker.step()) or batches.step(worker)


def wait_for_turn(presence: Presence, turn: Turn, stop: threading.Event) -> bool:
    """Wait until it is this process's turn, or *stop* is set. Returns: whether it is its turn."""
    outage, told = Outage("ingest"), False
    while not stop.is_set():
        try:
            if turn.is_mine():
                return True
            presence.says(ProcessState.STANDS_BY)
            if not told:
                told = True
                log.info("ingest.stands_by; another process watches the folders")
        except StoreUnavailableError as error:
            outage.begin(error)
        stop.wait(OUTAGE_SECONDS)
    return False


class Sight:
    """Whether this machine sees the folders that the watching process sees.

    Their inodes tell: on a network share they are the same for all clients, devices are not.
    """

    def __init__(self, database: Database, roots: Roots) -> None:
        self._database = database
        self._roots = roots
        self._next = 0.0
        self._clear: bool | None = None

    def is_clear(self) -> bool:
        """The answer, a few seconds old at most; it is logged when it changes."""
        if time.monotonic() >= self._next:
            missing = self._missing()
            if self._clear != (not missing):
                if missing:
                    log.error(
                        "ingest.sees_no_photos folders=%d; mount the share at the same path as on "
                        "the machine that watches it; nothing is read here until then",
                        missing,
                    )
                else:
                    log.info("ingest.sees_photos")
            self._clear = not missing
            self._next = time.monotonic() + LOOK_SECONDS
        return bool(self._clear)

    def _missing(self) -> int:
        """The number of roots, and of disks below them, that are not here or are others."""
        with self._database.read() as connection:
            known = {place.path: place for place in places.all_places(connection)}
        missing = sum(root not in known for root in self._roots.real)
        for path, place in known.items():
            if place.identity is not None and _inode(path) != place.identity.inode:
                missing += 1
        return missing


def _inode(path: str) -> str | None:
    try:
        return str(os.stat(path).st_ino)
    except OSError:
        return None
