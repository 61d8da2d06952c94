"""The API contract: files that come, change or break are answered as they are now."""

import os
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import delete, update

from index.database.schema import Analysis, Face, File
from ingest.watching.scan import Scanner
from tests.fakes import picture
from tests.service.running import Service, refusal

pytestmark = pytest.mark.engines


def test_a_file_dropped_just_now_is_waited_for(service: Service) -> None:
    service.worker.hold()
    service.drop("a.png", 1)
    service.drop("b.png", 2)
    threading.Timer(0.2, service.worker.let_go).start()
    assert service.ask("a.png", "b.png").json["person_num"] == 2


def test_a_file_is_left_to_settle_before_it_is_counted(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(settle_seconds=0.4)
    service.drop("a.png", 1)
    seen: list[bytes] = []

    def overwrite() -> None:
        service.drop("a.png", 1, 2)
        seen.append(b"overwritten")

    timer = threading.Timer(0.1, overwrite)
    timer.start()
    answer = service.ask("a.png")
    timer.join()
    assert seen
    assert answer.json["person_num"] == 2


def test_an_overwritten_file_is_read_again_before_it_is_counted(service: Service) -> None:
    service.drop("a.png", 1)
    assert service.ask("a.png").json["person_num"] == 1
    service.drop("a.png", 2, 3)
    assert service.ask("a.png").json["person_num"] == 2


def test_a_file_rewritten_in_place_with_the_same_size_is_read_again(service: Service) -> None:
    path = service.settings.inbox / "a.bmp"
    other = service.settings.inbox / "b.bmp"
    picture(1, 1).save(path)
    picture(1, 1).save(other)
    assert service.ask("a.bmp").json["person_num"] == 1
    size = path.stat().st_size
    with path.open("r+b") as stream:
        picture(1, 2).save(stream, format="BMP")
    assert path.stat().st_size == size
    assert service.ask("a.bmp").json["person_num"] == 2
    assert service.ask("b.bmp").json["person_num"] == 1


def test_a_file_that_became_unreadable_no_longer_counts(service: Service) -> None:
    service.drop("a.png", 1)
    assert service.ask("a.png").status == 200
    (service.settings.inbox / "a.png").write_text("no image")
    assert "a.png" in refusal(service.ask("a.png"), 422)
    service.drop("a.png", 1, 2)
    assert service.ask("a.png").json["person_num"] == 2


def test_two_files_with_the_same_unreadable_content_are_both_named(service: Service) -> None:
    for name in ("x.jpg", "y.jpg"):
        (service.settings.inbox / name).write_text("no image")
    assert "x.jpg" in refusal(service.ask("x.jpg", "y.jpg"), 422)
    assert "y.jpg" in refusal(service.ask("y.jpg"), 422)


@pytest.mark.parametrize("damage", ["face", "analysis", "all faces", "file"])
def test_rows_that_were_damaged_by_hand_are_made_again_and_answered_right(
    service: Service, damage: str
) -> None:
    service.drop("a.png", 1, 2)
    service.drop("b.png", 3)
    assert service.ask("a.png", "b.png").json["person_num"] == 3
    with service.database.write() as connection:
        if damage == "face":
            connection.execute(delete(Face).where(Face.id == 1))
        elif damage == "analysis":
            connection.execute(delete(Analysis))
        elif damage == "file":
            connection.execute(update(File).values(image_id=None))
        else:
            connection.execute(delete(Face))
    seen = service.models.detector.images_seen
    assert service.ask("a.png", "b.png").json["person_num"] == 3
    # where only the files' rows were damaged, what was found in them is still known
    assert (service.models.detector.images_seen > seen) is (damage != "file")
    assert service.ask("b.png", "a.png").json["person_num"] == 3


def test_a_vector_that_was_damaged_by_hand_never_gives_a_wrong_count(service: Service) -> None:
    service.drop("a.png", 1)
    service.drop("b.png", 1, seed=1)
    assert service.ask("a.png", "b.png").json["person_num"] == 1
    with service.database.write() as connection:
        connection.execute(update(Face).where(Face.id == 1).values(embedding=b"\x01" * 2048))
    answer = service.ask("a.png", "b.png")
    assert (answer.status == 503) or answer.json["person_num"] == 1


def test_a_hard_link_whose_name_is_no_text_takes_nothing_from_the_name_it_looks_like(
    service: Service,
) -> None:
    name = service.drop("\\xff.png", 1)  # a backslash and letters: how the link's name is written
    inbox = service.settings.inbox
    link = os.fsencode(inbox) + b"/\xff.png"
    os.link(inbox / name, link)
    assert service.ask(name).json["person_num"] == 1
    roots = service.settings.resolve_roots()
    Scanner(service.database, roots, 0.0).examine([os.fsdecode(link)])
    assert service.ask(name).json["person_num"] == 1
