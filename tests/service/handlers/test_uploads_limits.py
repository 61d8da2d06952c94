"""Uploads that are too large, too slow, too many or cut off leave nothing."""

import os
import ssl
from collections.abc import Callable

import pytest

from service.edge import server
from service.handlers import uploads
from service.uploading import admission
from tests.service.running import Service, read_to_end
from tests.service.uploading import MIB, everything_in, expect_rest, png, put, raw, refused
from tests.waiting import wait_until


@pytest.mark.usefixtures("brief_linger")
def test_heads_that_promise_nothing_good_are_refused_before_the_body(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(max_file_mib=1)
    image = "Content-Type: image/png\r\n"
    assert refused(service, f"{image}Content-Length: {MIB + 1}\r\n") == 413
    assert refused(service, f"{image}Content-Length: {'9' * 19}\r\n") == 413
    assert refused(service, f"{image}Content-Length: {'9' * 400}\r\n") == 400
    assert refused(service, f"{image}Content-Length: 0\r\n") == 400
    assert refused(service, f"{image}Content-Length: -1\r\n") == 400
    assert refused(service, f"{image}Content-Length: 1e3\r\n") == 400
    assert refused(service, image) == 411
    assert (
        refused(service, f"{image}Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n") == 411
    )
    both = "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"
    assert refused(service, image + both, b"3\r\nabc\r\n0\r\n\r\n") in (400, 411)
    for kind in ("text/html", "multipart/form-data; boundary=x", "text/plain", "imag/e"):
        assert refused(service, f"Content-Type: {kind}\r\nContent-Length: 3\r\n") == 415
    assert everything_in(service) == {}
    assert put(service, "a.png", bytes(MIB)).status == 201


@pytest.mark.usefixtures("brief_linger")
def test_zeros_before_a_length_let_nothing_larger_in(make_service: Callable[..., Service]) -> None:
    service = make_service(max_file_mib=1)
    image = "Content-Type: image/png\r\nConnection: close\r\n"
    for number in (3 * MIB, 10**30):
        for zeros in (15, 18, 400):  # of the first 20 digits some are not zero, or none
            length = f"{image}Content-Length: {'0' * zeros}{number}\r\n"
            assert refused(service, length, b"abc") == 400
    assert refused(service, f"{image}Content-Length: {'0' * 10}{2 * MIB}\r\n") == 413
    assert everything_in(service) == {}
    assert refused(service, f"{image}Content-Length: {'0' * 18}3\r\n", b"abc") == 201


def test_files_larger_than_any_question_arrive_whole(service: Service) -> None:
    data = os.urandom(20 * MIB)
    assert put(service, "a.png", data).status == 201
    assert everything_in(service) == {"a.png": data}


def test_questions_are_still_limited(service: Service) -> None:
    for target in ("/person_count", "/files/retry", "/files/a.png"):
        head = f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {9 * MIB}\r\n\r\n"
        assert raw(service, head.encode()).status == 413


def begin(service: Service, name: str, length: int, body: bytes) -> ssl.SSLSocket:
    """An upload of which only *body* is sent."""
    bare = service.open_socket()
    head = f"PUT /files/{name} HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
    bare.sendall((head + f"Content-Length: {length}\r\n\r\n").encode() + body)
    assert isinstance(bare, ssl.SSLSocket)
    return bare


def test_an_upload_that_is_cut_off_leaves_nothing(service: Service) -> None:
    for sent in (0, 1000, 3 * MIB):
        bare = begin(service, "a.png", 4 * MIB, bytes(sent))
        wait_until(lambda: len(os.listdir(service.settings.inbox)) == 1, "it has begun")
        bare.close()
        expect_rest(service)
    assert everything_in(service) == {}
    assert service.answerer.in_hand == 0
    wait_until(lambda: service.thread.handlers_at_work() == 0, "no handler waits for the rest")


def test_a_caller_who_dawdles_is_cut_off(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "FIRST_SECONDS", 0.5)
    with begin(service, "a.png", 1000, b"slow") as bare:
        assert read_to_end(bare) == b""
    expect_rest(service)
    assert everything_in(service) == {}


def test_only_so_many_come_at_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MAX_UPLOADS", 2)
    begun = [begin(service, f"{n}.png", 1000, b"x") for n in range(2)]
    wait_until(lambda: len(os.listdir(service.settings.inbox)) == 2, "both have begun")
    answer = put(service, "c.png", png(1))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    begun.pop().close()
    wait_until(lambda: len(os.listdir(service.settings.inbox)) == 1, "one has ended")
    assert put(service, "c.png", png(1)).status == 201
    begun[0].sendall(bytes(999))
    assert begun[0].recv(1000).startswith(b"HTTP/1.1 201")
    begun[0].close()
    expect_rest(service)


def test_the_next_request_on_the_connection_is_served(service: Service) -> None:
    connection = service.connect()
    for number in range(3):
        headers = {"Content-Type": "image/png"}
        connection.request("PUT", f"/files/{number}.png", png(1, seed=number), headers)
        found = connection.getresponse()
        assert (found.status, found.read()) == (201, f'{{"filepath": "{number}.png"}}'.encode())
    connection.close()


def test_a_stop_lets_no_half_file_behind(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STOP_SECONDS", 0.3)
    bare = begin(service, "a.png", 4 * MIB, bytes(MIB))
    wait_until(lambda: len(os.listdir(service.settings.inbox)) == 1, "it has begun")
    service.thread.close()
    bare.close()
    assert everything_in(service) == {}
