"""Addresses that name scheme and host as well, as proxies are asked and every server may be."""

import json
from collections.abc import Callable

import pytest

from index.base.tokens import Scope, add_token
from tests.service.running import NOT_THERE, Service

CLOSE = "Connection: close\r\n\r\n"


def statuses(answer: bytes) -> list[int]:
    """Of every answer on the connection."""
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def get(service: Service, target: str, host: str = "Host: x\r\n", version: str = "1.1") -> bytes:
    return service.exchange(f"GET {target} HTTP/{version}\r\n{host}{CLOSE}".encode())


@pytest.mark.parametrize(
    "start", ["https://x", "http://x", "HTTPS://X", "http://127.0.0.1:8022", "http://[::1]"]
)
def test_an_absolute_address_is_answered_as_its_path_is(library: Service, start: str) -> None:
    for target in ("/person_count?filepath=a.png", "/person_count/person_count?filepath=a.png"):
        plain, absolute = get(library, target), get(library, start + target)
        assert absolute.partition(b"\r\n\r\n")[2] == plain.partition(b"\r\n\r\n")[2]
        assert b'"person_num": 1}' in absolute
    assert NOT_THERE in get(library, f"{start}/person_count?filepath=http://x/a.png")
    assert b"<!doctype html>" in get(library, start)
    assert b"<!doctype html>" in get(library, f"{start}?filepath=a.png")


def test_the_host_of_an_absolute_address_counts_and_not_the_header(library: Service) -> None:
    target = "/person_count?filepath=a.png"
    assert statuses(get(library, f"http://x{target}", "Host: evil.example\r\n")) == [200]
    for host in ("evil.example", "evil.example:8022", "x@evil.example", "x%2f@evil.example", ""):
        assert statuses(get(library, f"http://{host}{target}")) == [400], host
    docs = get(library, "http://localhost:4711/docs")
    assert b"localhost:4711" in docs


@pytest.mark.parametrize("header", ["", "Host: x\r\nHost: x\r\n", "Host: x\r\nHost: y\r\n"])
def test_an_absolute_address_does_not_stand_in_for_the_host_header(
    library: Service, header: str
) -> None:
    assert statuses(get(library, "http://x/healthz", header)) == [400]


def test_before_http_1_1_there_was_no_host_header(library: Service) -> None:
    for host, status in (("x", 200), ("evil.example", 400)):
        answer = get(library, f"http://{host}/healthz", "", version="1.0")
        assert statuses(answer) == [status]


@pytest.mark.parametrize("target", ["ftp://x/healthz", "//x/healthz", "http:/x/healthz", "x:80"])
def test_no_other_address_leads_anywhere(library: Service, target: str) -> None:
    assert statuses(get(library, target)) == [404]


def test_an_absolute_address_needs_the_same_tokens_and_origin(
    make_service: Callable[..., Service],
) -> None:
    folder = make_service().settings.data  # any that is there
    path = folder / "tokens"
    reader, admin = (add_token(path, scope, scope) for scope in (Scope.READ, Scope.ADMIN))
    service = make_service(tokens=path)

    def put(token: str, more: str = "") -> bytes:
        head = f"PUT https://x/files/new.png HTTP/1.1\r\nHost: x\r\n{more}"
        head += f"Authorization: Bearer {token}\r\nContent-Type: image/png\r\nContent-Length: 3\r\n"
        return service.exchange(f"{head}{CLOSE}".encode() + b"abc")

    assert statuses(get(service, "https://x/person_count?filepath=a.png")) == [401]
    assert statuses(put(reader)) == [401]
    assert statuses(put(admin, "Origin: https://evil.example\r\n")) == [403]
    assert list(service.settings.inbox.iterdir()) == []
    answer = put(admin)
    assert statuses(answer) == [201]
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"filepath": "new.png"}
