"""What may wait for what: locks, long questions and the stop hold up nothing else."""

import concurrent.futures
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pysqlite3.dbapi2 as sqlite_driver
import pytest

from index.base.errors import StoreUnavailableError
from index.library.known_files import queue_wanted
from service.answering import library_reader
from service.answering.pool import Pool
from service.answering.threads import SHORT_THREADS, Threads
from tests.service.running import Answer, Service
from tests.waiting import DEADLINE_SECONDS, wait_until

ROOT = Path(__file__).resolve().parents[3]
PROBES = ("/readyz", "/status", "/metrics")
_URL = re.compile(r"http://[^ ]*:([0-9]+)/")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process keeps everybody from writing."""
    other = sqlite_driver.connect(str(path), isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
    finally:
        other.close()


@contextmanager
def busy(pool: Pool, threads: int) -> Iterator[None]:
    """All *threads* of a pool are at work."""
    release, begun = threading.Event(), threading.Barrier(threads + 1)

    def work() -> None:
        begun.wait()
        release.wait()

    for _ in range(threads):
        pool.begin(work)
    begun.wait()
    try:
        yield
    finally:
        release.set()


@contextmanager
def asking(
    service: Service, *names: str, path: str = "/person_count"
) -> Iterator[list[concurrent.futures.Future[Answer]]]:
    """A question about each of *names*, all at once, by patient callers."""

    def ask(name: str) -> Answer:
        connection = service.connect(seconds=90)
        try:
            connection.request("GET", f"{path}?filepath={name}")
            found = connection.getresponse()
            return Answer(found.status, found.headers, found.read())
        finally:
            connection.close()

    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        yield [pool.submit(ask, name) for name in names]


def test_questions_about_new_files_hold_up_nobody_while_the_database_is_locked(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(wait_seconds=60.0)
    assert service.ask(service.drop("old.png", 1)).status == 200
    wait_until(lambda: service.send("GET", "/readyz").status == 200, "it is ready")
    service.worker.hold()
    names = [service.drop(f"{number}.png", number) for number in range(2 * SHORT_THREADS)]
    with asking(service, *names) as waiting:
        with locked(service.settings.database_path):
            wait_until(lambda: service.answerer.in_hand == len(names), "all are under way")
            for target in (*PROBES, "/files", "/healthz"):
                assert service.send("GET", target).status == 200
            assert service.ask("old.png").status == 200
            assert not any(one.done() for one in waiting)
        service.worker.let_go()
        assert [one.result().status for one in waiting] == [200] * len(names)


def test_what_cannot_be_noted_now_is_noted_when_it_can(
    make_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make_service(wait_seconds=60.0)
    tries = []

    def fail_twice(*given: object) -> None:
        tries.append(given)
        if len(tries) < 3:
            raise StoreUnavailableError("locked")
        queue_wanted(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("service.answering.index_requests.queue_wanted", fail_twice)
    assert service.ask(service.drop("a.png", 1)).json["person_num"] == 1
    assert len(tries) == 3


def test_few_files_with_many_faces_are_a_long_question(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library_reader, "LONG_FACES", 2)
    service.drop("one.png", 1)
    service.drop("crowd.png", 2, 3, 4)
    for path in ("/person_count", "/persons"):
        assert service.ask("crowd.png", "one.png", path=path).json["person_num"] == 4
        with asking(service, "crowd.png", path=path) as [waiting]:
            with busy(service.answerer._threads.long, 1):
                wait_until(lambda: service.answerer.in_hand == 1, "it is under way")
                assert service.ask("one.png").json["person_num"] == 1
                assert not waiting.done()
            assert waiting.result().json["person_num"] == 3


def test_probes_wait_for_no_question(service: Service) -> None:
    wait_until(lambda: service.send("GET", "/readyz").status == 200, "it is ready")
    threads = service.answerer._threads
    with busy(threads.short, SHORT_THREADS), busy(threads.long, 1), busy(threads.writes, 1):
        for target in PROBES:
            assert service.send("GET", target).status == 200


def test_threads_that_have_nothing_to_do_end(caplog: pytest.LogCaptureFixture) -> None:
    threads = Threads()
    begun = threading.Barrier(2)
    threads.short.begin(begun.wait)
    begun.wait()
    assert threads.close(DEADLINE_SECONDS)
    assert not caplog.records


ENDLESS = """
import os, sys, threading
from commands import serve
from service.answering import library_reader
from service.edge import server

def never_ends(*given):
    print("begun", flush=True)
    threading.Event().wait()

library_reader.answer_question = never_ends
server.STOP_SECONDS = server.JOIN_SECONDS = 0.1
serve.serve(port=0, http=True, no_ingest=True)
"""


@pytest.mark.processes
def test_an_answer_that_never_ends_does_not_keep_the_process_from_ending(
    tmp_path: Path, service: Service
) -> None:
    service.drop("a.png", 1)
    assert service.ask("a.png").status == 200
    settings = service.settings
    given = {"INBOX": settings.inbox, "DATA": settings.data, "HOSTNAMES": '["x"]'}
    environment = os.environ | {f"PERSON_COUNT_{key}": str(value) for key, value in given.items()}
    environment["PYTHONPATH"] = str(ROOT)
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        lines = iter(process.stderr.readline, "")
        port = next(int(found[1]) for line in lines if (found := _URL.search(line)))
        with socket.create_connection(("127.0.0.1", port)) as bare:
            bare.sendall(b"GET /person_count?filepath=a.png HTTP/1.1\r\nHost: x\r\n\r\n")
            assert process.stdout.readline() == "begun\n"
            process.terminate()
            _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert "service.requests_cut_off" in said
    assert "service.work_cut_off" in said
