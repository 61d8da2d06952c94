"""The API contract: bad requests, other methods, too much, unreadable files, and the 503."""

import json
import os
from collections.abc import Callable
from email.message import Message
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from tests.service.running import NOT_THERE, Service, refusal
from tests.waiting import wait_until

MIB = 1 << 20


# --- 400 -----------------------------------------------------------------------------------------


BAD_QUERIES = [
    ("", "filepath"),
    ("threshold=0.2", "filepath"),
    ("filepath=", "filepath"),
    ("filepath", "filepath"),
    ("filepath=a.png&filepath=", "filepath"),
    ("filepath=a.png&threshold=", "threshold"),
    ("filepath=a.png&threshold", "threshold"),
    ("filepath=a.png&threshold=abc", "threshold"),
    ("filepath=a.png&threshold=0,2", "threshold"),
    ("filepath=a.png&threshold=0x1", "threshold"),
    ("filepath=a.png&threshold=1_0", "threshold"),
    ("filepath=a.png&threshold=%20", "threshold"),
    ("filepath=a.png&threshold=0.2%20", "threshold"),
    ("filepath=a.png&threshold=+0.2", "threshold"),
    ("filepath=a.png&threshold=0.2%00", "threshold"),
    ("filepath=a.png&threshold=%D9%A2", "threshold"),
    ("filepath=a.png&threshold=NaN", "threshold"),
    ("filepath=a.png&threshold=-nan", "threshold"),
    ("filepath=a.png&threshold=inf", "threshold"),
    ("filepath=a.png&threshold=Infinity", "threshold"),
    ("filepath=a.png&threshold=-Infinity", "threshold"),
    ("filepath=a.png&threshold=1e999", "threshold"),
    ("filepath=a.png&threshold=-0.1", "threshold"),
    ("filepath=a.png&threshold=%ff", "threshold"),
    ("filepath=a.png&threshold=0.2&threshold=0.2", "threshold"),
    ("filepath=a.png&threshold=0.2&threshold=", "threshold"),
    ("filepath=%ff", "filepath"),
    ("filepath=a.png&filepath=%C3%28", "filepath"),
    ("filepath=%ED%A0%80", "filepath"),
    ("filepath=a.png%00", "filepath"),
    ("filepath=a%0D%0Ab.png", "filepath"),
    ("filepath=a%7F.png", "filepath"),
    ("filepath=" + "a" * 4097, "filepath"),
    ("filepath=" + "%E5%BC%A0" * 1366, "filepath"),
    ("filepath=a.png&filepaths=b.png", "filepaths"),
    ("filepath=a.png&Threshold=0.2", "Threshold"),
    ("filepath=a.png&=x", "parameter"),
    ("filepath=a.png&%ff=x", "parameter"),
    ("filepath=a.png&faces=some", "faces"),
    ("filepath=a.png&linkage=", "linkage"),
]


@pytest.mark.parametrize(("query", "named"), BAD_QUERIES, ids=lambda text: text[:40])
def test_a_bad_request_is_told_what_is_wrong(library: Service, query: str, named: str) -> None:
    for path in ("/person_count", "/persons"):
        assert named in refusal(library.send("GET", f"{path}?{query}"), 400)


def test_a_bad_request_is_400_even_when_its_files_are_missing(library: Service) -> None:
    assert library.ask("nobody.png", threshold="x").status == 400


def test_a_name_of_the_greatest_length_is_only_missing(library: Service) -> None:
    assert library.ask("a" * 4096).body == NOT_THERE


query_parts = st.tuples(
    st.one_of(st.sampled_from([b"filepath", b"threshold", b"faces"]), st.binary(max_size=6)),
    st.one_of(st.sampled_from([b"a.png", b"0.2", b"", b"\xff"]), st.binary(max_size=20)),
)


@given(st.lists(query_parts, max_size=5))
@effort(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_query_gets_an_answer_of_the_promised_shape(
    library: Service, parts: list[tuple[bytes, bytes]]
) -> None:
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parts)
    answer = library.send("GET", f"/person_count?{query}")
    if answer.status == 200:
        assert list(answer.json) == ["errcode", "filepaths", "threshold", "person_num"]
    else:
        assert answer.status in {400, 404}
        refusal(answer, answer.status)


# --- other refusals ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/person_count", "GET, HEAD, POST"),
        ("/persons", "GET, HEAD, POST"),
        ("/healthz", "GET, HEAD"),
    ],
)
def test_other_methods_are_refused_with_those_allowed(
    library: Service, method: str, path: str, allowed: str
) -> None:
    answer = library.send(method, f"{path}?filepath=a.png")
    assert "method" in refusal(answer, 405)
    assert answer.headers["Allow"] == allowed


def test_an_invented_method_is_refused_in_the_same_shape(library: Service) -> None:
    answer = library.send("BREW", "/person_count?filepath=a.png")
    assert "method" in refusal(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD, POST"


def test_posting_to_an_address_that_only_answers_get_is_refused(library: Service) -> None:
    assert library.post({}, path="/status").headers["Allow"] == "GET, HEAD"


def test_head_gets_a_head_and_leaves_the_connection_usable(library: Service) -> None:
    connection = library.connect()
    try:
        connection.request("HEAD", "/person_count?filepath=a.png")
        head = connection.getresponse()
        assert (head.status, head.read()) == (200, b"")
        connection.request("GET", "/person_count?filepath=a.png")
        answer = connection.getresponse()
        assert json.loads(answer.read())["person_num"] == 1
        assert varying(head.headers) == varying(answer.headers)
    finally:
        connection.close()


def varying(headers: Message) -> dict[str, str]:
    """The headers, without those that differ between any two answers."""
    return {name: headers[name] for name in headers if name not in {"Date", "X-Request-Id"}}


@pytest.mark.parametrize(
    "path",
    [
        "/person_count",
        "/person_count?filepath=none.png",
        "/person_count?filepath=broken.jpg",
        "/persons?filepath=a.png",
        "/healthz",
        "/openapi.json",
        "/docs",
        "/",
        "/assets/main.js",
        "/assets/none.js",
        "/files",
        "/faces/999.jpg",
        "/nothing",
    ],
)
def test_head_answers_like_get_without_a_body(library: Service, path: str) -> None:
    head, answer = library.send("HEAD", path), library.send("GET", path)
    assert (head.status, head.body) == (answer.status, b"")
    assert varying(head.headers) == varying(answer.headers)


def test_head_is_refused_where_get_is(library: Service) -> None:
    head = library.send("HEAD", "/files/retry")
    assert (head.status, head.headers["Allow"]) == (405, "POST")
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert library.send("HEAD", "/person_count?filepath=a.png", headers=foreign).status == 400


def test_too_many_files_are_refused(make_service: Callable[..., Service]) -> None:
    service = make_service(max_request_files=3)
    service.drop("a.png", 1)
    assert service.ask(*["a.png"] * 3).status == 200
    for answer in (service.ask(*["a.png"] * 4), service.post({"filepaths": ["a.png"] * 4})):
        sentence = refusal(answer, 413)
        assert "4" in sentence
        assert "3" in sentence


def test_far_too_many_files_are_refused_in_the_same_shape(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(max_request_files=3)
    answer = service.ask(*["a.png"] * 1000)
    assert "1000 files" in refusal(answer, 413)


def test_too_many_faces_are_refused(make_service: Callable[..., Service]) -> None:
    service = make_service(max_request_faces=3)
    service.drop("three.png", 1, 2, 3)
    service.drop("four.png", 4)
    assert service.ask("three.png").json["person_num"] == 3
    assert "4 faces" in refusal(service.ask("three.png", "four.png"), 413)
    assert "4 faces" in refusal(service.ask("three.png", "four.png", path="/persons"), 413)


@pytest.mark.usefixtures("brief_linger")
def test_a_body_that_is_too_large_is_refused_in_the_same_shape(service: Service) -> None:
    head = (
        "POST /person_count HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {100 * MIB}\r\nConnection: close\r\n\r\n"
    )
    answer = service.exchange(head.encode())
    top, _, body = answer.partition(b"\r\n\r\n")
    assert top.startswith(b"HTTP/1.1 413 ")
    assert json.loads(body)["cord"] == 413


def test_an_unreadable_file_is_named(library: Service) -> None:
    sentence = refusal(library.ask("a.png", "broken.jpg"), 422)
    assert "broken.jpg" in sentence
    assert "it is a text" in sentence


def test_an_unreadable_file_in_chinese_is_named(service: Service) -> None:
    (service.settings.inbox / "照片.jpg").write_bytes(b"nothing")
    assert "照片.jpg" in refusal(service.ask("照片.jpg"), 422)


@pytest.mark.parametrize("kind", ["fifo", "socket-like device"])
def test_what_is_no_regular_file_is_named_at_once(service: Service, kind: str) -> None:
    path = service.settings.inbox / "x.png"
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    assert "x.png" in refusal(service.ask("x.png"), 422)


def test_files_still_being_indexed_are_counted_and_a_time_to_return_is_given(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(wait_seconds=0.3)
    service.drop("done.png", 1)
    wait_until(lambda: service.ask("done.png").status == 200, "the first file is indexed")
    service.worker.hold()
    service.drop("x.png", 2)
    service.drop("y.png", 3)
    answer = service.ask("done.png", "x.png", "y.png", "x.png")
    assert "2 of 3 files" in refusal(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0
    service.worker.let_go()
    wait_until(lambda: service.ask("x.png", "y.png").status == 200, "the held files are indexed")


def test_no_wait_at_all_still_answers_what_is_known(make_service: Callable[..., Service]) -> None:
    service = make_service(wait_seconds=0)
    service.drop("a.png", 1)
    wait_until(lambda: service.ask("a.png").status == 200, "the file is indexed")
    service.worker.hold()
    service.drop("b.png", 1)
    assert "1 of 1 files" in refusal(service.ask("b.png"), 503)
