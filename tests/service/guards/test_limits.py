"""Floods and slow callers: what is turned away, and that others are still answered."""

import asyncio
import contextlib
import json
import select
import socket
import ssl
import time
from collections.abc import Callable

import pytest
from tornado.iostream import StreamClosedError

from service.edge import streams
from service.edge.head_checks import MAX_BODY_BYTES
from service.edge.streams import MAX_HEAD_LINES, make_stream
from service.guards import limits
from service.guards.limits import ConnectionLimit, network_of
from tests.service.running import NOT_THERE, Service, read_to_end
from tests.waiting import SOON_SECONDS, wait_until

pytestmark = pytest.mark.usefixtures("brief_linger", "impatient")


def check(answer: bytes, status: int, named: str) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Content-Type: application/json; charset=utf-8" in head
    document = json.loads(body)
    assert list(document) == ["cord", "error"]
    assert document["cord"] == status
    assert named in document["error"]


def is_closed(bare: socket.socket) -> bool:
    """Whether the other side has closed the connection, or does within the socket's timeout."""
    try:
        return bare.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


# --- connections ---------------------------------------------------------------------------------


def ask_health(bare: socket.socket) -> bytes:
    bare.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    return bare.recv(1 << 16)


def test_a_flood_of_silent_connections_ends_itself_and_nobody_who_asks(
    either: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "MAX_CONNECTIONS_OF_ONE", 8)
    limit = either.thread.server._connection_limit  # type: ignore[attr-defined]
    with contextlib.ExitStack() as stack:
        kept = stack.enter_context(either.open_socket())
        assert b" 200 " in ask_health(kept)
        silent = []
        for _ in range(30):
            more = socket.create_connection(("127.0.0.1", either.thread.port), timeout=5)
            silent.append(stack.enter_context(more))
        assert all(map(is_closed, silent[:23]))  # the limit less the one that asked are left
        assert len(limit.connections()) == 8
        assert b" 200 " in ask_health(kept)
        latecomer = stack.enter_context(either.open_socket())
        assert b" 200 " in ask_health(latecomer)
    refused = [r for r in caplog.records if "connections_refused" in r.getMessage()]
    assert len(refused) == 1  # the flood does not flood the log
    wait_until(lambda: not limit.connections(), "all are gone")


def test_connections_that_ask_are_never_closed_for_others(
    either: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_CONNECTIONS_OF_ONE", 3)
    with contextlib.ExitStack() as stack:
        kept = [stack.enter_context(either.open_socket()) for _ in range(3)]
        for bare in kept:
            assert b" 200 " in ask_health(bare)
        more = socket.create_connection(("127.0.0.1", either.thread.port), timeout=5)
        stack.enter_context(more)
        assert is_closed(more)
        for bare in kept:
            assert b" 200 " in ask_health(bare)


class FakeConnection:
    """Ends when it is told to, and says so to its limit."""

    def __init__(self, limit: ConnectionLimit, address: str) -> None:
        self.network = network_of(address)
        self.is_open = True
        self._limit = limit

    def speaks(self) -> None:
        pass

    def hang_up(self) -> None:
        self.is_open = False
        self._limit.leave(self)


def admitted(limit: ConnectionLimit, *addresses: str, ask: bool) -> list[FakeConnection]:
    found = []
    for address in addresses:
        connection = FakeConnection(limit, address)
        if limit.admit(connection):
            found.append(connection)
            if ask:
                limit.speaks(connection)
    return found


def test_one_address_cannot_take_all_connections() -> None:
    limit = ConnectionLimit()
    greedy = admitted(limit, *["192.0.2.1"] * 300, ask=True)
    assert len(greedy) == limits.MAX_CONNECTIONS_OF_ONE
    others = admitted(limit, *(f"198.51.100.{n}" for n in range(250)), ask=True)
    assert len(greedy) + len(others) == limits.MAX_CONNECTIONS
    greedy[0].hang_up()
    assert len(admitted(limit, "192.0.2.3", "192.0.2.3", ask=True)) == 1


def test_silent_connections_of_many_addresses_lock_nobody_out() -> None:
    limit = ConnectionLimit()
    flood = [f"192.0.2.{n}" for n in range(5) for _ in range(66)]
    silent = admitted(limit, *flood, ask=False)
    assert sum(connection.is_open for connection in silent) == limits.MAX_SILENT
    assert len(admitted(limit, "198.51.100.1", ask=True)) == 1


def test_an_ipv6_network_counts_as_one_address() -> None:
    limit = ConnectionLimit()
    one_network = [f"2001:db8:0:1::{n:x}" for n in range(100)]
    assert len(admitted(limit, *one_network, ask=True)) == limits.MAX_CONNECTIONS_OF_ONE
    assert len(admitted(limit, "2001:db8:0:2::1", ask=True)) == 1


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_whom_an_address_counts_for(address: str, network: str) -> None:
    assert network_of(address) == network


# --- slow callers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET /person_count?filepath=",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: ",
        b"POST /person_count HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
        b"POST /person_count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /person_count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n",
    ],
    ids=["nothing", "address", "headers", "body", "chunks", "a chunk"],
)
def test_a_drip_is_cut_off_although_bytes_keep_coming(either: Service, start: bytes) -> None:
    with either.open_socket() as bare:
        bare.sendall(start)
        bare.settimeout(0.1)
        deadline = time.monotonic() + SOON_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                bare.sendall(b"1")
            if is_closed(bare):
                return
    pytest.fail(f"a dripping client was served for {SOON_SECONDS} seconds")


def test_many_slow_callers_do_not_keep_others_waiting(either: Service) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            bare = stack.enter_context(either.open_socket())
            bare.sendall(b"GET /person_count?filepath=")
        started = time.monotonic()
        assert either.ask("none.png").body == NOT_THERE
        assert time.monotonic() - started < SOON_SECONDS


def test_a_caller_who_does_not_take_the_answer_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "WRITE_SECONDS", 0.2)

    async def refuse_to_read() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)
            stream = make_stream(ours, None, 1 << 20)
            with pytest.raises(StreamClosedError):
                await asyncio.wait_for(stream.write(b"x" * (64 << 20)), 5)

    asyncio.run(refuse_to_read())


# --- too much ------------------------------------------------------------------------------------


def test_a_flood_of_headers_is_refused_quickly(either: Service) -> None:
    lines = b"a:b\r\n" * 300_000
    started = time.monotonic()
    answer = either.exchange(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")
    check(answer, 414, f"more than {MAX_HEAD_LINES} lines")
    assert time.monotonic() - started < SOON_SECONDS


def test_as_many_headers_as_any_browser_sends_are_fine(either: Service) -> None:
    headers = {f"X-{n}": "x" for n in range(MAX_HEAD_LINES - 10)}
    assert either.send("GET", "/healthz", headers=headers).status == 200


def test_20001_arguments_are_counted_and_refused(either: Service) -> None:
    answer = either.ask(*["a"] * 20_001)
    assert answer.status == 413
    assert answer.json["error"] == "20001 files are more than the 10000 allowed"


@pytest.mark.parametrize("query", ["filepath=a&" * 100_000, "&" * 1_000_000, "a&" * 200_000])
def test_far_more_arguments_are_refused_before_they_are_parsed(either: Service, query: str) -> None:
    started = time.monotonic()
    head = f"GET /person_count?{query} HTTP/1.1\r\nHost: x\r\n\r\n"
    check(either.exchange(head.encode()), 413, "parameters")
    assert time.monotonic() - started < SOON_SECONDS


@pytest.mark.parametrize("sent", [0, 1000, 3 * MAX_BODY_BYTES])
def test_an_oversized_body_gets_its_answer_even_while_it_is_sent(
    either: Service, sent: int
) -> None:
    answer = either.exchange(
        b"POST /person_count HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % (3 * MAX_BODY_BYTES) + b"x" * sent
    )
    check(answer, 413, str(MAX_BODY_BYTES))


def test_an_oversized_body_in_chunks_is_refused(either: Service) -> None:
    answer = either.exchange(
        b"POST /person_count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"%x\r\n" % (MAX_BODY_BYTES + 1)
    )
    check(answer, 400, str(MAX_BODY_BYTES))


def test_zeros_before_a_length_do_not_hide_it(either: Service) -> None:
    post = b"POST /person_count HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    for zeros in (20, 5000):
        length = b"0" * zeros + b"%d" % (3 * MAX_BODY_BYTES)
        answer = either.exchange(post + b"Content-Length: " + length + b"\r\n\r\n")
        check(answer, 400, "Content-Length")


def test_a_body_of_millions_of_lists_is_refused_before_it_is_parsed(
    either: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b"[" + b"[]," * 200_000 + b"[]]"
    real = json.loads

    def parse(text: str | bytes) -> object:
        if len(text) >= len(body):  # the service's other threads parse, too
            pytest.fail("it was parsed")
        return real(text)

    monkeypatch.setattr("service.handlers.base.json.loads", parse)
    answer = either.send("POST", "/persons", body, {"Content-Type": "application/json"})
    assert (answer.status, b"list of files" in answer.body) == (400, True)


def test_a_form_is_refused_before_it_is_read(either: Service) -> None:
    answer = either.exchange(
        b"POST /person_count HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    )
    check(answer, 400, "application/json")


def test_a_body_of_the_greatest_size_is_read(either: Service) -> None:
    body = b'{"filepaths": ["none.png"]}'.ljust(MAX_BODY_BYTES)
    assert either.post(body).body == NOT_THERE


def test_a_long_list_is_refused_before_its_names_are_looked_at(either: Service) -> None:
    answer = either.post({"filepaths": ["\0"] * 500_000})
    assert (answer.status, "500000 files" in answer.json["error"]) == (413, True)


# --- at the end ----------------------------------------------------------------------------------


def test_a_refusal_that_lingers_does_not_outlive_the_service(
    make_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LINGER_SECONDS", 30)
    service = make_service()
    with service.open_socket() as bare:
        bare.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
        assert b" 413 " in bare.recv(1 << 16)
        service.thread.close()
        with contextlib.suppress(ssl.SSLError, ConnectionResetError):
            select.select([bare], [], [], 5)
            assert read_to_end(bare) == b""
