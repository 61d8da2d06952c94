"""Uploads over real sockets: whole or not at all, never over another file, from nowhere else."""

import errno
import http.client
import os
import resource
import ssl
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import pytest

from index.errors import RequestError
from index.tokens import Scope, add_token
from service import admission, inbox, uploads
from service.inbox import MAX_NAME_BYTES, Upload, check_name, sweep
from tests.fakes import picture
from tests.service.running import Answer, Service, read_to_end, running_service
from tests.waiting import wait_until

MIB = 1 << 20


def png(*people: int, seed: int = 0) -> bytes:
    made = BytesIO()
    picture(*people, seed=seed).save(made, "PNG")
    return made.getvalue()


def put(
    service: Service, name: str, data: bytes, kind: str = "image/png", **headers: str
) -> Answer:
    given = {"Content-Type": kind} | {key.replace("_", "-"): headers[key] for key in headers}
    return service.send("PUT", f"/files/{quote(name, safe='')}", data, given)


def everything_in(service: Service) -> dict[str, bytes]:
    """All files in the drop folder, hidden ones too."""
    folder = service.settings.inbox
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def is_at_rest(service: Service) -> bool:
    """No upload is under way, and none has left anything."""
    names = os.listdir(service.settings.inbox)
    return service.desk.in_hand == 0 and not any(name.startswith(".") for name in names)


def raw(service: Service, data: bytes) -> Answer:
    """The answer to bytes as they are; hangs up after it."""
    with service.open_socket() as bare:
        bare.sendall(data)
        found = http.client.HTTPResponse(bare)
        found.begin()
        return Answer(found.status, found.headers, found.read())


def expect_rest(service: Service) -> None:
    wait_until(lambda: is_at_rest(service), "uploads have ended and left nothing")


def test_a_photo_that_is_sent_can_be_asked_about(service: Service) -> None:
    data = png(1, 2)
    for target in ("/files/a.png", "/person_count/files/b.png"):
        answer = service.send("PUT", target, data, {"Content-Type": "image/png"})
        assert (answer.status, answer.json) == (201, {"filepath": target.rpartition("/")[2]})
    assert service.ask("a.png", "b.png").json["person_num"] == 2
    found = os.stat(service.settings.inbox / "a.png")
    assert (stat.S_IMODE(found.st_mode), found.st_nlink) == (0o600, 1)
    assert everything_in(service) == {"a.png": data, "b.png": data}
    assert service.send("GET", "/files").json["files"][0]["filepath"] == "b.png"


def test_a_name_that_is_taken_is_never_overwritten(service: Service) -> None:
    first, second, third = (bytes([number]) * 1000 for number in (1, 2, 3))  # of the same size
    sent = [("a.png", first), ("a.png", second), ("a.png", third), ("a.png", second)]
    answers = [put(service, name, data) for name, data in sent]
    assert [(answer.status, answer.json["filepath"]) for answer in answers] == [
        (201, "a.png"),
        (201, "a (2).png"),
        (201, "a (3).png"),
        (200, "a (2).png"),
    ]
    assert everything_in(service) == {"a.png": first, "a (2).png": second, "a (3).png": third}
    expect_rest(service)


@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "dangling"])
def test_nothing_that_has_the_name_is_touched_or_followed(
    service: Service, tmp_path: Path, kind: str
) -> None:
    place, outside = service.settings.inbox / "a.png", tmp_path / "outside.png"
    data = png(1)
    outside.write_bytes(data)
    if kind == "folder":
        place.mkdir()
    elif kind == "link":
        place.symlink_to(outside)
    elif kind == "dangling":
        place.symlink_to(tmp_path / "nothing.png")
    else:
        os.mkfifo(place)
    before = os.lstat(place)
    answer = put(service, "a.png", data)
    assert (answer.status, answer.json["filepath"]) == (201, "a (2).png")
    assert os.lstat(place).st_ino == before.st_ino
    assert outside.read_bytes() == data
    assert not (tmp_path / "nothing.png").exists()


def test_callers_at_the_same_moment_all_get_names_of_their_own(service: Service) -> None:
    photos = [png(1, seed=seed) for seed in range(4)]
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda data=data: answers.append(put(service, "x.png", data)))
        for data in photos
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers} == {201}
    names = {answer.json["filepath"] for answer in answers}
    assert names == {"x.png", "x (2).png", "x (3).png", "x (4).png"}
    assert sorted(everything_in(service).values()) == sorted(photos)


GOOD_NAMES = {
    "合影 一.png": "合影 一.png",
    "Jose\u0301.JPG": "Jos\u00e9.JPG",  # decomposed
    "a+b = c & d?.webp": "a+b = c & d?.webp",
    "100%.bmp": "100%.bmp",
    "a..odd.png": "a..odd.png",
    "👨\u200d👩\u200d👧.jpeg": "👨\u200d👩\u200d👧.jpeg",
    "é" * ((MAX_NAME_BYTES - 4) // 2) + ".png": "é" * ((MAX_NAME_BYTES - 4) // 2) + ".png",
}


@pytest.mark.parametrize("name", GOOD_NAMES, ids=range(len(GOOD_NAMES)))
def test_a_name_is_kept_as_it_is_but_composed(service: Service, name: str) -> None:
    answer = put(service, name, png(1))
    assert (answer.status, answer.json) == (201, {"filepath": GOOD_NAMES[name]})
    assert set(everything_in(service)) == {GOOD_NAMES[name]}
    assert service.ask(answer.json["filepath"]).json["person_num"] == 1


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service to which a module's tests send what it refuses."""
    with running_service(tmp_path_factory.mktemp("shared")) as service:
        yield service


def everything_below(folder: Path, data: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if data not in path.parents}


BAD_NAMES = [
    "%2e%2e%2fx.png",
    "..%2Fx.png",
    "..%2f..%2f..%2ftmp%2fx.png",
    "%2Fetc%2Fx.png",
    "%2ftmp%2fx.png",
    "..%5Cx.png",
    "C:%5Cx.png",
    "a%2Fb.png",
    "%252e%252e%252fx.png%2f",
    "%2e%2e",
    "%2e",
    "..",
    ".png",
    ".hidden.png",
    "x.png%00.jpg",
    "x%00.png",
    "x%0A.png",
    "x%0d%0aSet-Cookie:a.png",
    "x%7f.png",
    "x%C2%85.png",
    "x%E2%80%AEgpj.png",
    "x%E2%80%A8.png",
    "%20x.png",
    "x.png%20",
    "x.png.part",
    "x.png.tmp",
    "x.png~",
    "x",
    "x.txt",
    "x.heic",
    "x.svg",
    "x.html",
    "CON.png",
    "nul.tar.png",
    "com1.jpg",
    "retry",
    "%ff.png",
    "%c0%ae%c0%ae%c0%afx.png",
    "%ed%a0%80.png",
    "a" * MAX_NAME_BYTES + ".png",
    "a" * 5000 + ".png",
    "x.png?overwrite=1",
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=range(len(BAD_NAMES)))
def test_no_other_name_gets_anything_written_anywhere(
    shared: Service, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    top = tmp_path_factory.getbasetemp()
    before = everything_below(top, shared.settings.data)
    data = png(1)
    head = f"PUT /files/{name} HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
    head += f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    answer = raw(shared, head.encode() + data)
    assert answer.status in (400, 405)
    assert set(answer.json) == {"cord", "error"}
    assert everything_below(top, shared.settings.data) == before


@pytest.mark.parametrize("name", ["x.PNG.tmp", "x.png.part", "x.png.crdownload", "x.png~"])
def test_a_name_that_the_watcher_leaves_alone_is_refused_as_such(name: str) -> None:
    with pytest.raises(RequestError, match="the watcher leaves names alone that end in"):
        check_name(name)


@pytest.mark.parametrize(
    "target",
    ["/files/../x.png", "/files/a/b.png", "/files//x.png", "/../x.png", "/files/%2e%2e/x.png"],
)
def test_no_deeper_address_takes_a_file(shared: Service, target: str) -> None:
    head = f"PUT {target} HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
    answer = raw(shared, (head + "Content-Length: 3\r\n\r\nabc").encode())
    assert answer.status in (404, 405)
    assert everything_in(shared) == {}


# --- who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "https://127.0.0.1"},  # another port is another origin
        {"Origin": "https://127.0.0.1:PORT.evil.example"},
        {"Origin": "https://evil.example, https://127.0.0.1:PORT"},
        {"Origin": "https://127.0.0.1:PORT@evil.example"},
        {"Origin": "file://127.0.0.1:PORT"},
        {"Origin": "https://127.0.0.1:PORT", "Sec_Fetch_Site": "cross-site"},
    ],
)
def test_pages_of_other_sites_change_nothing(shared: Service, headers: dict[str, str]) -> None:
    port = str(shared.thread.port)
    given = {name: value.replace("PORT", port) for name, value in headers.items()}
    answer = put(shared, "a.png", png(1), **given)
    assert (answer.status, set(answer.json)) == (403, {"cord", "error"})
    assert everything_in(shared) == {}
    plain = {key.replace("_", "-"): given[key] for key in given}
    plain["Content-Type"] = "application/json"
    assert shared.send("POST", "/files/retry", b'{"failed": true}', plain).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec_Fetch_Site": "same-origin", "Origin": "https://127.0.0.1:PORT"},
        {"Sec_Fetch_Site": "none"},
    ],
)
def test_its_own_page_and_programs_may(service: Service, headers: dict[str, str]) -> None:
    port = str(service.thread.port)
    given = {name: value.replace("PORT", port) for name, value in headers.items()}
    answer = put(service, "a.png", png(1), **given)
    assert answer.status == 201
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_no_preflight_is_ever_confirmed(service: Service) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PUT"}
    for target in ("/files/a.png", "/files/retry", "/files", "/faces/1.jpg", "/"):
        answer = service.send("OPTIONS", target, headers=asked)
        assert answer.status == 405
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_only_an_admin_token_uploads_and_nobody_elses_body_is_read(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    reader = add_token(tokens, "reader", Scope.READ)
    admin = add_token(tokens, "admin", Scope.ADMIN)
    service = make_service(tokens=tokens)
    for given in ({}, {"Authorization": f"Bearer {reader}"}, {"Authorization": f"Bearer {admin}x"}):
        head = "PUT /files/a.png HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in given.items())
        # not a byte of the body is sent, and the answer comes all the same
        assert raw(service, (head + f"Content-Length: {5 * MIB}\r\n\r\n").encode()).status == 401
        posted = {**given, "Content-Type": "application/json"}
        assert service.send("POST", "/files/retry", b'{"failed": true}', posted).status == 401
    assert everything_in(service) == {}
    right = {"Authorization": f"Bearer {admin}"}
    assert put(service, "a.png", png(1), **right).status == 201
    posted = {**right, "Content-Type": "application/json"}
    assert service.send("POST", "/files/retry", b'{"failed": true}', posted).status == 200


def test_a_request_for_another_host_uploads_nothing(service: Service) -> None:
    answer = put(service, "a.png", png(1), Host="evil.example")
    assert answer.status == 400
    assert everything_in(service) == {}


# --- what may come --------------------------------------------------------------------------------


def refused(service: Service, head: str, body: bytes = b"") -> int:
    """The status of an upload whose head is written by hand; the file is called a.png."""
    head = f"PUT /files/a.png HTTP/1.1\r\nHost: x\r\n{head}\r\n"
    return raw(service, head.encode() + body).status


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
    assert refused(service, "Content-Length: 3\r\n") == 415
    for kind in ("text/html", "multipart/form-data", "application/x-www-form-urlencoded", "imag/e"):
        assert refused(service, f"Content-Type: {kind}\r\nContent-Length: 3\r\n") == 415
    assert everything_in(service) == {}
    assert put(service, "a.png", bytes(MIB)).status == 201


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
    assert service.desk.in_hand == 0


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


def test_a_stop_lets_no_half_file_behind(service: Service) -> None:
    bare = begin(service, "a.png", 4 * MIB, bytes(MIB))
    wait_until(lambda: len(os.listdir(service.settings.inbox)) == 1, "it has begun")
    service.thread.close()
    bare.close()
    assert everything_in(service) == {}


# --- disks ----------------------------------------------------------------------------------------


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """The kernel refuses to write more into a file, as it does when a disk or quota is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [3 * MIB, 4 * MIB - 1])
def test_a_disk_that_fills_up_is_said_and_leaves_nothing(service: Service, size: int) -> None:
    with files_no_larger_than(size):
        answer = put(service, "a.png", bytes(4 * MIB))
    assert (answer.status, answer.json["error"]) == (507, "the disk of the drop folder is full")
    expect_rest(service)
    assert everything_in(service) == {}
    assert put(service, "a.png", png(1)).status == 201


def test_room_is_left_for_others(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "SPARE_BYTES", 1 << 60)
    assert put(service, "a.png", bytes(3 * MIB)).status == 507
    assert everything_in(service) == {}


def test_a_missing_folder_is_said(service: Service) -> None:
    service.settings.inbox.rmdir()
    answer = put(service, "a.png", png(1))
    assert answer.status == 503
    assert "the drop folder takes no files" in answer.json["error"]
    assert not service.settings.inbox.exists()


UNWRITABLE = Path("/sys/kernel")  # nobody may make a file there, not even root


def test_a_folder_that_is_only_read_is_said_and_nobody_is_told_to_try_again(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(inbox=UNWRITABLE)
    answer = put(service, "a.png", png(1))
    assert (answer.status, answer.headers["Retry-After"]) == (503, None)
    assert "the drop folder cannot be written to by the service" in answer.json["error"]
    # for a while the next ones are refused by their heads: not a byte of a body is sent
    head = f"Content-Type: image/png\r\nContent-Length: {5 * MIB}\r\n"
    assert refused(service, head) == 503
    assert put(service, "notes.txt", png(1)).status == 400


def test_a_folder_that_may_be_written_again_is_noticed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object, **__: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(admission, "CLOSED_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(uploads, "Upload", read_only)
        assert put(service, "a.png", png(1)).status == 503
    assert put(service, "a.png", png(1)).status == 201


@pytest.mark.parametrize(
    ("number", "status", "seconds"),
    [
        (errno.EROFS, 503, None),
        (errno.EACCES, 503, None),
        (errno.EPERM, 503, None),
        (errno.EOPNOTSUPP, 503, None),
        (errno.EIO, 503, 60),
        (errno.ESTALE, 503, 60),
        (errno.ENOENT, 503, 60),
        (errno.ENOSPC, 507, None),
        (errno.ENAMETOOLONG, 400, None),
    ],
)
def test_only_what_may_pass_says_when_to_try_again(
    number: int, status: int, seconds: int | None
) -> None:
    refusal = inbox.refusal_of(OSError(number, os.strerror(number)))
    assert (refusal.status, refusal.retry_after_seconds) == (status, seconds)


def test_what_a_killed_service_left_is_swept_but_not_what_is_being_written(tmp_path: Path) -> None:
    left = tmp_path / ".upload-0011223344556677.part"
    left.write_bytes(b"half")
    (tmp_path / ".upload-link.part").symlink_to("photo.png")
    for name in ("photo.png", ".uploads", "upload-1.part"):
        (tmp_path / name).write_bytes(b"somebody's")
    upload = Upload(str(tmp_path), 4)
    assert sweep(str(tmp_path)) == 1
    assert not left.exists()
    upload.write(b"kept")
    assert upload.keep("new.png") == ("new.png", True)
    upload.abandon()
    upload.abandon()
    assert (tmp_path / "new.png").read_bytes() == b"kept"
    assert sweep(str(tmp_path / "nowhere")) == 0


def test_there_is_an_end_to_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MAX_SAME_NAMES", 3)
    for number in range(4):
        upload = Upload(str(tmp_path), 1)
        upload.write(str(number).encode())
        if number < 3:
            assert upload.keep("a.png")[1]
        else:
            with pytest.raises(RequestError, match="called so already"):
                upload.keep("a.png")
        upload.abandon()
    assert sorted(os.listdir(tmp_path)) == ["a (2).png", "a (3).png", "a.png"]


def test_names_with_numbers_still_fit(tmp_path: Path) -> None:
    longest = check_name("a" * (MAX_NAME_BYTES - 4) + ".png")
    assert len(inbox._numbered(longest)[-1].encode()) <= 255
    (tmp_path / inbox._numbered(longest)[-1]).touch()
