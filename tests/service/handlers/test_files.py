"""The list of files, and reading failed ones again, over HTTP."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from index.database.queries import browse
from ingest.watching.scan import Scanner
from tests.ingest.samples import jpeg
from tests.service.running import Answer, Service
from tests.waiting import wait_until

JSON = {"Content-Type": "application/json"}


def listed(service: Service, query: str = "") -> list[str]:
    answer = service.send("GET", f"/files{query}")
    assert answer.status == 200, answer.body
    return [file["filepath"] for file in answer.json["files"]]


def retry(service: Service, body: bytes) -> Answer:
    return service.send("POST", "/files/retry", body, JSON)


def test_the_newest_files_come_first_with_what_is_known_of_them(service: Service) -> None:
    assert service.send("GET", "/files").json == {"files": [], "next": None}
    service.drop("both.png", 1, 2)
    service.drop("deep/er/wall.png")
    (service.settings.inbox / "broken.jpg").write_text("text")
    for name in ("both.png", "deep/er/wall.png", "broken.jpg"):
        service.ask(name)
    answer = service.send("GET", "/person_count/files/")
    assert answer.json == {
        "files": [
            {
                "filepath": "broken.jpg",
                "state": "failed",
                "faces": None,
                "reason": "it is a text, not a photo",
            },
            {"filepath": "deep/er/wall.png", "state": "indexed", "faces": 0},
            {"filepath": "both.png", "state": "indexed", "faces": 2},
        ],
        "next": None,
    }


def test_a_photo_that_lacks_its_end_has_a_note_wherever_it_is_named(service: Service) -> None:
    (service.settings.inbox / "cut.jpg").write_bytes(jpeg()[:-100])
    (service.settings.inbox / "whole.jpg").write_bytes(jpeg())
    assert service.ask("cut.jpg", "whole.jpg").json["person_num"] == 0
    (whole, cut) = service.send("GET", "/files").json["files"]
    if cut["filepath"] != "cut.jpg":
        whole, cut = cut, whole
    assert "note" not in whole
    assert cut == {
        "filepath": "cut.jpg",
        "state": "indexed",
        "faces": 0,
        "note": "its end is missing; nearly all of the picture is there",
    }
    files = service.ask("cut.jpg", "whole.jpg", path="/persons").json["files"]
    assert files == [
        {"filepath": "cut.jpg", "status": "no_face", "note": cut["note"]},
        {"filepath": "whole.jpg", "status": "no_face"},
    ]


def test_every_listed_name_can_be_asked_about(library: Service) -> None:
    names = listed(library, "?state=indexed&limit=200")
    assert len(names) == 12
    assert library.ask(*names).json["person_num"] == 10
    assert listed(library, "?state=failed") == ["broken.jpg"]
    assert listed(library, "?state=pending") == []


def test_what_is_no_photo_is_listed_only_when_it_is_asked_for(service: Service) -> None:
    service.drop("a.png", 1)
    (service.settings.inbox / "a.mov").write_bytes(b"a film")
    for name in ("a.mov", "a.png"):
        service.ask(name)
    assert listed(service) == ["a.png"]
    assert listed(service, "?search=a.") == ["a.png"]
    assert service.send("GET", "/files?state=no_photo").json["files"] == [
        {
            "filepath": "a.mov",
            "state": "no_photo",
            "faces": None,
            "reason": "by its ending .mov it is a video, not a photo",
        }
    ]


def test_pages_follow_each_other_without_gap_or_repetition(library: Service) -> None:
    everything = listed(library, "?limit=200")
    found: list[str] = []
    query = "?limit=5"
    while query:
        document = library.send("GET", f"/files{query}").json
        assert len(document["files"]) <= 5
        found += [file["filepath"] for file in document["files"]]
        query = f"?limit=5&after={document['next']}" if document["next"] else ""
    assert found == everything
    assert len(set(found)) == 13


def test_a_file_that_arrives_between_two_pages_moves_nothing(service: Service) -> None:
    for number in range(4):
        service.ask(service.drop(f"{number}.png", number))
    first = service.send("GET", "/files?limit=2").json
    service.ask(service.drop("late.png", 9))
    second = service.send("GET", f"/files?limit=2&after={first['next']}").json
    names = [file["filepath"] for file in first["files"] + second["files"]]
    assert names == ["3.png", "2.png", "1.png", "0.png"]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("BOTH", ["both.png"]),
        ("%E5%BC%A0%E4%B8%89", ["张三/合影 一.png"]),
        ("%E5%90%88%E5%BD%B1", ["张三/合影 一.png"]),
        ("JOS%C3%89", ["Jos\u00e9.png"]),
        ("jose%CC%81", ["Jos\u00e9.png"]),
        ("%2Bone%20=", ["one+one = two.png"]),
        ("folder/", ["folder/c.png"]),
        ("%25", []),
        ("_", []),
        ("*", []),
        ("?", []),
        ("[a-z]", []),
        ("inbox", []),  # the drop folder's own place is nobody's business
        ("'%22;--", []),
        ("%5C", []),
    ],
)
def test_a_part_of_a_name_finds_it_in_any_case(
    library: Service, search: str, expected: list[str]
) -> None:
    assert listed(library, f"?search={search}") == expected


def test_signs_of_patterns_mean_themselves(service: Service) -> None:
    names = [
        "100%.png",
        "a_b.png",
        "a*b.png",
        "what?.png",
        "[x].png",
        "a]b^c-d.png",
        "back\\slash.png",
    ]
    service.ask(*[service.drop(name, number) for number, name in enumerate(names)])
    service.ask(service.drop("box.png", 9))
    for search, name in zip(["0%", "_", "*", "?", "[X", "]B^C-", "\\S"], names, strict=True):
        found = service.ask(path="/files", search=search).json["files"]
        assert [file["filepath"] for file in found] == [name], search


def test_names_that_a_mac_stored_are_found(service: Service) -> None:
    name = service.drop("Jose\u0301 Müller.png", 1)
    service.ask(name)
    for search in ("josé", "JOS\u00c9", "e\u0301"):
        found = service.ask(path="/files", search=search).json["files"]
        assert [file["filepath"] for file in found] == [name]


def test_other_roots_are_listed_by_their_whole_path(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    service = make_service(roots=(other,))
    service.drop("a.png", 1)
    (other / "b.png").write_bytes((service.settings.inbox / "a.png").read_bytes())
    service.ask("a.png", str(other / "b.png"))
    assert listed(service) == [str(other / "b.png"), "a.png"]
    assert listed(service, "?search=OTHER") == [str(other / "b.png")]
    assert service.ask(*listed(service)).json["person_num"] == 1


def test_what_lies_below_no_root_any_more_is_not_listed(service: Service) -> None:
    service.ask(service.drop("a.png", 1))
    moved = str(service.settings.inbox) + "-elsewhere"
    with service.database.read() as connection:
        assert browse.list_files(connection, browse.Filter((moved,)), 10) == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=",
        "limit=1.5",
        "limit=1&limit=2",
        "limit=%D9%A3",
        "after=0",
        "after=x",
        "after=" + "9" * 19,
        "after=1%20OR%201",
        "state=INDEXED",
        "state=",
        "state=gone",
        "search=" + "a" * 201,
        "search=%ff",
        "search=%00",
        "search=a&search=b",
        "order=name",
        "filepath=a.png",
    ],
)
def test_what_is_no_question_about_the_list_is_refused(library: Service, query: str) -> None:
    answer = library.send("GET", f"/files?{query}")
    assert (answer.status, set(answer.json)) == (400, {"cord", "error"})


# --- again ----------------------------------------------------------------------------------------


@pytest.fixture
def failed(service: Service) -> Service:
    """A service with two broken files, a link, and a good one."""
    inbox = service.settings.inbox
    (inbox / "broken.jpg").write_text("text")
    (inbox / "Jos\u00e9.jpg").write_text("more text")
    service.drop("good.png", 1)
    (inbox / "link.png").symlink_to("good.png")
    for name in ("broken.jpg", "Jos\u00e9.jpg", "link.png"):
        assert service.ask(name).status == 422
    service.ask("good.png")
    service.worker.hold()
    return service


def states(service: Service) -> dict[str, Any]:
    return {f["filepath"]: f["state"] for f in service.send("GET", "/files").json["files"]}


def test_all_failed_files_are_read_again(failed: Service) -> None:
    answer = retry(failed, b'{"failed": true}')
    assert (answer.status, answer.json) == (200, {"queued": 2})  # links are never read
    assert states(failed) == {
        "good.png": "indexed",
        "broken.jpg": "pending",
        "Jos\u00e9.jpg": "pending",
        "link.png": "failed",
    }
    failed.worker.let_go()
    wait_until(lambda: states(failed)["broken.jpg"] == "failed", "it has been read again")


def test_named_failed_files_are_read_again_and_others_left_alone(failed: Service) -> None:
    body = '{"filepaths": ["Jose\u0301.jpg", "good.png", "link.png", "none.jpg", "../x"]}'.encode()
    assert retry(failed, body).json == {"queued": 1}
    assert states(failed) == {
        "good.png": "indexed",
        "broken.jpg": "failed",
        "Jos\u00e9.jpg": "pending",
        "link.png": "failed",
    }
    assert retry(failed, body).json == {"queued": 0}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"failed": false}',
        b'{"failed": 1}',
        b'{"failed": true, "filepaths": ["a"]}',
        b'{"filepaths": []}',
        b'{"filepaths": "a"}',
        b'{"filepaths": [1]}',
        b'{"filepaths": [""]}',
        b'{"filepaths": ["a\\u0000b"]}',
        b'{"filepaths": ["\\ud800"]}',
        b'{"files": ["a"]}',
        b"[" * 10000,
    ],
)
def test_what_says_not_which_files_is_refused(library: Service, body: bytes) -> None:
    answer = retry(library, body)
    assert (answer.status, set(answer.json)) == (400, {"cord", "error"})


def test_forms_cannot_ask_for_it(library: Service) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        body, headers = b'{"failed": true}', {"Content-Type": kind}
        assert library.send("POST", "/files/retry", body, headers).status == 400
    assert library.send("GET", "/files/retry").status == 405
    assert library.send("POST", "/files/retry?failed=true", b"{}", JSON).status == 400


def test_too_many_names_are_too_many(make_service: Callable[..., Service]) -> None:
    service = make_service(max_request_files=2)
    assert retry(service, b'{"filepaths": ["a", "b"]}').status == 200
    assert retry(service, b'{"filepaths": ["a", "b", "c"]}').status == 413


def test_a_name_that_is_no_utf8_is_shown_with_its_reason(service: Service) -> None:
    path = os.fsencode(service.settings.inbox) + b"/caf\xe9.png"
    with open(path, "wb") as stream:
        stream.write(b"x")
    Scanner(service.database, service.settings.resolve_roots(), 0).scan()
    (file,) = service.send("GET", "/files").json["files"]
    assert file == {
        "filepath": "caf\\xe9.png",
        "state": "failed",
        "faces": None,
        "reason": "its name is not valid UTF-8; rename it, perhaps to café.png",
    }
    answer = service.ask("caf\\xe9.png")  # the name as it is listed
    assert (answer.status, answer.json["error"]) == (
        422,
        r"caf\xe9.png is no readable image: " + file["reason"],
    )
