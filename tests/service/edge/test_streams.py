"""Heads that are too long or too slow, with TLS and without."""

import asyncio
import contextlib
import gc
import json
import logging
import os
import select
import socket
import ssl
import struct
import time
from collections.abc import Callable

import pytest
from tornado.iostream import StreamClosedError

from service.edge import connections
from service.edge.server import MAX_HEAD_BYTES
from service.edge.streams import MAX_HEADER_BYTES, PlainStream, make_stream
from tests.service.running import NOT_THERE, Service, read_to_end
from tests.waiting import SOON_SECONDS, wait_until

MIB = 1 << 20


@pytest.fixture(params=[True, False], ids=["tls", "plain"])
def either(request: pytest.FixtureRequest, make_service: Callable[..., Service]) -> Service:
    """A service with TLS, and one without."""
    return make_service(tls=request.param)


def converse(bare: socket.socket, data: bytes, seconds: float = 10.0) -> bytes:
    """Send as much of *data* as the other side takes, reading meanwhile, as curl does."""
    bare.setblocking(False)
    left = memoryview(data)
    parts: list[bytes] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        select.select([bare], [bare] if left else [], [], 0.1)
        try:
            if left:
                left = left[bare.send(left[: 1 << 14]) :]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            left = left[len(left) :]  # cut off; what counts is what was answered
        try:
            part = bare.recv(1 << 16)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            continue
        except OSError:
            return b"".join(parts)
        if not part:
            return b"".join(parts)
        parts.append(part)
    pytest.fail(f"still connected after {seconds} s")


def check_refused(answer: bytes, named: str = "POST") -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 414 ")
    assert b"Content-Type: application/json; charset=utf-8" in head
    document = json.loads(body)
    assert list(document) == ["cord", "error"]
    assert document["cord"] == 414
    assert named in document["error"]


def failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]


def seconds_until_closed(bare: socket.socket) -> float:
    started = time.monotonic()
    with contextlib.suppress(ConnectionResetError):
        assert bare.recv(1 << 16) == b""
    return time.monotonic() - started


# --- too long ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("brief_linger")
@pytest.mark.parametrize("beyond", [1, MIB, 18 * MIB], ids=["a byte", "a MiB", "18 MiB"])
def test_an_address_that_is_too_long_is_answered(either: Service, beyond: int) -> None:
    start = b"GET /person_count?filepath="
    with either.open_socket() as bare:
        check_refused(converse(bare, start + b"a" * (MAX_HEAD_BYTES + beyond - len(start))))


@pytest.mark.usefixtures("brief_linger")
def test_headers_that_are_too_long_are_answered(either: Service) -> None:
    lines = b"".join(b"X-%d: %s\r\n" % (n, b"a" * 1000) for n in range(MAX_HEAD_BYTES // 1000))
    with either.open_socket() as bare:
        start = b"GET /person_count HTTP/1.1\r\nHost: localhost\r\n"
        check_refused(converse(bare, start + lines), f"{MAX_HEADER_BYTES} bytes")


@pytest.mark.usefixtures("brief_linger")
def test_a_whole_request_that_is_too_long_is_answered(either: Service) -> None:
    answer = either.send("GET", "/person_count?filepath=" + "a" * MAX_HEAD_BYTES)
    assert answer.status == 414
    assert list(answer.json) == ["cord", "error"]
    assert answer.headers["Connection"] == "close"


@pytest.mark.usefixtures("brief_linger")
def test_a_second_request_that_is_too_long_is_answered_too(either: Service) -> None:
    connection = either.connect()
    try:
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b'{"status": "ok"}'
        connection.request("GET", "/person_count?filepath=" + "a" * MAX_HEAD_BYTES)
        assert connection.getresponse().status == 414
    finally:
        connection.close()


@pytest.mark.usefixtures("brief_linger")
def test_a_refusal_is_no_burden_to_others(either: Service) -> None:
    with either.open_socket() as bare:
        check_refused(converse(bare, b"GET /" + b"a" * MAX_HEAD_BYTES))
    assert either.ask("a.png").body == NOT_THERE
    wait_until(lambda: either.answerer.in_hand == 0, "nothing is under way any more")


def test_what_may_be_asked_at_most_by_get_fits_into_the_head(either: Service) -> None:
    names = [f"{n:0400d}" for n in range(5_000)]
    target = "/person_count?" + "&".join(f"filepath={name}" for name in names)
    answer = either.send("GET", target)
    assert (answer.status, answer.body) == (404, NOT_THERE)


# --- too slow ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("start", [b"", b"GET /person_count?filepath=a", b"GET / HTTP/1.1\r\nHost"])
def test_a_head_that_does_not_end_is_cut_off(either: Service, start: bytes) -> None:
    with either.open_socket() as bare:
        bare.sendall(start)
        assert seconds_until_closed(bare) < SOON_SECONDS
    assert either.answerer.in_hand == 0


@pytest.mark.usefixtures("impatient")
def test_a_head_that_drips_is_cut_off_although_bytes_keep_coming(either: Service) -> None:
    with either.open_socket() as bare:
        bare.settimeout(0.1)
        deadline = time.monotonic() + SOON_SECONDS
        while time.monotonic() < deadline:
            try:
                bare.sendall(b"a")
                if bare.recv(100) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            pytest.fail(f"a dripping client was served for {SOON_SECONDS} seconds")


@pytest.mark.usefixtures("impatient")
def test_a_handshake_that_never_comes_is_cut_off(make_service: Callable[..., Service]) -> None:
    service = make_service()
    with socket.create_connection(("127.0.0.1", service.thread.port), timeout=10) as bare:
        assert seconds_until_closed(bare) < SOON_SECONDS


@pytest.mark.usefixtures("impatient")
def test_a_body_that_does_not_end_is_cut_off(either: Service) -> None:
    with either.open_socket() as bare:
        bare.sendall(
            b"POST /person_count HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{"
        )
        assert seconds_until_closed(bare) < SOON_SECONDS
    assert either.answerer.in_hand == 0


@pytest.mark.usefixtures("impatient")
def test_an_idle_connection_is_closed(either: Service) -> None:
    with either.open_socket() as bare:
        bare.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_to_end(bare).endswith(b'{"status": "ok"}')


# --- clients that do not speak our language ------------------------------------------------------


def test_a_client_that_hangs_up_at_once_is_no_news(
    either: Service, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        bare = socket.create_connection(("127.0.0.1", either.thread.port))
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        bare.close()  # with a reset
    assert either.ask("a.png").body == NOT_THERE
    messages = failures(caplog)
    caplog.clear()  # a logged exception would keep a lost socket alive
    gc.collect()  # and one that nobody closed would be complained of in another test
    assert messages == []


def test_the_socket_of_a_client_that_is_gone_before_it_is_wrapped_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        bare = socket.create_connection(listening.getsockname())
        accepted, _ = listening.accept()
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        bare.close()  # with a reset
        number = accepted.fileno()
        with pytest.raises(OSError, match="reset"):
            make_stream(accepted, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), 1 << 20)
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(number)


def test_a_client_that_hangs_up_while_it_waits_is_no_news(
    either: Service, caplog: pytest.LogCaptureFixture
) -> None:
    either.worker.hold()
    either.drop("a.png", 1)
    with either.open_socket() as bare:
        bare.sendall(b"GET /person_count?filepath=a.png HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: either.answerer.in_hand == 1, "the request is under way")
    either.worker.let_go()
    wait_until(lambda: either.answerer.in_hand == 0, "the request has been given up")
    assert either.ask("a.png").json["person_num"] == 1
    assert failures(caplog) == []


def test_plain_http_on_the_tls_port_is_turned_away(make_service: Callable[..., Service]) -> None:
    service = make_service()
    with socket.create_connection(("127.0.0.1", service.thread.port), timeout=10) as bare:
        bare.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head, _, body = converse(bare, b"").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert "https://" in json.loads(body)["error"]
    assert service.ask("a.png").body == NOT_THERE


def test_a_flood_of_failed_handshakes_is_one_line(
    make_service: Callable[..., Service], caplog: pytest.LogCaptureFixture
) -> None:
    service = make_service()
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", service.thread.port), timeout=10) as bare:
            bare.sendall(b"\x16\x03\x01\x00\x05hello")
            read_to_end(bare)
    lines = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert [line.partition(" ")[0] for line in lines] in ([], ["tls.handshakes_failed"])
    assert service.ask("a.png").body == NOT_THERE


@pytest.mark.usefixtures("brief_linger")
def test_a_flood_of_malformed_requests_is_one_line(
    make_service: Callable[..., Service], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tornado.general")
    service = make_service()
    for _ in range(20):
        assert (
            service.send("GET", "/docs", headers={"Cookie": "a" * MAX_HEADER_BYTES}).status == 414
        )
    lines = [
        r.getMessage()
        for r in caplog.records
        if r.name in {"tornado.general", connections.__name__}
    ]
    assert [line.partition(" ")[0] for line in lines] in ([], ["http.malformed_requests"])


@pytest.mark.usefixtures("brief_linger")
@pytest.mark.parametrize("name", ["Accept-Language", "If-None-Match", "Cookie"])
def test_only_the_address_may_be_long(either: Service, name: str) -> None:
    path = "/docs" if name == "Accept-Language" else "/assets/main.js"
    assert either.send("GET", path, headers={name: "a," * (MAX_HEADER_BYTES // 2)}).status == 414
    assert either.send("GET", path, headers={name: "a," * (MAX_HEADER_BYTES // 4)}).status == 200


@pytest.mark.usefixtures("brief_linger")
def test_a_long_header_is_refused_while_it_arrives(either: Service) -> None:
    with either.open_socket() as bare:
        bare.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * MAX_HEADER_BYTES)
        check_refused(bare.recv(1 << 16), f"{MAX_HEADER_BYTES} bytes")


@pytest.mark.parametrize("start", [b"", b"\r\n", b"\n"])
@pytest.mark.parametrize("headers", [b"", b"Host: x\r\n"])
def test_the_shortest_heads_are_understood(either: Service, start: bytes, headers: bytes) -> None:
    version = b"1.1" if headers else b"1.0"
    with either.open_socket() as bare:
        bare.sendall(start + b"GET /healthz HTTP/" + version + b"\r\n" + headers + b"\r\n")
        assert bare.recv(1 << 16).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "garbage", [b"\r\n\r\n\r\n\r\n", b"\x00" * 64 + b"\r\n\r\n", b"HELO\r\n\r\n"]
)
def test_garbage_is_turned_away(either: Service, garbage: bytes) -> None:
    with either.open_socket() as bare:
        bare.sendall(garbage + b"GET\r\n\r\n")
        assert converse(bare, b"").startswith(b"HTTP/1.1 400 ")
    assert either.ask("a.png").body == NOT_THERE


def test_discarding_lets_others_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []

    async def read_bytes(*_: object, **__: object) -> bytes:
        if len(turns) > 20:
            raise StreamClosedError
        turns.append("discard")
        return b"x"

    async def both() -> None:
        here, there = socket.socketpair()
        with there:
            stream = PlainStream(here)
            monkeypatch.setattr(stream, "read_bytes", read_bytes)
            discarding = asyncio.ensure_future(stream._discard())
            while not discarding.done():
                turns.append("other")
                await asyncio.sleep(0)
            stream.hang_up()

    asyncio.run(both())
    assert turns[:6] == ["other", "discard"] * 3
