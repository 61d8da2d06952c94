"""Videos, side-car files and the like are no failures; a photo that is lost is one."""

from pathlib import Path

import pytest

from index.base.errors import UnreadableImageError
from index.database.queries import queue
from index.database.queries.queue import retry_failed
from ingest.jobs import worker
from tests.ingest.builders import Ingest

VIDEO = b"\0\0\0\x18ftypqt  " + bytes(64)
ZIP = b"PK\3\4" + bytes(64)


def write(ingest: Ingest, name: str, data: bytes) -> Path:
    path = ingest.inbox / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_an_export_of_a_phone_has_no_failures(ingest: Ingest) -> None:
    ingest.drop("IMG_0001.jpg", 1)
    for name in ("IMG_0001.AAE", "IMG_0001.MOV", "IMG_0001.jpg.json", "Thumbs.db", "all.zip"):
        write(ingest, name, b"anything")
    ingest.index()
    states = ingest.states()
    assert states.pop("IMG_0001.jpg") == "indexed"
    assert set(states.values()) == {"no_photo"}
    assert ingest.row("IMG_0001.MOV").error == "by its ending .mov it is a video, not a photo"
    report = ingest.worker.report()
    assert (report.files, report.failed, report.no_photo) == (6, 0, 5)


def test_what_is_known_by_its_name_is_not_read(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be larger than any photo."""

    def refuse(*_: object) -> bytes:
        raise UnreadableImageError("it was read")

    monkeypatch.setattr(worker, "read_settled", refuse)
    write(ingest, "a.mov", VIDEO)
    ingest.index()
    assert ingest.states() == {"a.mov": "no_photo"}


@pytest.mark.parametrize("data", [VIDEO, ZIP, b"some words\n", b"%PDF-1.7\n"])
def test_what_no_name_tells_the_bytes_do(ingest: Ingest, data: bytes) -> None:
    write(ingest, "IMG_0001", data)
    ingest.index()
    assert ingest.states() == {"IMG_0001": "no_photo"}
    assert (ingest.row("IMG_0001").error or "").startswith("it is a")


@pytest.mark.parametrize("data", [VIDEO, ZIP, b"some words\n"])
def test_a_file_that_is_named_like_a_photo_and_is_none_is_a_failure(
    ingest: Ingest, data: bytes
) -> None:
    write(ingest, "a.JPG", data)
    write(ingest, "b.bin", data)  # the same content
    ingest.index()
    assert ingest.states() == {"a.JPG": "failed", "b.bin": "no_photo"}


@pytest.mark.parametrize(
    "data", [b"8BPS" + bytes(64), b"IIRO" + bytes(64), bytes(64), b"\1\2\3" * 20]
)
def test_photos_that_are_not_read_and_unknown_bytes_are_failures(
    ingest: Ingest, data: bytes
) -> None:
    write(ingest, "a.dat", data)
    ingest.index()
    assert ingest.states() == {"a.dat": "failed"}


def test_a_file_that_becomes_a_photo_is_read(ingest: Ingest) -> None:
    write(ingest, "IMG_0001", b"some words\n")
    ingest.index()
    ingest.drop("b.png", 1).rename(ingest.inbox / "IMG_0001")
    ingest.clock.advance(60)
    ingest.index()
    assert ingest.states() == {"IMG_0001": "indexed"}


def test_a_photo_that_becomes_something_else_gives_its_faces_up(ingest: Ingest) -> None:
    ingest.drop("a.png", 1).rename(ingest.inbox / "IMG_0001")
    ingest.index()
    write(ingest, "IMG_0001", VIDEO)
    ingest.clock.advance(60)
    ingest.index()
    assert ingest.states() == {"IMG_0001": "no_photo"}
    assert ingest.row("IMG_0001").image_id is None


def test_it_is_not_tried_again_with_files_that_failed(ingest: Ingest) -> None:
    write(ingest, "a.mov", VIDEO)
    write(ingest, "a.jpg", b"some words\n")
    ingest.index()
    with ingest.database.write() as connection:
        assert retry_failed(connection, 0.0) == 1
        assert queue.counts(connection)["no_photo"] == 1
