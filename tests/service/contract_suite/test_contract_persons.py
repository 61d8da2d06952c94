"""The API contract: /persons explains the count."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from index.database import moving
from index.database.engine import Database
from tests.fakes import picture
from tests.index.builders import quiet
from tests.postgres import new_database
from tests.postgres import server as server_of_tests
from tests.service.running import Service
from tests.waiting import wait_until

pytestmark = pytest.mark.engines


def test_persons_explains_the_same_count(library: Service) -> None:
    answer = library.ask("both.png", "a.png", "copy.png", path="/persons")
    found = answer.json
    assert answer.status == 200
    assert list(found)[:4] == ["errcode", "filepaths", "threshold", "person_num"]
    assert found["person_num"] == len(found["persons"]) == 2
    assert found["complete"] is True
    assert found["model"] == "fake-1"
    assert found["cosine_cut"] == pytest.approx(0.6)
    sizes = sorted(len(person["faces"]) for person in found["persons"])
    assert sizes == [1, 2]
    named = [face["filepaths"] for person in found["persons"] for face in person["faces"]]
    assert sorted(named) == [["a.png", "copy.png"], ["both.png"], ["both.png"]]
    for person in found["persons"]:
        for face in person["faces"]:
            assert face["id"] > 0
            assert 0.9 <= face["probability"] <= 1
            assert len(face["box"]) == 4


def test_persons_answers_to_all_its_spellings(library: Service) -> None:
    expected = library.ask("a.png", path="/persons").body
    for path in ("/persons/", "/person_count/persons", "/person_count/persons/"):
        assert library.ask("a.png", path=path).body == expected
    assert library.post({"filepaths": ["a.png"]}, path="/persons").body == expected


def test_persons_tells_each_file_apart_and_says_it_is_incomplete(library: Service) -> None:
    names = ["a.png", "wall.png", "broken.jpg", "nobody.png", "../secret.png", "/etc/passwd"]
    found = library.ask(*names, path="/persons").json
    assert found["person_num"] == 1
    assert found["complete"] is False
    states = {file["filepath"]: file["status"] for file in found["files"]}
    assert states == {
        "a.png": "counted",
        "wall.png": "no_face",
        "broken.jpg": "failed",
        "nobody.png": "unknown",
        "../secret.png": "unknown",
        "/etc/passwd": "unknown",
    }
    reasons = {file["filepath"]: file.get("reason") for file in found["files"]}
    assert "it is a text" in reasons.pop("broken.jpg")
    assert set(reasons.values()) == {None}


def test_what_is_no_photo_is_said_to_be_none(service: Service) -> None:
    service.drop("a.png", 1)
    (service.settings.inbox / "a.MOV").write_bytes(b"a film")
    (service.settings.inbox / "notes").write_text("words")
    found = service.ask("a.png", "a.MOV", "notes", path="/persons").json
    assert (found["person_num"], found["complete"]) == (1, False)
    reasons = {file["filepath"]: (file["status"], file.get("reason")) for file in found["files"]}
    assert reasons == {
        "a.png": ("counted", None),
        "a.MOV": ("no_photo", "by its ending .mov it is a video, not a photo"),
        "notes": ("no_photo", "it is a text, not a photo"),
    }
    for name in ("a.MOV", "notes"):
        answer = service.ask("a.png", name)
        assert answer.status == 422
        assert answer.json["error"] == f"{name} is no readable image: {reasons[name][1]}"
    assert service.send("GET", "/status").json["files"] == {
        "pending": 0,
        "indexed": 1,
        "failed": 0,
        "no_photo": 2,
    }


def test_persons_is_complete_without_a_single_face(library: Service) -> None:
    found = library.ask("wall.png", path="/persons").json
    assert (found["person_num"], found["persons"], found["complete"]) == (0, [], True)


def test_persons_answers_with_what_is_there_after_the_wait(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(wait_seconds=0.2)
    service.drop("a.png", 1)
    wait_until(lambda: service.ask("a.png").status == 200, "the first file is indexed")
    service.worker.hold()
    service.drop("late.png", 2)
    found = service.ask("a.png", "late.png", path="/persons").json
    assert (found["person_num"], found["complete"]) == (1, False)
    assert [file["status"] for file in found["files"]] == ["counted", "pending"]


def test_persons_says_why_a_face_does_not_count(service: Service) -> None:
    picture(1, 2, square_px=(120, 50)).save(service.settings.inbox / "x.png")
    found = service.ask("x.png", path="/persons").json
    assert [face["reason"] for face in found["left_out"]] == ["small"]


@pytest.mark.engines("sqlite")  # from there to a server, and back
def test_a_library_that_was_moved_gives_the_same_answers(library: Service, tmp_path: Path) -> None:
    names = ["both.png", "a.png", "crowd.png", "张三/合影 一.png"]

    def answers(service: Service) -> list[bytes]:
        return [service.ask(*names, path=path).body for path in ("/person_count", "/persons")]

    before, settings = answers(library), library.settings
    with new_database("template0") as url:
        server = settings.model_copy(update={"database_url": url})
        back = settings.model_copy(update={"data": tmp_path})
        for source, target in ((settings, server), (server, back)):
            moving.move(source.database_address, target.database_address, quiet)
            with (
                Database(target.database_address) as database,
                Service(target, database, None) as service,
            ):
                wait_until(lambda service=service: service.ask("a.png").status == 200, "it is up")
                assert answers(service) == before
            wait_until(lambda: sessions(url) == 0, "the server has ended all sessions")


def sessions(url: SecretStr) -> int:
    name = url.get_secret_value().partition("@/")[2].partition("?")[0]
    [(number,)] = server_of_tests().run(
        f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
    )
    return int(number)
