"""Counting without a server: files anywhere, nothing stored."""

import hashlib
import os
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import pytest

from index.base.errors import RequestError
from index.base.settings import Settings
from index.counting.question import build_question
from index.database.engine import Database
from ingest.jobs import direct_count as module
from ingest.jobs.direct_count import DirectCount
from ingest.networks.models import Models
from tests.fakes import FakeDetector, fake_models, picture, save_picture
from tests.ingest.builders import Ingest

Count = Callable[..., int]


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> Models:
    """The fake models, wherever the real ones would be loaded."""
    made = fake_models()
    monkeypatch.setattr(module, "load_models", lambda *_: made)
    monkeypatch.setattr(module, "load_generation", lambda *_: made)
    return made


def count(settings: Settings, database: Database | None, *files: Path, **more: str) -> int:
    given = {"filepath": [str(file) for file in files]}
    given |= {name: [value] for name, value in more.items()}
    question = build_question(given, settings)
    return DirectCount(settings, database).answer(question, lambda *_: None).answer.person_num


def test_files_anywhere_are_counted(settings: Settings, models: Models, tmp_path: Path) -> None:
    photos = [save_picture(tmp_path / f"{n}.png", n % 3, seed=n) for n in range(6)]
    assert count(settings, None, *photos) == 3
    assert count(settings, None, photos[0], photos[0]) == 1
    assert count(settings, None, save_picture(tmp_path / "wall.png")) == 0
    assert isinstance(models.detector, FakeDetector)


def test_copies_are_one_image(settings: Settings, models: Models, tmp_path: Path) -> None:
    one = save_picture(tmp_path / "a.png", 1)
    two = tmp_path / "b.png"
    two.write_bytes(one.read_bytes())
    assert count(settings, None, one, two, threshold="0") == 1
    assert isinstance(models.detector, FakeDetector)
    assert models.detector.images_seen == 1


def test_what_the_library_knows_is_not_embedded_again_and_counts_the_same(
    ingest: Ingest, models: Models, tmp_path: Path
) -> None:
    ingest.drop("a.png", 1, 2)
    ingest.drop("b.png", 2, 3)
    ingest.index()
    known = tmp_path / "copy.png"
    known.write_bytes((ingest.inbox / "a.png").read_bytes())
    fresh = save_picture(tmp_path / "fresh.png", 3, 4, seed=5)
    assert count(ingest.settings, ingest.database, known, ingest.inbox / "b.png") == 3
    assert isinstance(models.detector, FakeDetector)
    assert models.detector.images_seen == 0
    assert count(ingest.settings, ingest.database, known, fresh) == 4
    assert models.detector.images_seen == 1


@pytest.mark.usefixtures("models")
def test_faces_have_the_length_that_a_library_would_store(ingest: Ingest) -> None:
    photo = ingest.drop("a.png", 1, 2)
    ingest.index()
    with ingest.database.read() as connection:
        stored = connection.exec_driver_sql("SELECT embedding_norm FROM faces ORDER BY id").all()
    question = build_question({"filepath": [str(photo)]}, ingest.settings)
    for database in (ingest.database, None):
        found = DirectCount(ingest.settings, database).answer(question, lambda *_: None)
        assert [(face.embedding_norm,) for face in found.answer.faces] == stored
    assert min(stored)[0] > 0


def test_nothing_is_stored(ingest: Ingest, models: Models, tmp_path: Path) -> None:
    before = hashlib.sha256(ingest.settings.database_path.read_bytes()).digest()
    photo = save_picture(tmp_path / "a.png", 1)
    assert count(ingest.settings, ingest.database, photo) == 1
    assert models.detector is not None
    assert ingest.rows() == {}
    assert hashlib.sha256(ingest.settings.database_path.read_bytes()).digest() == before


def test_damaged_rows_are_not_trusted(ingest: Ingest, models: Models) -> None:
    path = ingest.drop("a.png", 1, 2)
    ingest.index()
    with ingest.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM faces WHERE id = 1")
    assert count(ingest.settings, ingest.database, path) == 2
    assert isinstance(models.detector, FakeDetector)
    assert models.detector.images_seen == 1


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(("choice", "expected"), [("key", 1), ("all", 2), ("one", 1)])
def test_the_choice_of_faces_is_the_services(
    settings: Settings, tmp_path: Path, choice: str, expected: int
) -> None:
    picture(1, 2, square_px=(120, 50)).save(tmp_path / "a.png")
    assert count(settings, None, tmp_path / "a.png", faces=choice) == expected


def refused(settings: Settings, *files: Path) -> RequestError:
    with pytest.raises(RequestError) as caught:
        count(settings, None, *files)
    return caught.value


@pytest.mark.usefixtures("models")
def test_a_missing_file_is_named(settings: Settings, tmp_path: Path) -> None:
    error = refused(settings, tmp_path / "none.png")
    assert error.status == HTTPStatus.NOT_FOUND
    assert str(tmp_path / "none.png") in str(error)


@pytest.mark.usefixtures("models")
def test_a_folder_stands_for_every_photo_below_it(settings: Settings, tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png", 1)
    for name in ("in", ".hidden", "@eaDir"):
        (tmp_path / name).mkdir()
        save_picture(tmp_path / name / "b.png", 2 if name == "in" else 3)
    assert count(settings, None, tmp_path) == 2
    assert count(settings, None, tmp_path, tmp_path / "a.png") == 2
    few = settings.model_copy(update={"max_request_files": 1})
    assert refused(few, tmp_path).status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.usefixtures("models")
def test_what_is_no_photo_is_passed_over_with_the_reason(
    settings: Settings, tmp_path: Path
) -> None:
    photo = save_picture(tmp_path / "a.png", 1)
    (tmp_path / "a.mov").write_bytes(b"a film")
    (tmp_path / "list").write_text("only its bytes tell\n")
    given = [str(photo), str(tmp_path / "a.mov"), str(tmp_path / "list")]
    counter = DirectCount(settings, None)
    question = build_question({"filepath": given}, settings)
    assert counter.answer(question, lambda *_: None).answer.person_num == 1
    assert counter.no_photos == {
        given[1]: "by its ending .mov it is a video, not a photo",
        given[2]: "it is a text, not a photo",
    }


def test_without_a_library_networks_go_to_the_users_cache(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folders: list[Path] = []

    def load(used: Settings, _model: str) -> Models:
        folders.append(used.networks_folder)
        return made

    monkeypatch.setattr(module, "load_models", load)
    made = fake_models()
    photo = save_picture(tmp_path / "a.png", 1)
    assert count(settings, None, photo) == 1
    assert folders == [tmp_path / "cache" / "person-count" / "weights"]
    settings.networks_folder.mkdir(parents=True)  # somebody has fetched a network into it
    assert count(settings, None, photo) == 1
    assert folders[1:] == [settings.networks_folder]


@pytest.mark.usefixtures("models")
def test_an_unreadable_file_is_named_with_the_reason(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no image")
    error = refused(settings, tmp_path / "a.jpg")
    assert error.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "a.jpg" in str(error)
    assert "it is a text" in str(error)


@pytest.mark.usefixtures("models")
def test_a_file_that_is_too_large_is_named(settings: Settings, tmp_path: Path) -> None:
    limited = settings.model_copy(update={"max_file_mib": 1})
    with (tmp_path / "a.png").open("wb") as stream:
        stream.truncate((1 << 20) + 1)
    error = refused(limited, tmp_path / "a.png")
    assert error.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "1 MiB" in str(error)


@pytest.mark.usefixtures("models")
def test_too_many_faces_are_refused(settings: Settings, tmp_path: Path) -> None:
    limited = settings.model_copy(update={"max_request_faces": 2})
    error = refused(limited, save_picture(tmp_path / "a.png", 1, 2, 3))
    assert error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.usefixtures("models")
def test_progress_is_told(settings: Settings, tmp_path: Path) -> None:
    photos = [save_picture(tmp_path / f"{n}.png", n) for n in range(3)]
    question = build_question({"filepath": [str(photo) for photo in photos]}, settings)
    told: list[tuple[int, int]] = []
    found = DirectCount(settings, None).answer(question, lambda *at: told.append(at))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert found.names == {n: [str(photo)] for n, photo in enumerate(photos)}


def test_what_cannot_be_read_in_a_folder_is_skipped_only_if_that_is_wanted(
    settings: Settings, models: Models, tmp_path: Path
) -> None:
    assert models.detector is not None
    (tmp_path / "party").mkdir()
    save_picture(tmp_path / "party" / "a.png", 1)
    broken = tmp_path / "party" / "b.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 cut short")
    with pytest.raises(RequestError, match=r"b\.jpg is no readable image"):
        count(settings, None, tmp_path / "party")
    assert count(settings, None, tmp_path / "party", unreadable="skip") == 1
    with pytest.raises(RequestError, match=r"b\.jpg is no readable image"):
        count(settings, None, tmp_path / "party", broken, unreadable="skip")


def test_a_name_that_cannot_be_asked_about_is_skipped_likewise(
    settings: Settings, models: Models, tmp_path: Path
) -> None:
    """A name in another encoding than UTF-8, as old archives have them."""
    assert models.detector is not None
    (tmp_path / "party").mkdir()
    save_picture(tmp_path / "party" / "a.png", 1)
    photo = save_picture(tmp_path / "party" / "b.png", 2)
    photo.rename(os.fsdecode(bytes(tmp_path / "party") + b"/\xd5\xd5\xc6\xac.png"))
    with pytest.raises(RequestError, match="its name is not valid UTF-8; rename it, perhaps to"):
        count(settings, None, tmp_path / "party")
    assert count(settings, None, tmp_path / "party", unreadable="skip") == 1
