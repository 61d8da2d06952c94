"""Workers on a Ray cluster: Ray starts them and starts them again, PostgreSQL shares out the files.

Each actor runs the loop of `person-count work`. Claims, leases and commits stay in the database, so
it does not matter where an actor runs and how often it is lost.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from index.base.errors import IngestError, PersonCountError
from index.base.kernel import guard_process
from index.base.logs import configure_logging, log_the_rest
from index.base.ray_cluster import Call, Cluster, joined
from index.base.settings import Settings
from index.database.engine import Database
from index.upkeep.erasure_log import ErasureLog
from ingest.jobs.process import refuse_file, run_worker

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.2  # between two looks whether to stop
START_SECONDS = 60.0  # after so long the log says that workers wait for a place
FOLDER = "ray"  # in the data folder

Loop = Callable[[Settings, threading.Event], None]


class Actor:
    """One worker, in a process that Ray starts on a machine of its choice."""

    def __init__(self, loop: Loop, values: dict[str, Any], number: int) -> None:
        guard_process()
        configure_logging(verbose=True)
        log_the_rest()
        self._loop, self._values, self._number = loop, values, number
        self._stop = threading.Event()

    def __repr__(self) -> str:
        """What Ray writes before each line of this worker."""
        return f"worker {self._number}"

    def where(self) -> tuple[str, int]:
        """The machine and the process that it runs in."""
        return socket.gethostname(), os.getpid()

    def run(self) -> str | None:
        """Work until stop() is called. Returns why it ended before, if it did."""
        try:
            self._loop(own_settings(self._values, self._number), self._stop)
        except PersonCountError as error:
            return str(error)
        return None

    def stop(self) -> None:
        """Let run() finish what it has in hand, and end."""
        self._stop.set()


def values_of(settings: Settings) -> dict[str, Any]:
    """All settings, to be sent to another machine; with the database's password if there is one."""
    values = settings.model_dump(mode="json")
    if settings.database_url is not None:
        values["database_url"] = settings.database_url.get_secret_value()
    return values


def own_settings(values: dict[str, Any], number: int) -> Settings:
    """The settings of a worker: with a data folder of its own in that of its machine.

    The folder's lock says that the worker's last process is gone. Networks and erasure log are
    those of the machine.
    """
    settings = Settings(**values)
    own = settings.data / FOLDER / str(number)
    own.mkdir(mode=0o700, parents=True, exist_ok=True)
    ErasureLog(own).link_to(ErasureLog(settings.data))
    shared = settings.with_networks(settings.networks_folder)
    return shared.model_copy(update={"data": own})


def run_on_ray(
    settings: Settings,
    address: str,
    workers: int,
    stop: threading.Event,
    loop: Loop = run_worker,
) -> None:
    """Run *workers* actors on the cluster at *address* until *stop* is set.

    Raises:
        ConfigError: the library is in a file; Ray is not installed, or cannot be joined.
        StoreError: the database is not usable.
        IngestError: a worker ended with an error; the others have finished what they had in hand.
    """
    with Database(settings.database_address) as database:
        refuse_file(database)
    with joined(address, workers) as cluster:
        crew = _Crew(cluster, loop, values_of(settings), workers)
        try:
            crew.watch(stop)
        finally:
            crew.stop()
    log.info("ray.stopped workers=%d", workers)


class _Crew:
    """The actors, and for each one the call that is under way: where() first, then run()."""

    def __init__(self, cluster: Cluster, loop: Loop, values: dict[str, Any], workers: int) -> None:
        self._cluster = cluster
        self._actors = [cluster.actor(Actor, loop, values, number) for number in range(workers)]
        self._starting: dict[Call, int] = {}
        self._running: dict[Call, int] = {}
        self._began = time.monotonic()
        for number in range(workers):
            self._ask_where(number)

    def _ask_where(self, number: int) -> None:
        """It answers once the process runs, however often Ray has to start it."""
        where = self._actors[number].where.options(max_task_retries=-1)
        self._starting[where.remote()] = number

    def watch(self, stop: threading.Event) -> None:
        """Begin again with each actor that is lost, until *stop* is set; errors as run_on_ray()."""
        while not stop.is_set():
            for call in self._cluster.ended([*self._starting, *self._running], LOOK_SECONDS):
                if call in self._starting:
                    self._started(call)
                else:
                    self._lost(call)
            self._tell_of_waiting()

    def _started(self, call: Call) -> None:
        machine, process = self._cluster.result(call)
        number = self._starting.pop(call)
        log.info("ray.worker_runs worker=%d machine=%s process=%d", number, machine, process)
        self._running[self._actors[number].run.remote()] = number

    def _lost(self, call: Call) -> None:
        number = self._running.pop(call)
        if not self._cluster.is_lost(call):
            raise IngestError(f"worker {number} on Ray: {self._cluster.result(call)}")
        log.warning("ray.worker_lost worker=%d; Ray starts it again", number)
        self._began = time.monotonic()
        self._ask_where(number)

    def _tell_of_waiting(self) -> None:
        if self._starting and time.monotonic() > self._began + START_SECONDS:
            log.warning(
                "ray.workers_wait workers=%d; Ray has no processor free for them",
                len(self._starting),
            )
            self._began = time.monotonic()

    def stop(self) -> None:
        """Let all actors finish what they have in hand, and end."""
        for number in self._running.values():
            self._actors[number].stop.remote()
        while self._running:
            for call in self._cluster.ended(list(self._running), LOOK_SECONDS):
                number = self._running.pop(call)
                if self._cluster.is_lost(call):
                    log.warning("ray.worker_lost worker=%d; its leases end by themselves", number)
                elif reason := self._cluster.result(call):
                    log.warning("ray.worker_failed worker=%d reason=%s", number, reason)
