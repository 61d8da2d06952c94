"""The API contract: which names are found, and that what lies outside looks like nothing."""

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from index.base.paths import display
from ingest.watching.scan import Scanner
from tests.fakes import save_picture
from tests.service.running import NOT_THERE, Service, refusal

# --- names ---------------------------------------------------------------------------------------


def test_an_absolute_name_below_a_root_works(library: Service) -> None:
    name = str(library.settings.inbox / "a.png")
    answer = library.ask(name)
    assert answer.json == {
        "errcode": 1,
        "filepaths": [name],
        "threshold": "0.2",
        "person_num": 1,
    }
    assert library.ask(name, "a.png").json["person_num"] == 1


def test_an_absolute_name_below_a_further_root_works(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    more = tmp_path / "more"
    more.mkdir()
    service = make_service(roots=(more,))
    save_picture(more / "x.png", 1)
    service.drop("y.png", 1)
    assert service.ask(str(more / "x.png"), "y.png").json["person_num"] == 1
    assert service.ask("x.png").body == NOT_THERE  # relative names start from the drop folder


def test_a_drop_folder_that_is_itself_a_link_works_by_both_its_names(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    service = make_service(inbox=link)
    service.drop("a.png", 1)
    names = ["a.png", str(link / "a.png"), str(real / "a.png")]
    answer = service.ask(*names)
    assert (answer.json["filepaths"], answer.json["person_num"]) == (names, 1)
    assert service.models.detector.images_seen == 1


def test_names_in_chinese_with_spaces_and_signs_work(library: Service) -> None:
    names = ["张三/合影 一.png", "one+one = two.png", "José.png", " padded .png"]
    answer = library.ask(*names)
    assert answer.json["filepaths"] == names
    assert answer.json["person_num"] == 4


def test_a_plus_sign_means_a_space_and_its_code_a_plus(library: Service) -> None:
    right = library.send("GET", "/person_count?filepath=one%2Bone+%3D%20two.png")
    assert right.json["filepaths"] == ["one+one = two.png"]
    wrong = library.send("GET", "/person_count?filepath=one+one+%3D+two.png")
    assert (wrong.status, wrong.body) == (404, NOT_THERE)


def test_a_name_in_bare_utf8_works(library: Service) -> None:
    target = "/person_count?filepath=张三/合影%20一.png"
    head = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    assert "200 OK" in library.exchange(head).decode().splitlines()[0]


def test_blanks_around_a_name_belong_to_it(library: Service) -> None:
    assert library.ask(" padded .png").status == 200
    assert library.ask("padded .png").body == NOT_THERE
    assert library.ask("a.png ").body == NOT_THERE


def test_a_decomposed_name_finds_the_composed_file(library: Service) -> None:
    decomposed = unicodedata.normalize("NFD", "José.png")
    answer = library.ask(decomposed, "José.png")
    assert answer.json["filepaths"] == [decomposed, "José.png"]
    assert answer.json["person_num"] == 1


def test_a_decomposed_file_is_found_by_both_forms(service: Service) -> None:
    """macOS writes such names, in folders of such names."""
    decomposed = unicodedata.normalize("NFD", "Zoé/José.png")
    service.drop(decomposed, 1)
    answer = service.ask("Zoé/José.png", decomposed)
    assert answer.json["filepaths"] == ["Zoé/José.png", decomposed]
    assert answer.json["person_num"] == 1
    assert len(service.send("GET", "/files").json["files"]) == 1


def test_a_name_with_a_line_break_can_be_asked_about_in_a_json_body(service: Service) -> None:
    names = [service.drop("a\nb.png", 1), service.drop("tab\t.png", 2)]
    answer = service.post({"filepaths": names})
    assert (answer.json["filepaths"], answer.json["person_num"]) == (names, 2)
    assert "JSON body" in refusal(service.ask(names[0]), 400)
    (service.settings.inbox / "text\n.jpg").write_text("words")
    broken = service.post({"filepaths": ["text\n.jpg"]})
    assert refusal(broken, 422).startswith(r"text\n.jpg is no readable image")


def test_a_name_as_on_windows_is_told_how_to_be_spelt(service: Service) -> None:
    service.drop("party/2019/a.png", 1)
    answer = service.ask("party\\2019\\a.png")
    assert refusal(answer, 400) == (
        "party\\2019\\a.png is spelt as on Windows; write party/2019/a.png"
    )
    explained = service.ask("party\\2019\\a.png", "party\\b.png", path="/persons").json["files"]
    assert [file["status"] for file in explained] == ["unknown", "unknown"]
    assert "write party/2019/a.png" in explained[0]["reason"]
    assert "reason" not in explained[1]
    assert service.ask("party\\b.png").body == NOT_THERE  # no file by any spelling
    service.drop("back\\slash.png", 2)  # such a name is possible here
    assert service.ask("back\\slash.png").status == 200


def test_a_name_in_another_encoding_says_what_to_rename(service: Service) -> None:
    folder = os.fsencode(service.settings.inbox)
    picture = service.settings.inbox / service.drop("x.png", 1)
    os.rename(os.fsencode(picture), folder + b"/" + "全家福.png".encode("gbk"))
    shown = display(os.fsdecode("全家福.png".encode("gbk")))
    answer = service.ask(shown)
    assert refusal(answer, 422) == (
        f"{shown} is no readable image: its name is not valid UTF-8; "
        "rename it, perhaps to 全家福.png"
    )
    assert [file["filepath"] for file in service.send("GET", "/files").json["files"]] == [shown]


# --- 404 -----------------------------------------------------------------------------------------


def test_a_missing_file_gets_the_promised_bytes(library: Service) -> None:
    answer = library.ask("nobody.png")
    assert (answer.status, answer.body) == (404, NOT_THERE)
    assert refusal(answer, 404) == "File does not exist"


def test_one_missing_file_among_others_is_enough(library: Service) -> None:
    answer = library.ask("a.png", "broken.jpg", "nobody.png")
    assert (answer.status, answer.body) == (404, NOT_THERE)


def test_files_on_a_disk_that_dropped_out_are_missing_until_it_is_back(
    make_service: Callable[..., Service],
) -> None:
    """Their removal is held, but an answer never counts what is not there."""
    service = make_service()
    service.drop("a.png", 1)
    assert service.ask("a.png").json["person_num"] == 1
    inbox = service.settings.inbox
    scanner = Scanner(service.database, service.settings.resolve_roots(), 0.0)
    scanner.scan()
    inbox.rename(inbox.with_name("away"))
    inbox.mkdir()
    scanner.scan()
    assert scanner.held.removals_held == 1
    answer = service.ask("a.png")
    assert (answer.status, answer.body) == (404, NOT_THERE)
    inbox.rmdir()
    inbox.with_name("away").rename(inbox)
    scanner.scan()
    assert service.ask("a.png").json["person_num"] == 1
    assert service.models.detector.images_seen == 1  # it was not forgotten


OUTSIDE = [
    "../secret.png",
    "folder/../../secret.png",
    "./.././secret.png",
    "/etc/passwd",
    "/etc/nothing-here",
    "//etc/passwd",
    "/",
    "..",
    "a.png/x.png",
    "....//secret.png",
    "..\\secret.png",
    "file:///etc/passwd",
    "~/secret.png",
    "x" * 300,
    "x/" * 2000 + "a.png",
]


@pytest.mark.parametrize("name", OUTSIDE, ids=lambda name: name[:24])
def test_whatever_lies_outside_looks_like_nothing(library: Service, name: str) -> None:
    save_picture(library.settings.inbox.parent / "secret.png", 1)
    answer = library.ask(name)
    assert (answer.status, answer.body) == (404, NOT_THERE)


@pytest.mark.parametrize(
    "encoded",
    [
        "%2e%2e%2fsecret.png",
        "..%2fsecret.png",
        "%2e%2e/secret.png",
        "folder%2F..%2F..%2Fsecret.png",
        "%2Fetc%2Fpasswd",
        "..%252fsecret.png",
        "%c0%ae%c0%ae%2fsecret.png",
        "..%5csecret.png",
    ],
)
def test_percent_encoding_opens_no_way_out(library: Service, encoded: str) -> None:
    save_picture(library.settings.inbox.parent / "secret.png", 1)
    answer = library.send("GET", f"/person_count?filepath={encoded}")
    if "%c0" in encoded:  # overlong UTF-8 is no UTF-8
        assert "filepath" in refusal(answer, 400)
    else:
        assert (answer.status, answer.body) == (404, NOT_THERE)


def test_an_absolute_name_outside_looks_like_nothing_whether_it_exists_or_not(
    library: Service,
) -> None:
    outside = library.settings.inbox.parent
    save_picture(outside / "secret.png", 1)
    there, not_there = (library.ask(str(outside / name)) for name in ("secret.png", "none.png"))
    assert there.status == not_there.status == 404
    assert there.body == not_there.body == NOT_THERE
    kept = {"Content-Type", "Content-Length", "Cache-Control", "X-Content-Type-Options", "Date"}
    kept.add("X-Request-Id")  # random
    assert set(there.headers) == set(not_there.headers) <= kept


def test_a_folder_that_shares_the_roots_beginning_is_outside(library: Service) -> None:
    beside = library.settings.inbox.with_name("inbox2")
    beside.mkdir()
    save_picture(beside / "x.png", 1)
    assert library.ask(str(beside / "x.png")).body == NOT_THERE
    assert library.ask("../inbox2/x.png").body == NOT_THERE


def test_a_linked_folder_is_no_way_out(service: Service) -> None:
    outside = service.settings.inbox.parent / "outside"
    outside.mkdir()
    save_picture(outside / "x.png", 1)
    (service.settings.inbox / "link").symlink_to(outside)
    assert service.ask("link/x.png").body == service.ask("link/none.png").body == NOT_THERE


def test_a_link_says_nothing_of_what_it_points_to(service: Service) -> None:
    outside = service.settings.inbox.parent
    save_picture(outside / "secret.png", 1)
    (service.settings.inbox / "link.png").symlink_to(outside / "secret.png")
    (service.settings.inbox / "none.png").symlink_to(outside / "none.png")
    there, not_there = service.ask("link.png"), service.ask("none.png")
    assert "symbolic link" in refusal(there, 422)
    assert there.body.replace(b"link.png", b"none.png") == not_there.body


@pytest.mark.parametrize(
    "name", ["x.png.tmp", ".x.png", "x.part", "x.png~", ".folder/x.png", "#recycle/x.png"]
)
def test_files_that_the_watcher_ignores_do_not_exist(service: Service, name: str) -> None:
    service.drop(name, 1)
    assert service.ask(name).body == NOT_THERE


def test_files_that_the_setting_names_do_not_exist(make_service: Callable[..., Service]) -> None:
    service = make_service(ignore=("private/",))
    for name in ("private/x.png", "@eaDir/x.png"):
        service.drop(name, 1)
    assert service.ask("private/x.png").body == NOT_THERE
    assert service.ask("@eaDir/x.png").status == 200  # the default is no longer in force


def test_a_file_that_was_deleted_is_missing_at_once(service: Service) -> None:
    service.drop("a.png", 1)
    assert service.ask("a.png").status == 200
    (service.settings.inbox / "a.png").unlink()
    assert service.ask("a.png").body == NOT_THERE
