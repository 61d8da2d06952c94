"""The real service on a port of its own, with a worker of fake models beside it."""

import asyncio
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from index.database import Database, migrate
from index.schema import GenerationState
from index.settings import Settings
from index.space import UNMEASURED
from index.store import generations
from index.store.generations import GenerationRow
from ingest.models import Models
from ingest.worker import Worker
from service import server as server_module
from service.app import make_app
from service.desk import Desk
from service.follower import Follower
from service.pictures import Pictures
from service.server import Server
from service.state import StateOfAffairs
from service.threads import SHORT_THREADS, Threads
from service.tls import self_signed, server_context
from tests.fakes import fake_models, save_picture

DEADLINE_SECONDS = 15.0  # nothing here takes a tenth of that unless it hangs
STEP_SECONDS = 0.01
NOT_THERE = b'{"cord": 404, "error": "File does not exist"}'


def wait_until(
    condition: Callable[[], object], what: str, seconds: float = DEADLINE_SECONDS
) -> None:
    """Return once *condition* holds; fail with *what* was waited for after *seconds*."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(STEP_SECONDS)


@dataclass(frozen=True)
class Answer:
    """What came back over the wire."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class WorkerThread(threading.Thread):
    """Drives a worker as ingest.process does, until told to stop; can be held between batches."""

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
    meet = threading.Barrier(SHORT_THREADS)
    started = [threads.short.submit(meet.wait) for _ in range(SHORT_THREADS)]
    started += [pool.submit(int) for pool in (threads.long, threads.probes, threads.writes)]
    for one in started:
        one.result()


class ServiceThread(threading.Thread):
    """What service.server.serve() builds, in a thread and without signals."""

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
        self.desk: Desk
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
        self.follower = Follower(self._database, self._settings.distance)
        threads = Threads()
        start_all(threads)  # before a test begins, so that none looks leaked
        self.desk = Desk(self._database, self._settings, self.follower, threads)
        state = StateOfAffairs(self._database, self.follower, None)
        self.pictures = Pictures(self._settings)
        app = make_app(self.desk, self._settings, state, self.pictures)
        self.server = Server(app, self._context)
        sockets = bind_sockets(0, "127.0.0.1")
        self.server.add_sockets(sockets)
        self.follower.start(self._loop)
        self.port = sockets[0].getsockname()[1]
        self._up.set()
        await self._stop_asked.wait()
        self.server.stop()
        await server_module._finish(self.server, self.desk)
        self.follower.close()
        await self.pictures.close()
        assert threads.close(DEADLINE_SECONDS)

    def up(self) -> None:
        self.start()
        assert self._up.wait(DEADLINE_SECONDS)
        if self.error is not None:
            raise self.error

    def ask_to_stop(self) -> None:
        if self._loop is not None and self._stop_asked is not None and self.is_alive():
            self._loop.call_soon_threadsafe(self._stop_asked.set)

    def close(self) -> None:
        self.ask_to_stop()
        self.join(DEADLINE_SECONDS)
        assert not self.is_alive(), "the service did not stop"
        if self.error is not None:
            raise self.error


class Service:
    """A running service, the folder that it answers about, and a client.

    Without a generation, that is before ingest has ever run, there is no worker either.
    """

    worker: WorkerThread
    models: Models

    def __init__(
        self, settings: Settings, database: Database, generation: GenerationRow | None
    ) -> None:
        self.settings = settings
        self.database = database
        self.tls = settings.tls
        context: ssl.SSLContext | None = None
        self.client_context: ssl.SSLContext | None = None
        if self.tls:
            self.certificate, key = self_signed(settings.data, settings.host)
            context = server_context(self.certificate, key)
            self.client_context = ssl.create_default_context(cafile=str(self.certificate))
        self.thread = ServiceThread(settings, database, context)
        if generation is not None:
            self.models = fake_models()
            self.worker = WorkerThread(Worker(database, settings, generation, self.models))

    @property
    def desk(self) -> Desk:
        return self.thread.desk

    def __enter__(self) -> Self:
        self.thread.up()
        if hasattr(self, "worker"):
            self.worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.thread.close()
        finally:
            if hasattr(self, "worker"):
                self.worker.close()
        if hasattr(self, "worker") and self.worker.error is not None:
            raise self.worker.error

    def drop(self, name: str, *people: int, seed: int = 0) -> str:
        """Put a picture of *people* into the drop folder. Returns *name*."""
        path = self.settings.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        save_picture(path, *people, seed=seed)
        return name

    def connect(self, seconds: float = DEADLINE_SECONDS) -> http.client.HTTPConnection:
        if self.client_context is None:
            return http.client.HTTPConnection("127.0.0.1", self.thread.port, timeout=seconds)
        return http.client.HTTPSConnection(
            "127.0.0.1", self.thread.port, timeout=seconds, context=self.client_context
        )

    def send(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own."""
        connection = self.connect()
        try:
            connection.request(method, target, body, headers or {})
            found = connection.getresponse()
            return Answer(found.status, found.headers, found.read())
        finally:
            connection.close()

    def ask(
        self, *filepaths: str, path: str = "/person_count", **parameters: str | Sequence[str]
    ) -> Answer:
        """GET *path* with the *filepaths* and other *parameters*, percent-encoded."""
        given = [("filepath", name) for name in filepaths]
        for name, value in parameters.items():
            given += [(name, one) for one in ([value] if isinstance(value, str) else value)]
        return self.send("GET", f"{path}?{urlencode(given)}")

    def post(
        self,
        document: object,
        path: str = "/person_count",
        content_type: str | None = "application/json",
    ) -> Answer:
        """POST *document* as JSON, or as it is when it is bytes."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        headers = {} if content_type is None else {"Content-Type": content_type}
        return self.send("POST", path, body, headers)

    def open_socket(self, seconds: float = DEADLINE_SECONDS) -> socket.socket:
        """A bare connection, after the handshake if there is one."""
        plain = socket.create_connection(("127.0.0.1", self.thread.port), timeout=seconds)
        if self.client_context is None:
            return plain
        return self.client_context.wrap_socket(plain, server_hostname="127.0.0.1")

    def exchange(self, data: bytes) -> bytes:
        """Send bytes as they are; everything that comes back until the other side closes."""
        with self.open_socket() as bare:
            bare.sendall(data)
            return read_to_end(bare)


def read_to_end(bare: socket.socket) -> bytes:
    parts = []
    while part := bare.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def add_generation(database: Database) -> GenerationRow:
    """What ingest does when it starts on an empty database."""
    with database.write() as connection:
        return generations.create(
            connection,
            model_id="fake-1",
            weights="fake",
            profile=UNMEASURED.to_json(),
            state=GenerationState.ACTIVE,
            now=0.0,
        )


@contextmanager
def running_service(
    folder: Path, *, never_ingested: bool = False, **changes: object
) -> Iterator[Service]:
    """A service whose inbox and data lie in *folder*; *changes* are settings."""
    values: dict[str, Any] = {
        "inbox": folder / "inbox",
        "data": folder / "data",
        "settle_seconds": 0.0,
        "batch_wait_seconds": 0.0,
        "port": 0,
        "wait_seconds": 10.0,
        "hostnames": ("x",),  # what hand-written requests call it
        **changes,
    }
    settings = Settings(**values)
    settings.inbox.mkdir(parents=True, exist_ok=True)
    migrate(settings.database_path)
    with Database(settings.database_path) as database:
        generation = None if never_ingested else add_generation(database)
        with Service(settings, database, generation) as service:
            yield service


@pytest.fixture
def make_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """A function that starts services with the given settings; all end with the test."""
    with ExitStack() as stack:
        started: list[Service] = []

        def make(**changes: object) -> Service:
            folder = tmp_path / f"service{len(started)}"
            started.append(stack.enter_context(running_service(folder, **changes)))
            return started[-1]

        yield make


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    """A service of this test's own."""
    return make_service()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that a module's tests share; they only ask.

    a.png and b.png show one person each, both.png the two of them, crowd.png three others and
    small.png one with a bystander; wall.png has no face, copy.png is a.png again, broken.jpg is
    text, and folder/c.png lies deeper.
    """
    with running_service(tmp_path_factory.mktemp("library")) as service:
        inbox = service.settings.inbox
        service.drop("a.png", 1)
        service.drop("b.png", 2)
        service.drop("a again.png", 1, seed=7)
        service.drop("both.png", 1, 2)
        service.drop("crowd.png", 3, 4, 5)
        service.drop("wall.png")
        service.drop("folder/c.png", 6)
        service.drop("张三/合影 一.png", 7)
        service.drop("Jos\u00e9.png", 8)  # composed: NFC
        service.drop("one+one = two.png", 9)
        service.drop(" padded .png", 10)
        (inbox / "copy.png").write_bytes((inbox / "a.png").read_bytes())
        (inbox / "broken.jpg").write_text("this is text")
        names = [
            str(path.relative_to(inbox))
            for path in sorted(inbox.rglob("*"))
            if path.is_file() and path.suffix != ".jpg"
        ]
        answer = service.ask(*names)
        assert (answer.status, answer.json["person_num"]) == (200, 10)
        assert service.ask("broken.jpg").status == 422  # the worker has nothing left to do
        yield service
