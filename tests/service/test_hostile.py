"""Callers who want what is not theirs: every way out of the folders, and requests that lie."""

import contextlib
import json
import os
import random
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from service import streams
from tests.fakes import save_picture
from tests.service.running import NOT_THERE, Service, running_service


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with two roots, things that are not to be had, and ways to try for them."""
    folder = tmp_path_factory.mktemp("house")
    outside, other = folder / "outside", folder / "other"
    outside.mkdir()
    (other / ".hidden").mkdir(parents=True)
    save_picture(folder / "secret.png", 1)
    save_picture(outside / "secret.png", 1)
    save_picture(other / ".hidden" / "secret.png", 1)
    save_picture(other / ".secret.png", 1)
    with running_service(folder, roots=(other,)) as service:
        inbox = service.settings.inbox
        service.drop("a.png", 1)
        service.drop("folder/b.png", 2)
        service.drop(".hidden/secret.png", 3)
        (inbox / "way out").symlink_to(outside)
        (inbox / "way in").symlink_to(inbox / "folder")
        (inbox / "devices").symlink_to("/dev")
        (inbox / "loop").symlink_to(inbox / "loop")
        (inbox / "processes").symlink_to("/proc")
        yield service


NAMES = [
    "../secret.png",
    "./../secret.png",
    "folder/../../secret.png",
    "folder/./.././../secret.png",
    "//../secret.png",
    "../" * 60 + "etc/passwd",
    "../../../../../../../../proc/self/environ",
    "..\\secret.png",
    "..\\..\\etc\\passwd",
    "....//....//etc/passwd",
    "..;/secret.png",
    "%2e%2e/secret.png",  # as a name, that is, encoded twice in the query
    "%2e%2e%2fsecret.png",
    "..%2fsecret.png",
    "..%c0%afsecret.png",
    "%252e%252e%252fsecret.png",
    "\uff0e\uff0e/secret.png",  # full-width dots, which some normalisations fold
    "\u2024\u2024/secret.png",
    "..\u2215secret.png",
    "/etc/passwd",
    "//etc/passwd",
    "///etc//passwd",
    "/etc/shadow",
    "/./etc/passwd",
    "/nowhere/at/all",
    "/proc/self/environ",
    "/proc/self/root/etc/passwd",
    "/proc/self/cwd/secret.png",
    "/proc/self/fd/0",
    "/dev/zero",
    "/dev/null",
    "/dev/stdin",
    "/dev/fd/3",
    "/sys/kernel",
    "file:///etc/passwd",
    "https://127.0.0.1/a.png",
    "~/secret.png",
    "~root/.profile",
    "$HOME/secret.png",
    "{inbox}/../secret.png",
    "{inbox}/../outside/secret.png",
    "{inbox}2/secret.png",
    "{inbox}",
    "{inbox}/",
    "{inbox}/.",
    "{inbox}/folder/",
    "{other}/.secret.png",
    "{other}/.hidden/secret.png",
    "{other}/../secret.png",
    "{data}/person_count.db",
    "{data}/tls.key",
    "way out/secret.png",
    "way out/none.png",
    "way out/../secret.png",
    "way in/b.png",
    "devices/zero",
    "devices/none",
    "processes/self/environ",
    "processes/1",
    "loop/a.png",
    ".hidden/secret.png",
    ".hidden/none.png",
    "folder",
    "folder/.",
    "a.png/",
    "a.png/.",
    "a.png/..",
    "a.png/b.png",
    ".",
    "..",
    "/",
    "x" * 256,
    "x" * 4096,
    "x/" * 2048,
    "none.png",
]


def spell(service: Service, name: str) -> str:
    settings = service.settings
    return (
        name.replace("{inbox}", str(settings.inbox))
        .replace("{other}", str(settings.roots[0]))
        .replace("{data}", str(settings.data))
    )


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:32])
def test_no_spelling_of_a_path_tells_anything(house: Service, name: str) -> None:
    if name in {"a.png/", "a.png/."}:  # the file itself, spelt oddly
        assert house.ask(name).status == 200
        return
    plain = spell(house, name)
    everything = "".join(f"%{byte:02x}" for byte in plain[:600].encode())
    answers = [house.ask(plain), house.post({"filepaths": ["a.png", plain]})]
    if len(plain) <= 600:
        answers.append(house.send("GET", f"/person_count?filepath={everything}"))
    for answer in answers:
        assert (answer.status, answer.body) == (404, NOT_THERE)
        assert set(answer.headers) == set(house.ask("none.png").headers)
    explained = house.ask(plain, path="/persons").json
    assert explained["files"] == [{"filepath": plain, "status": "unknown"}]


@pytest.mark.parametrize(
    "encoded",
    [
        "a.png%00",
        "%00",
        "..%00/secret.png",
        "a.png%00.jpg",
        "%2fetc%2fpasswd%00.png",
        "a%0d%0aSet-Cookie:x.png",
        "%c0%ae%c0%ae/secret.png",
        "%e0%80%ae./secret.png",
        "%ff",
        "%ed%a0%80",
        "x" * 4097,
    ],
    ids=lambda text: text[:24],
)
def test_what_can_be_no_path_is_refused_alike_wherever_it_points(
    house: Service, encoded: str
) -> None:
    here = house.send("GET", f"/person_count?filepath={encoded}")
    outside = house.send("GET", f"/person_count?filepath=%2Fetc%2F{encoded}")
    assert (here.status, here.json["cord"]) == (400, 400)
    assert here.body == outside.body
    assert b"Set-Cookie" not in here.body


def test_the_address_itself_is_no_way_to_files(house: Service) -> None:
    for target in (
        "/../../etc/passwd",
        "/person_count/../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%2f..%2fetc/passwd",
        f"{quote(str(house.settings.inbox))}/a.png",
        "//evil.example/person_count?filepath=a.png",
    ):
        answer = house.send("GET", target)
        assert (answer.status, answer.json["cord"]) == (404, 404)
    proxied = b"GET https://evil.example/person_count?filepath=a.png HTTP/1.1\r\n"
    for host, status in (b"x", b"404"), (b"evil.example", b"400"):
        lines = b"Host: %s\r\nConnection: close\r\n\r\n" % host
        assert house.exchange(proxied + lines).startswith(b"HTTP/1.1 " + status)


def test_missing_and_forbidden_take_the_same_time(house: Service) -> None:
    """The same class of time: none is opened, read or waited for."""
    names = ["none.png", "/etc/passwd", "/nowhere", "way out/secret.png", ".hidden/secret.png"]
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(15):
        for name in names:
            started = time.perf_counter()
            house.ask(name)
            times[name].append(time.perf_counter() - started)
    typical = [statistics.median(found) for found in times.values()]
    assert max(typical) < 5 * min(typical)


def test_nothing_outside_was_opened_or_queued(house: Service) -> None:
    house.ask(*[spell(house, name) for name in NAMES], path="/persons")
    with house.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT path FROM files").scalars().all()
    inside = tuple(os.path.join(root, "") for root in house.settings.all_roots)
    assert rows
    assert all(row.startswith(inside) and "/." not in row for row in rows)


# --- requests that lie about where they end ------------------------------------------------------

POST = b"POST /person_count HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BODY = b'{"filepaths": ["none.png"]}'
NEXT = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

LIES = {
    "both lengths": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both, the other way": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 27\r\nContent-Length: 0\r\n\r\n" + BODY,
    "two lengths in one": POST + b"Content-Length: 27, 0\r\n\r\n" + BODY,
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
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x80\x2e\x01\x00\x02",
        random.Random(5).randbytes(4096),
    ],
    ids=["long record", "short record", "zeros", "plain HTTP", "SSL 2", "noise"],
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


def test_a_key_file_below_a_root_is_still_no_answer(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    """Even an operator who puts the data folder into the drop folder gives no key away."""
    service = make_service(inbox=tmp_path, data=tmp_path / "data")
    answer = service.ask("data/tls.key")
    assert answer.status == 422
    assert b"PRIVATE" not in answer.body
