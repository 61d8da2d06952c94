"""Names and addresses that no upload may have, and callers who may not upload."""

from collections.abc import Callable
from pathlib import Path

import pytest

from index.base.errors import RequestError
from index.base.tokens import Scope, add_token
from service.uploading.drop_folder import MAX_NAME_BYTES, check_name
from tests.service.running import Service
from tests.service.uploading import MIB, everything_in, png, put, raw

OUTSIDE = [Path("/x.png"), Path("/etc/x.png"), Path("/tmp/x.png")]


def everything_in_reach(service: Service) -> set[Path]:
    """What lies below the service's folder except its data, beside it, and where names point."""
    folder, data = service.settings.inbox.parent, service.settings.data
    below = {path for path in folder.rglob("*") if data not in path.parents}
    return below | set(folder.parent.iterdir()) | {path for path in OUTSIDE if path.exists()}


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
    "x.jxl",
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
def test_no_other_name_gets_anything_written_anywhere(shared: Service, name: str) -> None:
    before = everything_in_reach(shared)
    data = png(1)
    head = f"PUT /files/{name} HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
    head += f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    answer = raw(shared, head.encode() + data)
    assert answer.status in (400, 405)
    assert set(answer.json) == {"cord", "error"}
    assert everything_in_reach(shared) == before


@pytest.mark.parametrize("name", ["x.PNG.tmp", "x.png.part", "x.png.crdownload", "x.png~"])
def test_names_of_unfinished_files_are_refused(name: str) -> None:
    with pytest.raises(RequestError, match="the name must end in one of"):
        check_name(name)


def test_names_that_the_setting_ignore_covers_are_refused(
    make_service: Callable[..., Service],
) -> None:
    """Nobody could ask about such a photo."""
    service = make_service(ignore=("private*", "/old.png"))
    for name in ("private.png", "old.png"):
        answer = put(service, name, png(1))
        assert answer.status == 400
        assert "setting ignore" in answer.json["error"]
    assert put(service, "new.png", png(1)).status == 201


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
