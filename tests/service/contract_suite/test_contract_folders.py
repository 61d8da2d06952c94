"""A filepath that names a folder stands for every photo below it."""

import errno
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes import save_picture
from tests.service.running import NOT_THERE, Service, refusal
from tests.waiting import wait_until

pytestmark = pytest.mark.engines


def fill(service: Service) -> None:
    """party/ has two persons in three photos, one of them deeper, and things that are no photos."""
    service.drop("party/a.png", 1)
    service.drop("party/b.png", 1, 2)
    service.drop("party/late/c.png", 2)
    service.drop("other.png", 3)
    inbox = service.settings.inbox
    (inbox / "party" / "a.MOV").write_bytes(b"a film")
    (inbox / "party" / "a.xmp").write_text("<x/>")
    (inbox / "party" / "notes").write_text("words")
    (inbox / "party" / ".hidden.png").write_text("hidden")
    (inbox / "party" / "d.png.tmp").write_text("half")


@pytest.mark.parametrize("name", ["party", "party/", "./party", "party/.", "party/../party"])
def test_a_folder_is_every_photo_below_it(service: Service, name: str) -> None:
    fill(service)
    answer = service.ask(name)
    assert answer.json == {
        "errcode": 1,
        "filepaths": [name],
        "threshold": "0.2",
        "person_num": 2,
    }
    assert service.post({"filepaths": [name]}).json == answer.json


def test_roots_are_folders_too(make_service: Callable[..., Service], tmp_path: Path) -> None:
    more = tmp_path / "more"
    (more / "deep").mkdir(parents=True)
    service = make_service(roots=(more,))
    fill(service)
    save_picture(more / "deep" / "x.png", 7)
    inbox = service.settings.inbox
    for name in (".", "./", str(inbox), f"{inbox}/", f"{inbox}/."):
        assert service.ask(name).json["person_num"] == 3
    assert service.ask(f"{inbox}/party").json["person_num"] == 2
    assert service.ask(str(more)).json["person_num"] == 1
    assert service.ask(f"{more}/deep/", ".").json["person_num"] == 4
    assert service.ask("..").body == service.ask(str(tmp_path)).body == NOT_THERE


def test_folders_and_files_mix_and_nothing_counts_twice(service: Service) -> None:
    fill(service)
    names = ["party", "other.png", "party/late", "party/a.png", "party"]
    answer = service.ask(*names)
    assert (answer.json["filepaths"], answer.json["person_num"]) == (names, 3)
    found = service.ask(*names, path="/persons").json
    assert [file["filepath"] for file in found["files"]] == [
        "party/a.png",
        "party/b.png",
        "party/late/c.png",
        "other.png",
    ]
    assert found["folders"] == [
        {"filepath": "party", "photos": 3},
        {"filepath": "party/late", "photos": 1},
    ]
    assert found["complete"] is True


def test_an_empty_folder_counts_nobody_and_a_missing_one_is_404(service: Service) -> None:
    (service.settings.inbox / "empty").mkdir()
    assert service.ask("empty").json["person_num"] == 0
    found = service.ask("empty", path="/persons").json
    assert (found["person_num"], found["complete"], found["files"]) == (0, True, [])
    assert found["folders"] == [{"filepath": "empty", "photos": 0}]
    assert service.ask("nowhere/").body == NOT_THERE
    (service.settings.inbox / ".git").mkdir()
    assert service.ask(".git").body == NOT_THERE  # what is ignored is not there


def test_what_arrives_in_a_folder_and_what_leaves_it_is_seen_at_once(service: Service) -> None:
    fill(service)
    assert service.ask("party").json["person_num"] == 2
    service.drop("party/new.png", 4)
    assert service.ask("party").json["person_num"] == 3  # no scan and no event said so
    (service.settings.inbox / "party" / "new.png").unlink()
    assert service.ask("party").json["person_num"] == 2


def test_a_folder_waits_and_says_how_many_are_missing(make_service: Callable[..., Service]) -> None:
    service = make_service(wait_seconds=0.2)
    fill(service)
    wait_until(lambda: service.ask("party").status == 200, "the first photos are indexed")
    service.worker.hold()
    for number in range(2):
        service.drop(f"party/late{number}.png", 5 + number)
    answer = service.ask("party")
    assert refusal(answer, 503).startswith("2 of 5 files are still being indexed")
    assert answer.headers["Retry-After"]
    assert service.ask("party", path="/persons").json["person_num"] == 2


def test_unreadable_files_are_named_counted_and_skipped_on_request(service: Service) -> None:
    fill(service)
    inbox = service.settings.inbox
    for name in ("party/x1.jpg", "party/late/x2.jpg"):
        (inbox / name).write_bytes(b"\xff\xd8\xff\xe0 cut short")
    (inbox / "party" / "link.png").symlink_to(inbox / "party" / "a.png")
    sentence = refusal(service.ask("party"), 422)
    assert sentence.startswith("party/link.png is no readable image: it is a symbolic link")
    assert sentence.endswith(
        "; 3 files in the folders cannot be read, unreadable=skip counts the rest"
    )
    assert service.ask("party", unreadable="skip").json["person_num"] == 2
    body = {"filepaths": ["party"], "unreadable": "skip"}
    assert service.post(body).json["person_num"] == 2
    found = service.ask("party", path="/persons").json
    failed = [file["filepath"] for file in found["files"] if file["status"] == "failed"]
    assert failed == ["party/link.png", "party/x1.jpg", "party/late/x2.jpg"]
    assert (found["person_num"], found["complete"]) == (2, False)
    # a file that is named itself is meant
    assert service.ask("party", "party/x1.jpg", unreadable="skip").status == 422
    assert service.ask("party", "none.png", unreadable="skip").body == NOT_THERE


def test_a_folder_that_cannot_be_looked_through_is_not_passed_over(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(service)
    scandir = os.scandir

    def refusing(path: str) -> object:  # permissions do not stop root, which may run this
        if str(path).endswith("/late"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert refusal(service.ask("party"), 422).startswith(
        "party/late is no readable image: it is a folder that cannot be looked through "
        "(Permission denied); 1 file"
    )
    assert service.ask("party", unreadable="skip").json["person_num"] == 2


def test_links_lead_nowhere(service: Service, tmp_path: Path) -> None:
    fill(service)
    outside = tmp_path / "outside"
    outside.mkdir()
    save_picture(outside / "secret.png", 9)
    (service.settings.inbox / "party" / "out").symlink_to(outside)
    (service.settings.inbox / "loop").symlink_to(service.settings.inbox)
    assert service.ask("party", unreadable="skip").json["person_num"] == 2
    assert service.ask("party/out/").status == 422
    assert service.ask("loop/party").body == NOT_THERE


def test_both_forms_of_a_folders_name_find_it(service: Service) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Zoé") for form in ("NFC", "NFD"))
    service.drop(f"{decomposed}/a.png", 1)
    for name in (composed, decomposed, f"{composed}/"):
        answer = service.ask(name)
        assert (answer.json["filepaths"], answer.json["person_num"]) == ([name], 1)


def test_a_folder_as_on_windows_is_told_how_to_be_spelt(service: Service) -> None:
    service.drop("party/2019/a.png", 1)
    assert refusal(service.ask("party\\2019"), 400).endswith("; write party/2019")


def test_too_much_in_a_folder_is_refused(make_service: Callable[..., Service]) -> None:
    service = make_service(max_request_files=4, max_folder_entries=9)
    fill(service)
    assert service.ask("party").json["person_num"] == 2
    answer = service.ask("party", service.drop("5.png", 5), "other.png")
    assert refusal(answer, 413).startswith("5 files, with those in the folders")
    for number in range(3):
        (service.settings.inbox / "party" / f"{number}.txt").touch()
    assert "more than the 9 files and folders" in refusal(service.ask("party"), 413)
    with service.database.read() as connection:
        queued = connection.exec_driver_sql("SELECT count(*) FROM files").scalar()
    assert queued == 4  # three photos and the notes: what is refused is not queued


def test_a_large_folder_is_answered_like_a_long_list(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.answering.library_reader.LONG_FILES", 2)
    fill(service)
    assert service.ask("party").json["person_num"] == 2


@pytest.mark.parametrize("value", ["", "Skip", "yes"])
def test_unreadable_takes_two_words(library: Service, value: str) -> None:
    assert "unreadable must be one of refuse, skip" in refusal(
        library.ask("a.png", unreadable=value), 400
    )
