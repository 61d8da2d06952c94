"""Uploads over real sockets: whole, never over another file, under names of their own."""

import os
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from index.base.errors import RequestError
from service.uploading import drop_folder
from service.uploading.drop_folder import MAX_NAME_BYTES, Upload, check_name
from tests.service.running import Answer, Service
from tests.service.uploading import everything_in, expect_rest, png, put


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


@pytest.mark.parametrize("options", ["-T FILE", "-X PUT --data-binary @FILE"])
def test_curl_uploads_a_photo_without_saying_what_it_is(
    service: Service, tmp_path: Path, options: str
) -> None:
    """A large one too: for those curl waits until it is told to go on."""
    photo = tmp_path / "photo.png"
    photo.write_bytes(png(1) + bytes(3 << 20))
    url = f"https://127.0.0.1:{service.thread.port}/files/photo.png"
    given = options.replace("FILE", str(photo)).split()
    curl = ["curl", "-sS", "--noproxy", "*", "--cacert", str(service.certificate), *given, url]
    answered = subprocess.run(curl, capture_output=True, check=True).stdout
    assert answered == b'{"filepath": "photo.png"}'
    assert everything_in(service) == {"photo.png": photo.read_bytes()}


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


# --- disks ----------------------------------------------------------------------------------------


def test_there_is_an_end_to_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drop_folder, "MAX_SAME_NAMES", 3)
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
    assert len(drop_folder._numbered(longest)[-1].encode()) <= 255
    (tmp_path / drop_folder._numbered(longest)[-1]).touch()
