"""Computes the blocks of a large count on a Ray cluster.

A process of its own joins the cluster: Ray ends the process that has joined a cluster which is
gone, and the service has to go on. The functions are those that run here in threads, so the persons
are the same. If the cluster cannot be joined, or is lost, the rest is computed here.
"""

import logging
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, TypeVar

from index.base.errors import ClusterError, ConfigError, PersonCountError
from index.base.kernel import guard_process, processors
from index.base.logs import configure_logging, log_the_rest
from index.base.ray_cluster import joined

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.1  # between two looks whether to go on
ENDING_SECONDS = 5.0

Shared = TypeVar("Shared")
Result = TypeVar("Result")
Work = Callable[[Shared, int, int], Result]


class RayBlocks:
    """A count's process beside this one; started when the first blocks come.

    Attributes:
        process: it, while there is one.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._pipe: Connection | None = None
        self._is_lost = False
        self.process: SpawnProcess | None = None

    def blocks(
        self,
        work: Work[Shared, Result],
        shared: Shared,
        count: int,
        block: int,
        check_time: Callable[[], None],
    ) -> list[Result] | None:
        """See index.counting.effort.Elsewhere."""
        if self._is_lost:
            return None
        try:
            if self._pipe is None:
                self._pipe = self._start()
                self._answer(self._pipe, check_time)
                log.info("people.ray_joined")
            self._pipe.send((work, shared, count, block))
            found: list[Result] = self._answer(self._pipe, check_time)
        except (ConfigError, ClusterError, OSError, EOFError) as error:
            self._is_lost = True
            reason = str(error) or "its process has ended"
            log.warning("people.ray_lost reason=%s; the rest is computed here", reason)
            return None
        return found

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        self.process = context.Process(
            target=serve_blocks, args=(self._address, there), name="ray", daemon=True
        )
        self.process.start()
        there.close()
        return here

    def _answer(self, pipe: Connection, check_time: Callable[[], None]) -> Any:  # noqa: ANN401
        while not pipe.poll(LOOK_SECONDS):
            check_time()
        answer = pipe.recv()
        if isinstance(answer, PersonCountError):
            raise answer
        return answer

    def close(self) -> None:
        """End the process; Ray then ends its tasks. It may be called again."""
        if self._pipe is not None:
            self._pipe.close()
        if self.process is not None:
            self.process.terminate()
            self.process.join(ENDING_SECONDS)
            if self.process.is_alive():
                self.process.kill()
                self.process.join()
            self.process.close()
        self._pipe = self.process = None


@contextmanager
def ray_blocks(address: str | None) -> Iterator[RayBlocks | None]:
    """What computes blocks on the cluster at *address*; without one nothing does."""
    if address is None:
        yield None
        return
    made = RayBlocks(address)
    try:
        yield made
    finally:
        made.close()


def serve_blocks(address: str, pipe: Connection) -> None:
    """The process that joins the cluster: answers None, and then the results of each order."""
    guard_process()
    configure_logging(verbose=False)
    log_the_rest()
    with suppress(EOFError, BrokenPipeError):  # the count is over
        try:
            with joined(address, processors()) as cluster:
                pipe.send(None)
                while True:
                    work, shared, count, block = pipe.recv()
                    pipe.send(cluster.blocks(partial(_task, work), shared, count, block))
        except PersonCountError as error:
            pipe.send(error)


def _task(work: Work[Shared, Result], shared: Shared, start: int, stop: int) -> Result:
    """One block, in a process of Ray's, which holds vectors then."""
    guard_process()
    return work(shared, start, stop)
