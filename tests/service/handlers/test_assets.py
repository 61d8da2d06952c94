"""The page's files: what is sent, with which rights, and nothing else."""

import re

import pytest

from index.base.image_formats import ENDINGS, MEDIA_TYPES
from service.contract.openapi import OPERATIONS
from service.handlers.assets import FOLDER, KINDS, assets
from tests.service.running import Service

ACCEPT = ",".join((*MEDIA_TYPES, *ENDINGS)).encode()


def content_of(name: str) -> bytes:
    return (FOLDER / name).read_bytes().replace(b"{accept}", ACCEPT)


def test_the_page_is_served_to_anybody_with_nothing_allowed_but_itself(library: Service) -> None:
    answer = library.send("GET", "/")
    assert (answer.status, answer.body) == (200, content_of("index.html"))
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    policy = answer.headers["Content-Security-Policy"]
    for rule in (
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
    ):
        assert rule in policy.split("; ")
    assert "unsafe" not in policy
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_contracts_address_is_still_the_question(library: Service) -> None:
    answer = library.send("GET", "/person_count/")
    assert (answer.status, set(answer.json)) == (400, {"cord", "error"})


def test_every_file_of_the_folder_is_served_with_its_type(library: Service) -> None:
    assert set(assets()) == {path.name for path in FOLDER.iterdir() if path.is_file()}
    for name in assets():
        for prefix in ("/assets/", "/person_count/assets/"):
            answer = library.send("GET", prefix + name)
            assert (answer.status, answer.body) == (200, content_of(name))
            assert answer.headers["Content-Type"] == KINDS["." + name.rpartition(".")[2]]
    described = OPERATIONS["/assets/{name}"].kinds
    assert {kind.partition(";")[0] for kind in KINDS.values()} == set(described)


def test_a_browser_that_has_a_file_is_told_so(library: Service) -> None:
    etag = library.send("GET", "/").headers["Etag"]
    assert re.fullmatch('"[0-9a-f]{32}"', etag)
    again = library.send("GET", "/", headers={"If-None-Match": etag})
    assert (again.status, again.body) == (304, b"")
    other = library.send("GET", "/", headers={"If-None-Match": '"other"'})
    assert other.status == 200


@pytest.mark.parametrize(
    "name",
    [
        "none.js",
        "../assets.py",
        "..%2Fassets.py",
        "%2e%2e%2fassets.py",
        "%2Fetc%2Fpasswd",
        "..",
        "index.html%00.js",
        "INDEX.HTML",
        "%ff",
    ],
)
def test_no_other_file_is_reached(library: Service, name: str) -> None:
    answer = library.send("GET", f"/assets/{name}")
    assert answer.status in (400, 404)
    assert set(answer.json) == {"cord", "error"}


def test_the_page_can_only_be_read(library: Service) -> None:
    answer = library.send("POST", "/", b"x")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
