"""A pool of threads that does blocking work for the event loop.

concurrent.futures can do this, too. But it hands each result on twice, from a future of its own to
one of asyncio. That costs a question as much processor time as finding ten files.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue
from typing import TypeVar, cast

log = logging.getLogger(__name__)

Result = TypeVar("Result")


Work = Callable[[], object]


class Pool:
    """Threads that take one piece of work after the other; each begins when it is needed first.

    The thread that worked last is the next to work: it has the warmest caches.
    """

    def __init__(self, most_threads: int, name: str) -> None:
        self._most = most_threads
        self._name = name
        self._lock = threading.Lock()
        self._waiting: deque[Work] = deque()  # while no thread is idle
        self._idle: list[SimpleQueue[Work | None]] = []  # each thread's own, the last one's last
        self._threads: dict[threading.Thread, SimpleQueue[Work | None]] = {}
        self._is_closing = False

    def run(self, work: Callable[[], Result]) -> "asyncio.Future[Result]":
        """Have *work* done. Call it on the event loop, and await the result.

        If that is cancelled, work that has not begun never begins.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Result] = loop.create_future()
        context = copy_context()

        def work_and_tell() -> None:
            if done.cancelled():
                return
            result, error = context.run(_outcome, work)
            try:
                loop.call_soon_threadsafe(_tell, done, result, error)
            except RuntimeError:  # the loop is closed, so nobody waits
                return

        self.begin(work_and_tell)
        return done

    def begin(self, work: Work) -> None:
        """Have *work* done, and do not wait for it. Callable from any thread."""
        with self._lock:
            if self._idle:
                self._idle.pop().put(work)
            elif len(self._threads) < self._most:
                self._start().put(work)
            else:
                self._waiting.append(work)

    def _start(self) -> "SimpleQueue[Work | None]":
        own: SimpleQueue[Work | None] = SimpleQueue()
        name = f"{self._name}_{len(self._threads)}"
        thread = threading.Thread(target=self._work, args=(own,), name=name)
        self._threads[thread] = own
        thread.start()
        return own

    def close(self) -> None:
        """Begin no more work, not even what waits already."""
        with self._lock:
            self._is_closing = True
            for own in self._threads.values():
                own.put(None)

    def join(self) -> None:
        """Wait for the work under way, after close()."""
        for thread in self._threads:
            thread.join()

    def _work(self, own: "SimpleQueue[Work | None]") -> None:
        while True:
            work = own.get()
            if work is None or self._is_closing:
                return
            try:
                work()
            except Exception:
                log.exception("service.work_failed")
            del work  # and what it holds, before the next piece comes
            with self._lock:
                if self._waiting:
                    own.put(self._waiting.popleft())
                else:
                    self._idle.append(own)


def _outcome(work: Callable[[], Result]) -> tuple[Result | None, BaseException | None]:
    """What *work* returns, or what it raises."""
    try:
        return work(), None
    except BaseException as error:  # noqa: BLE001 - the caller's
        return None, error


def _tell(
    done: "asyncio.Future[Result]", result: Result | None, error: BaseException | None
) -> None:
    if done.cancelled():
        return
    if error is None:
        done.set_result(cast(Result, result))
    else:
        done.set_exception(error)
