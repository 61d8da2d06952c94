"""A worker and the real service in threads of their own."""

import asyncio
import ssl
import threading

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from index.base.settings import Settings
from index.database.engine import Database
from ingest.jobs.worker import Worker
from service.answering.answerer import Answerer
from service.answering.follower import Follower
from service.answering.threads import SHORT_THREADS, Threads
from service.children.picture_maker import Pictures
from service.edge import server as server_module
from service.edge.app import make_app
from service.edge.server import Server
from service.monitoring.service_status import ServiceStatus
from tests.waiting import DEADLINE_SECONDS, STEP_SECONDS


class WorkerThread(threading.Thread):
    """Drives a worker as ingest.jobs.process does; can be held between batches."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(name="test-worker")
        self.worker = worker
        self.error: BaseException | None = None
        self._stop_asked = threading.Event()
        self._free = threading.Event()
        self._free.set()

    def run(self) -> None:
        try:
            while not self._stop_asked.is_set():
                self._free.wait()
                if not (self.worker.is_due() and self.worker.step()):
                    self._stop_asked.wait(STEP_SECONDS)
        except Exception as error:  # noqa: BLE001 - shown when the service is closed
            self.error = error

    def hold(self) -> None:
        self._free.clear()

    def let_go(self) -> None:
        self._free.set()

    def close(self) -> None:
        self._stop_asked.set()
        self._free.set()
        self.join(DEADLINE_SECONDS)


def start_all(threads: Threads) -> None:
    """Have every thread of the pools exist."""
    meet = threading.Barrier(SHORT_THREADS + 4)
    for _ in range(SHORT_THREADS):
        threads.short.begin(meet.wait)
    for pool in (threads.long, threads.probes, threads.writes):
        pool.begin(meet.wait)
    meet.wait()


class ServiceThread(threading.Thread):
    """What service.edge.server.serve() builds, in a thread and without signals."""

    def __init__(
        self, settings: Settings, database: Database, context: ssl.SSLContext | None
    ) -> None:
        super().__init__(name="test-service")
        self._settings = settings
        self._database = database
        self._context = context
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_asked: asyncio.Event | None = None
        self._up = threading.Event()
        self.error: BaseException | None = None
        self.port = 0
        self.answerer: Answerer
        self.follower: Follower
        self.pictures: Pictures
        self.server: HTTPServer

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - shown by start() or close()
            self.error = error
        finally:
            self._up.set()

    async def _serve(self) -> None:
        self._loop, self._stop_asked = asyncio.get_running_loop(), asyncio.Event()
        settings = self._settings
        self.follower = Follower(self._database, settings.distance, settings.vector_memory_mib)
        threads = Threads()
        start_all(threads)  # before a test begins, so that none looks leaked
        self.answerer = Answerer(self._database, self._settings, self.follower, threads)
        state = ServiceStatus(self._database, self.follower, None)
        self.pictures = Pictures(self._settings)
        app = make_app(self.answerer, self._settings, state, self.pictures)
        self.server = Server(app, self._context)
        sockets = bind_sockets(0, "127.0.0.1")
        self.server.add_sockets(sockets)
        self.follower.start(self._loop)
        self.answerer.people.start()
        self.port = sockets[0].getsockname()[1]
        self._up.set()
        await self._stop_asked.wait()
        self.server.stop()
        await server_module._finish(self.server, self.answerer)
        self.answerer.people.close()
        self.follower.close()
        await self.pictures.close()
        assert threads.close(DEADLINE_SECONDS)

    def up(self) -> None:
        self.start()
        assert self._up.wait(DEADLINE_SECONDS)
        if self.error is not None:
            raise self.error

    def handlers_at_work(self) -> int:
        """How many handlers have not ended, whether or not they have answered."""
        assert self._loop is not None

        async def count() -> int:
            running = (task.get_coro() for task in asyncio.all_tasks())
            return sum("_execute" in getattr(found, "__qualname__", "") for found in running)

        return asyncio.run_coroutine_threadsafe(count(), self._loop).result(DEADLINE_SECONDS)

    def ask_to_stop(self) -> None:
        if self._loop is not None and self._stop_asked is not None and self.is_alive():
            self._loop.call_soon_threadsafe(self._stop_asked.set)

    def close(self) -> None:
        self.ask_to_stop()
        self.join(DEADLINE_SECONDS)
        assert not self.is_alive(), "the service did not stop"
        if self.error is not None:
            raise self.error
