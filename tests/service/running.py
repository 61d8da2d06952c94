"""A running service, the folder that it answers about, and a client."""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries.generations import GenerationRow
from ingest.jobs.worker import Worker
from ingest.networks.models import Models
from service.answering.answerer import Answerer
from service.edge.tls import self_signed, server_context
from tests.fakes import fake_models, save_picture
from tests.index.builders import fake_generation, new_library
from tests.service.threads import ServiceThread, WorkerThread
from tests.waiting import DEADLINE_SECONDS

NOT_THERE = b'{"cord": 404, "error": "File does not exist"}'


@dataclass(frozen=True)
class Answer:
    """What came back over the wire."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


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
    def answerer(self) -> Answerer:
        return self.thread.answerer

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


@contextmanager
def running_service(
    folder: Path, *, engine: str = "sqlite", never_ingested: bool = False, **changes: object
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
    with new_library(engine, settings) as (settings, database):
        generation = None
        if not never_ingested:
            with database.write() as connection:  # as ingest does when it first starts
                generation = fake_generation(connection)
        with Service(settings, database, generation) as service:
            yield service


def refusal(answer: Answer, status: int) -> str:
    """The sentence of an error whose shape has been checked to the letter."""
    assert answer.status == status
    document = answer.json
    assert list(document) == ["cord", "error"]
    assert document["cord"] == status
    assert isinstance(document["error"], str)
    assert document["error"]
    assert answer.body == json.dumps(document, ensure_ascii=False).encode()
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    return str(document["error"])
