"""Requests that lie about where they end, about who sent them, or speak no HTTP."""

import contextlib
import json
import random
import socket

import pytest

from service.edge import streams
from tests.service.running import NOT_THERE, Service

POST = b"POST /person_count HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BODY = b'{"filepaths": ["none.png"]}'
NEXT = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

LIES = {
    "both lengths": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both, the other way": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 27\r\nContent-Length: 0\r\n\r\n" + BODY,
    "two lengths in one": POST + b"Content-Length: 27, 0\r\n\r\n" + BODY,
    "two equal lengths": POST + b"Content-Length: 27\r\nContent-Length: 27\r\n\r\n" + BODY,
    "an encoding in HTTP/1.0": b"POST /person_count HTTP/1.0\r\nHost: x\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a signed length": POST + b"Content-Length: +27\r\n\r\n" + BODY,
    "a negative length": POST + b"Content-Length: -1\r\n\r\n" + BODY,
    "a hexadecimal length": POST + b"Content-Length: 0x1b\r\n\r\n" + BODY,
    "a length with _": POST + b"Content-Length: 2_7\r\n\r\n" + BODY,
    "an empty length": POST + b"Content-Length: \r\n\r\n" + BODY,
    "a superscript length": POST + b"Content-Length: \xb2\r\n\r\n" + BODY,
    "a folded header": POST + b"X: y\r\n Content-Length: 27\r\n\r\n" + BODY,
    "a folded encoding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon": POST + b"Content-Length : 27\r\n\r\n" + BODY,
    "an encoding twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "an encoding in two": POST + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n",
    "an unknown encoding": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "an encoding with a tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n" + BODY,
    "a chunk that is no number": POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
    "a signed chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "a chunk with 0x": POST + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n",
    "a chunk with extension": POST + b"Transfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n",
    "a chunk without its end": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nxyz0\r\n\r\n",
    "a chunk of all memory": POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    "a trailer": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n",
    "NUL in a header": POST + b"X: \x00\r\n\r\n",
    "a bare CR": POST + b"X: y\rContent-Length: 27\r\n\r\n" + BODY,
    "no colon": POST + b"nonsense\r\n\r\n",
    "no name": POST + b": nonsense\r\n\r\n",
    "two hosts": b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "HTTP/2.0": b"GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n",
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9999": b"GET /healthz HTTP/9999.1\r\nHost: x\r\n\r\n",
    "two blanks": b"GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tab": b"GET\t/healthz\tHTTP/1.1\r\nHost: x\r\n\r\n",
    "no method": b"/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in the address": b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "binary": bytes(range(256)) + b"\r\n\r\n",
    "a proxy's greeting": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n\r\n",
    "another protocol": b"EHLO evil.example\r\n\r\n",
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_request_that_can_be_read_two_ways_ends_its_connection(
    house: Service, lie: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LINGER_SECONDS", 0.1)
    head, _, body = house.exchange(lie + NEXT).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"Connection: close" in head
    assert list(json.loads(body)) == ["cord", "error"]  # and nothing after it: NEXT was not served
    assert house.ask("none.png").body == NOT_THERE


def test_a_well_formed_request_in_chunks_is_answered(house: Service) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:5], BODY[5:]))
    whole = POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    closing = NEXT.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    answer = house.exchange(whole + closing)
    assert NOT_THERE in answer
    assert answer.endswith(b'{"status": "ok"}')


def test_a_body_on_a_get_is_not_taken_for_a_request(house: Service) -> None:
    inner = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
    outer = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    answer = house.exchange(outer % len(inner) + inner)
    assert answer.count(b"HTTP/1.1") == 1
    assert answer.endswith(b'{"status": "ok"}')


def test_headers_of_proxies_change_nothing(house: Service) -> None:
    expected = house.ask("none.png").body
    for name in (
        "X-Forwarded-Host",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-HTTP-Method-Override",
        "Forwarded",
        "X-Forwarded-For",
    ):
        answer = house.send("GET", "/person_count?filepath=none.png", headers={name: "/healthz"})
        assert answer.body == expected


@pytest.mark.parametrize("header", ["If-None-Match", "If-Match", "If-Range", "Range", "Expect"])
def test_conditions_change_nothing(house: Service, header: str) -> None:
    for value in ("*", '"x"', "bytes=0-1"):
        answer = house.send("GET", "/healthz", headers={header: value})
        assert (answer.status, answer.json) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01" + b"\xff" * 600,
        b"\x16\x03\x01\x00\x05hello",
        b"\x00" * 1000,
        b"\x80\x2e\x01\x00\x02",
        random.Random(5).randbytes(4096),
    ],
    ids=["long record", "short record", "zeros", "SSL 2", "noise"],
)
def test_garbage_instead_of_tls_gets_no_answer(house: Service, garbage: bytes) -> None:
    answer = b""
    with (
        socket.create_connection(("127.0.0.1", house.thread.port), timeout=5) as bare,
        contextlib.suppress(OSError),  # hung up on before we were done
    ):
        bare.sendall(garbage)
        bare.shutdown(socket.SHUT_WR)
        answer = bare.recv(1 << 16)
    assert not answer.startswith(b"HTTP")
    assert house.ask("none.png").body == NOT_THERE
