"""The service as a whole: many callers at once, and how it begins and ends."""

import asyncio
import concurrent.futures
import gc
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tornado.netutil import bind_sockets

from index.base.errors import ConfigError
from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries.files import rows_of
from index.database.queries.generations import GenerationRow
from ingest.jobs.worker import Worker
from service.children.ingest_keeper import IngestKeeper
from service.edge import server as module
from service.edge.server import serve
from tests.fakes import fake_models, save_picture
from tests.service.running import Answer, Service
from tests.service.threads import WorkerThread
from tests.waiting import SOON_SECONDS, wait_until

# --- many at once --------------------------------------------------------------------------------


def test_the_loop_stays_free_while_all_desk_threads_are_busy(service: Service) -> None:
    service.drop("a.png", 1)
    assert service.ask("a.png").status == 200
    release = threading.Event()
    for _ in range(8):
        service.answerer._threads.short.begin(release.wait)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(service.ask, "a.png")
        try:
            assert service.send("GET", "/healthz").status == 200
            assert not waiting.done()
        finally:
            release.set()
        assert waiting.result().status == 200


def test_many_callers_at_once_get_the_same_answer(library: Service) -> None:
    names = ["a.png", "b.png", "crowd.png", "wall.png"]
    expected = library.ask(*names).body
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        found = [done.result() for done in [pool.submit(library.ask, *names) for _ in range(80)]]
    assert {answer.body for answer in found} == {expected}


def test_many_callers_who_wait_for_the_same_files_are_all_served(service: Service) -> None:
    service.worker.hold()
    names = [service.drop(f"{n}.png", n) for n in range(5)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        waiting = [pool.submit(service.ask, *names) for _ in range(16)]
        wait_until(lambda: service.answerer.in_hand == 16, "all of them wait")
        service.worker.let_go()
        assert {done.result().json["person_num"] for done in waiting} == {5}
    assert service.models.detector.images_seen == 5


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", "/person_count?filepath=a.png", {}),
        ("GET", "/person_count", {}),
        ("GET", "/nowhere", {}),
        ("HEAD", "/person_count", {}),
        ("DELETE", "/person_count", {}),
        ("BREW", "/person_count", {}),
        ("POST", "/person_count", {"Content-Type": "application/json"}),
        ("POST", "/person_count", {"Content-Type": "multipart/form-data; boundary=x"}),
        ("POST", "/nowhere", {"Content-Type": "multipart/form-data; boundary=x"}),
    ],
)
def test_requests_that_have_ended_are_not_counted_as_under_way(
    service: Service, method: str, target: str, headers: dict[str, str]
) -> None:
    assert service.send(method, target, b"{}" if method == "POST" else None, headers).status >= 400
    assert service.send("GET", "/healthz").status == 200
    wait_until(lambda: service.answerer.in_hand <= 0, "nothing is under way any more")
    assert service.answerer.in_hand == 0


# --- serve(): signals and the graceful stop ------------------------------------------------------


class Visit:
    """Runs serve() in the test's thread, since signals need the main one, and acts in another."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database
        self.worker: WorkerThread | None = None
        self._port = 0

    def run(self, act: Callable[["Visit"], None], ingest: IngestKeeper | None = None) -> float:
        """Serve until *act* has ended it. Returns how long stopping took after the signal."""
        errors: list[BaseException] = []
        self._signalled = 0.0

        def guarded() -> None:
            try:
                act(self)
            except BaseException as error:  # noqa: BLE001 - raised again below
                errors.append(error)
                self.stop()

        thread = threading.Thread(target=guarded)

        def announce(port: int) -> None:
            self._port = port
            thread.start()

        asyncio.run(serve(self.settings, None, self.database, ingest, announce))
        took = time.monotonic() - self._signalled
        thread.join()
        if errors:
            raise errors[0]
        return took

    def stop(self, number: int = signal.SIGTERM) -> None:
        self._signalled = time.monotonic()
        os.kill(os.getpid(), number)

    def ask(self, name: str) -> Answer:
        return Answer(*_plain_get(self._port, f"/person_count?filepath={name}"))

    def is_listening(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1):
                return True
        except ConnectionRefusedError:
            return False

    def is_queued(self, name: str) -> bool:
        with self.database.read() as connection:
            path = str(self.settings.inbox / name)
            return path in rows_of(connection, [path])


def _plain_get(port: int, target: str) -> tuple[int, object, bytes]:
    import http.client  # noqa: PLC0415

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        connection.request("GET", target)
        found = connection.getresponse()
        return found.status, found.headers, found.read()
    finally:
        connection.close()


@pytest.fixture
def visit(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> Visit:
    """A service that would take a minute to stop if anything kept it from stopping at once."""
    monkeypatch.setattr(module, "STOP_SECONDS", 60.0)
    return Visit(settings, database)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_service_soon(visit: Visit, number: int) -> None:
    assert visit.run(lambda visit: visit.stop(number)) < SOON_SECONDS


def test_a_request_under_way_is_finished_before_the_end(
    visit: Visit, generation: GenerationRow
) -> None:
    save_picture(visit.settings.inbox / "a.png", 1)
    answers: list[Answer] = []
    worker = Worker(visit.database, visit.settings, generation, fake_models())

    def act(visit: Visit) -> None:
        asker = threading.Thread(target=lambda: answers.append(visit.ask("a.png")))
        asker.start()
        wait_until(lambda: visit.is_queued("a.png"), "somebody waits for the file")
        visit.stop()
        wait_until(lambda: not visit.is_listening(), "nobody else is let in")
        assert not answers
        worker.step()
        asker.join()

    assert visit.run(act) < SOON_SECONDS
    assert [(answer.status, answer.json["person_num"]) for answer in answers] == [(200, 1)]


def test_a_request_that_takes_too_long_is_cut_off(
    visit: Visit, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 0.3)
    save_picture(visit.settings.inbox / "a.png", 1)

    def act(visit: Visit) -> None:
        def ask() -> None:
            with pytest.raises(OSError):
                visit.ask("a.png")

        asker = threading.Thread(target=ask)
        asker.start()
        wait_until(lambda: visit.is_queued("a.png"), "somebody waits for the file")
        visit.stop()
        asker.join()

    assert visit.run(act) < SOON_SECONDS
    assert any("service.requests_cut_off count=1" in r.getMessage() for r in caplog.records)


def test_a_connection_that_only_idles_does_not_delay_the_end(visit: Visit) -> None:
    def act(visit: Visit) -> None:
        with socket.create_connection(("127.0.0.1", visit._port), timeout=10) as idle:
            assert visit.ask("none.png").status == 404
            visit.stop()
            assert idle.recv(1) == b""

    assert visit.run(act) < SOON_SECONDS


def test_requests_that_were_refused_early_do_not_delay_the_end(visit: Visit) -> None:
    def act(visit: Visit) -> None:
        with socket.create_connection(("127.0.0.1", visit._port), timeout=10) as bare:
            bare.sendall(
                b"BREW /person_count HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            assert b" 405 " in bare.recv(1 << 16)
        visit.stop()

    assert visit.run(act) < SOON_SECONDS


def test_the_ingest_process_is_started_and_ended_with_the_service(
    visit: Visit, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    program = f"import os, time; open({str(log)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    keeper = IngestKeeper([sys.executable, "-S", "-c", program])

    def act(visit: Visit) -> None:
        wait_until(lambda: log.exists() and log.read_text(), "the child runs")
        status, _, body = _plain_get(visit._port, "/status")
        assert status == 200
        assert b'"ingest": {"process": "running", "restarts": 0}' in body
        visit.stop()

    assert visit.run(act, keeper) < SOON_SECONDS
    with pytest.raises(ProcessLookupError):
        os.kill(int(log.read_text()), 0)


def refuse_to_serve(settings: Settings, database: Database) -> str:
    """The text of the ConfigError with which serve() refuses an address."""
    with pytest.raises(ConfigError) as refused:
        asyncio.run(serve(settings, None, database, None, lambda _: None))
    text = str(refused.value)
    del refused
    gc.collect()  # Tornado leaves the socket that it could not bind to the collector
    return text


@pytest.mark.filterwarnings("ignore:Exception ignored:pytest.PytestUnraisableExceptionWarning")
def test_an_address_in_use_is_a_clear_error(settings: Settings, database: Database) -> None:
    taken = bind_sockets(0, "127.0.0.1")
    try:
        port = taken[0].getsockname()[1]
        text = refuse_to_serve(settings.model_copy(update={"port": port}), database)
    finally:
        for one in taken:
            one.close()
    assert text.startswith(f"cannot listen on 127.0.0.1 port {port}: Address already in use; ")


@pytest.mark.filterwarnings("ignore:Exception ignored:pytest.PytestUnraisableExceptionWarning")
def test_an_address_of_another_machine_is_a_clear_error(
    settings: Settings, database: Database
) -> None:
    text = refuse_to_serve(settings.model_copy(update={"host": "192.0.2.1"}), database)
    assert text.startswith("cannot listen on 192.0.2.1 port 0: ")
