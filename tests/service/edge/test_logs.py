"""What the running service and its worker log: JSON lines with request ids and without names."""

import http.client
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from index.base.errors import StoreError
from index.base.logs import JsonFormatter
from tests.service.running import Service
from tests.waiting import wait_until

Lines = Callable[[], list[dict[str, Any]]]
GEHEIM = "geheim 张三"


class Kept(logging.Handler):
    """Keeps every line as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonFormatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What has been logged so far, by everything."""
    root, kept = logging.getLogger(), Kept()
    level = root.level
    root.addHandler(kept)
    root.setLevel(logging.DEBUG)
    yield lambda: [json.loads(line) for line in tuple(kept.lines)]
    root.removeHandler(kept)
    root.setLevel(level)


def requests_in(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in found if line["event"] == "service.request"]


@pytest.mark.parametrize("given", ["abc", "A.b-c_9", "x" * 64])
def test_a_plain_request_id_of_the_caller_is_kept(
    service: Service, lines: Lines, given: str
) -> None:
    answer = service.send("GET", "/person_count?filepath=no.png", headers={"X-Request-ID": given})
    assert answer.status == 404
    assert answer.headers["X-Request-ID"] == given
    wait_until(lambda: requests_in(lines()), "the line of the request")
    assert requests_in(lines())[0]["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "张三".encode(), "a;b", 'a"b', "a/b.jpg"])
def test_any_other_request_id_is_replaced(
    service: Service, lines: Lines, given: str | bytes
) -> None:
    headers: dict[str, Any] = {"X-Request-ID": given}
    answer = service.send("GET", "/status", headers=headers)
    found = answer.headers["X-Request-ID"]
    assert answer.status == 200
    assert len(found) == 32
    assert int(found, 16)
    wait_until(lambda: requests_in(lines()), "the line of the request")
    assert [line["request_id"] for line in requests_in(lines())] == [found]


def test_requests_on_one_connection_have_an_id_each(service: Service, lines: Lines) -> None:
    connection = service.connect()
    found = []
    try:
        for given in ("first", None, "third"):
            headers = {"X-Request-ID": given} if given else {}
            connection.request("GET", "/status", headers=headers)
            answer = connection.getresponse()
            answer.read()
            found.append(answer.headers["X-Request-ID"])
    finally:
        connection.close()
    assert (found[0], found[2]) == ("first", "third")
    assert len(set(found)) == 3
    wait_until(lambda: len(requests_in(lines())) == 3, "three lines")
    assert [line["request_id"] for line in requests_in(lines())] == found


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [("BREW", "/status", 405), ("GET", "/nothing", 404), ("DELETE", "/person_count", 405)],
)
def test_every_refusal_carries_the_request_id(
    service: Service, method: str, target: str, status: int
) -> None:
    answer = service.send(method, target, headers={"X-Request-ID": "mine"})
    assert (answer.status, answer.headers["X-Request-ID"]) == (status, "mine")
    assert list(answer.json) == ["cord", "error"]


@pytest.mark.usefixtures("brief_linger")
def test_a_request_refused_at_the_door_carries_its_id_and_the_next_one_does_not(
    service: Service, lines: Lines
) -> None:
    head = b"POST /person_count HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: mine\r\n"
    answer = service.exchange(head + b"Content-Length: 99999999\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nX-Request-ID: mine\r\n" in answer
    refused = [line for line in lines() if line["event"] == "service.refused"]
    assert [line["request_id"] for line in refused] == ["mine"]
    fine = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: mine\r\n\r\n"
    first, malformed = service.exchange(fine + b"nonsense\r\n\r\n").split(b"HTTP/1.1 400 ")
    assert b"mine" in first
    assert b"X-Request-ID" not in malformed


def test_what_is_done_in_threads_for_a_request_is_logged_with_its_id(
    service: Service, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("broken")

    monkeypatch.setattr("service.monitoring.collector.read_status", fail)
    service.send("GET", "/metrics", headers={"X-Request-ID": "scrape"})
    found = [line for line in lines() if line["event"] == "metrics.database_unreadable"]
    assert [line["request_id"] for line in found] == ["scrape"]


def test_probes_that_succeed_are_no_news(service: Service, lines: Lines) -> None:
    wait_until(lambda: service.send("GET", "/readyz").status == 200, "ready")
    for target in ("/healthz", "/metrics", "/status"):
        service.send("GET", target)
    service.send("POST", "/healthz")
    wait_until(lambda: requests_in(lines())[-1]["status"] == 405, "the last line")
    levels = {(line["route"], line["status"]): line["level"] for line in requests_in(lines())}
    assert levels["Health", 200] == levels["Ready", 200] == levels["Metrics", 200] == "debug"
    assert levels["Status", 200] == levels["Health", 405] == "info"


def test_neither_requests_nor_ingest_nor_failures_name_a_file(
    service: Service, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = service.drop(f"{GEHEIM}.png", 1)
    (service.settings.inbox / f"{GEHEIM}.jpg").write_text("no image")
    assert service.ask(good).status == 200
    assert service.ask(f"{GEHEIM}.jpg").status == 422
    assert service.ask(f"{GEHEIM} none.jpg").status == 404

    def fail(*_: object) -> None:
        (service.settings.inbox / f"{GEHEIM} gone.jpg").read_bytes()

    monkeypatch.setattr("service.answering.library_reader.compare", fail)
    answer = service.send("GET", "/person_count?filepath=x", headers={"X-Request-ID": "broken"})
    assert answer.status == http.client.INTERNAL_SERVER_ERROR
    assert answer.json == {"cord": 500, "error": "the server failed; see its log"}
    wait_until(lambda: len(requests_in(lines())) == 4, "four lines")
    wait_until(lambda: "ingest.batch" in {line["event"] for line in lines()}, "a batch's line")
    found = lines()
    failed = [line for line in found if line["event"] == "service.failed"]
    assert [(line["level"], line["request_id"]) for line in failed] == [("error", "broken")]
    assert "FileNotFoundError: [Errno 2] No such file or directory: '…'" in failed[0]["traceback"]
    text = json.dumps(found, ensure_ascii=False)
    assert "geheim" not in text
    assert "张三" not in text
