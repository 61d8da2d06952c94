"""The API contract, asked over TLS from outside: what an answer says and carries."""

import os
from collections.abc import Callable

import pytest
from PIL import Image

from index.base.choices import Linkage
from index.database.queries import queue
from ingest.watching.scan import Scanner
from tests.fakes import picture, save_picture
from tests.service.running import Service
from tests.waiting import wait_until

pytestmark = pytest.mark.engines

# --- success -------------------------------------------------------------------------------------


def test_the_answer_is_the_promised_document_byte_for_byte(library: Service) -> None:
    answer = library.ask("b.png", "a.png", threshold="0.20")
    assert answer.status == 200
    assert answer.body == (
        b'{"errcode": 1, "filepaths": ["b.png", "a.png"], "threshold": "0.20", "person_num": 2}'
    )
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


def test_a_missing_threshold_is_the_text_of_the_default(library: Service) -> None:
    assert library.ask("a.png").body == (
        b'{"errcode": 1, "filepaths": ["a.png"], "threshold": "0.2", "person_num": 1}'
    )


@pytest.mark.parametrize(
    "text", ["0.2", ".2", "2e-1", "+0.2", "0.20000", "0", "1", "7.5", "1e-400"]
)
def test_the_threshold_comes_back_as_the_caller_wrote_it(library: Service, text: str) -> None:
    assert library.ask("a.png", threshold=text).json["threshold"] == text


def test_duplicates_and_order_are_kept(library: Service) -> None:
    names = ["both.png", "a.png", "both.png", "folder/../a.png", "a.png"]
    answer = library.ask(*names)
    assert answer.json["filepaths"] == names
    assert answer.json["person_num"] == 2


def test_the_same_file_twice_counts_once(library: Service) -> None:
    assert library.ask("a.png", "a.png").json["person_num"] == 1
    assert library.ask("a.png", "./a.png", "folder/../a.png").json["person_num"] == 1


def test_the_same_file_twice_counts_once_even_where_nothing_is_linked(library: Service) -> None:
    # at threshold 0 nothing is closer than the threshold, not even a face to itself
    assert library.ask("a.png", "a.png", threshold="0").json["person_num"] == 1
    assert library.ask("a.png", "copy.png", threshold="0").json["person_num"] == 1
    for linkage in Linkage:
        answer = library.ask("a.png", "a again.png", threshold="0", linkage=linkage)
        assert answer.json["person_num"] == 2, linkage


def test_one_person_in_two_photos_counts_once(library: Service) -> None:
    assert library.ask("a.png", "a again.png").json["person_num"] == 1


def test_a_file_without_a_face_counts_nobody(library: Service) -> None:
    assert library.ask("wall.png").json["person_num"] == 0
    assert library.ask("wall.png", "a.png").json["person_num"] == 1


def test_one_file_with_several_key_faces_counts_several(library: Service) -> None:
    assert library.ask("crowd.png").json["person_num"] == 3
    assert library.ask("both.png", "a.png", "b.png").json["person_num"] == 2


def test_everybody_is_one_person_when_the_threshold_covers_every_distance(library: Service) -> None:
    answer = library.ask("crowd.png", "both.png", threshold="1.1", linkage="single")
    assert answer.json["person_num"] == 1


def test_neither_order_nor_duplicates_nor_company_change_the_count(library: Service) -> None:
    names = ["a.png", "b.png", "crowd.png", "both.png", "wall.png", "copy.png"]
    forwards = library.ask(*names).json["person_num"]
    assert forwards == library.ask(*reversed(names)).json["person_num"] == 5
    assert forwards == library.ask(*names, *names).json["person_num"]


def test_small_faces_beside_a_large_one_are_no_key_faces(service: Service) -> None:
    picture(1, 2, square_px=(120, 50)).save(service.settings.inbox / "passer-by.png")
    assert service.ask("passer-by.png").json["person_num"] == 1
    assert service.ask("passer-by.png", faces="all").json["person_num"] == 2
    assert service.ask("passer-by.png", faces="one").json["person_num"] == 1


# --- long lists ----------------------------------------------------------------------------------


def pending(service: Service) -> int:
    with service.database.read() as connection:
        return queue.counts(connection)["pending"]


def test_five_thousand_files_are_answered_by_get_and_by_post(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(batch_files=1024)
    folder = service.settings.inbox / ("a rather long folder name " * 4)
    folder.mkdir()
    originals = [save_picture(folder / f"person {n}.png", n) for n in range(10)]
    names = [f"{folder.name}/照片 {n:04d}.png" for n in range(5_000)]
    for n, name in enumerate(names):
        os.link(originals[n % 10], service.settings.inbox / name)
    roots = service.settings.resolve_roots()
    assert Scanner(service.database, roots, 0.0).scan() == (5_010, 0)
    wait_until(lambda: pending(service) == 0, "all files are indexed", seconds=60.0)
    expected = {"errcode": 1, "filepaths": names, "threshold": "0.2", "person_num": 10}
    posted = service.post({"filepaths": names})
    assert posted.json == expected
    asked = service.ask(*names)
    assert asked.body == posted.body
    assert service.models.detector.images_seen == 10


# --- what every answer carries -------------------------------------------------------------------


def test_every_answer_forbids_keeping_and_guessing(library: Service) -> None:
    for answer in (
        library.ask("a.png"),
        library.ask("a.png", path="/persons"),
        library.ask("nobody.png"),
        library.ask("broken.jpg"),
        library.ask(""),
        library.send("DELETE", "/person_count"),
        library.send("GET", "/nowhere"),
        library.send("GET", "/status"),
        library.send("GET", "/healthz"),
        library.send("GET", "/readyz"),
        library.post({"filepaths": ["a.png"]}),
    ):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        assert "Server" not in answer.headers


# --- /persons ------------------------------------------------------------------------------------


def test_the_files_of_a_photo_format_are_all_read(service: Service) -> None:
    for suffix in ("png", "bmp", "webp"):
        options = {"lossless": True} if suffix == "webp" else {}
        picture(1).save(service.settings.inbox / f"a.{suffix}", **options)
    Image.new("RGB", (64, 64), "white").save(service.settings.inbox / "white.jpg")
    names = ["a.png", "a.bmp", "a.webp", "white.jpg"]
    assert service.ask(*names).json["person_num"] == 1
