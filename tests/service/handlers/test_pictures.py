"""Pictures of faces over HTTP, made by the real child process; and what a bad photo does to it."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from index.base.paths import signature_of
from index.base.tokens import Scope, add_token
from index.library.picture_orders import PictureOrder
from index.upkeep.forget import forget
from service.children import picture_maker as pictures_module
from tests.fakes import colour
from tests.service.running import Answer, Service
from tests.waiting import wait_until

pytestmark = pytest.mark.processes

# what the real child does, but a photo whose path names an accident has one
ACCIDENTS = """
import os, signal, sys, time
from index.base.errors import UnreadableImageError
from ingest.decoding import picture_process as pictures
make = pictures.make_picture
def clumsy(order, *limits):
    if "crash" in order.path:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "hang" in order.path:
        time.sleep(600)
    if "babble" in order.path:
        os.write(1, b"x" * 100)
    if "memory" in order.path:
        bytearray(1 << 40)
    if "undecodable" in order.path:
        raise UnreadableImageError("told")
    return make(order, *limits)
pictures.make_picture = clumsy
pictures.serve_pictures(sys.stdin.buffer, os.fdopen(1, "wb"))
"""


def faces_of(service: Service, *names: str) -> list[int]:
    """The ids of the faces in these files, left to right."""
    document = service.ask(*names, path="/persons").json
    assert document["complete"]
    faces = [face for person in document["persons"] for face in person["faces"]]
    return [face["id"] for face in sorted(faces, key=lambda face: face["box"])]


def image_of(answer: Answer) -> Image.Image:
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/jpeg")
    image = Image.open(BytesIO(answer.body))
    image.load()
    return image


def looks_like(image: Image.Image, person: int) -> bool:
    middle = image.getpixel((image.width // 2, image.height // 2))
    return bool(np.abs(np.subtract(middle, colour(person))).max() < 12)


def test_each_face_has_its_picture_and_its_photo(shared: Service) -> None:
    first, second = faces_of(shared, shared.drop("both.png", 1, 150))
    for prefix in ("/faces", "/person_count/faces"):
        assert looks_like(image_of(shared.send("GET", f"{prefix}/{first}.jpg")), 1)
        assert looks_like(image_of(shared.send("GET", f"{prefix}/{second}.jpg")), 150)
    answer = shared.send("GET", f"/faces/{first}/photo.jpg")
    assert image_of(answer).size == (180, 120)
    assert (answer.headers["X-Photo-Width"], answer.headers["X-Photo-Height"]) == ("180", "120")
    assert shared.send("GET", f"/faces/{second}/photo.jpg").body == answer.body
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_persons_says_in_whose_pixels_the_boxes_are(service: Service) -> None:
    service.drop("both.png", 1, 2)
    service.drop("wall.png")
    files = service.ask("both.png", "wall.png", path="/persons").json["files"]
    assert files == [
        {"filepath": "both.png", "status": "counted", "width": 180, "height": 120},
        {"filepath": "wall.png", "status": "no_face"},
    ]


def test_a_browser_that_has_the_picture_is_told_so(shared: Service) -> None:
    (face,) = faces_of(shared, shared.drop("known.png", 1))
    target = f"/faces/{face}.jpg"
    etag = shared.send("GET", target).headers["Etag"]
    again = shared.send("GET", target, headers={"If-None-Match": etag})
    assert (again.status, again.body) == (304, b"")


def unlink(path: Path) -> None:
    path.unlink()


def rewrite(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


def swap_for_a_link(path: Path) -> None:
    path.rename(path.with_name("real.png"))
    path.symlink_to("real.png")


def swap_its_folder_for_a_link(path: Path) -> None:
    path.parent.rename(path.parent.with_name("real"))
    path.parent.symlink_to("real")


CHANGES = [unlink, rewrite, swap_for_a_link, swap_its_folder_for_a_link]


@pytest.mark.parametrize("change", CHANGES)
def test_a_face_whose_file_is_gone_is_not_shown_though_its_picture_was_made(
    shared: Service, change: Callable[[Path], None]
) -> None:
    name = f"{change.__name__}/a.png"
    (face,) = faces_of(shared, shared.drop(name, 1, seed=1 + CHANGES.index(change)))
    for target in (f"/faces/{face}.jpg", f"/faces/{face}/photo.jpg"):
        assert shared.send("GET", target).status == 200
    change(shared.settings.inbox / name)
    for target in (f"/faces/{face}.jpg", f"/faces/{face}/photo.jpg"):
        answer = shared.send("GET", target)
        assert (answer.status, answer.json["error"]) == (404, "there is no such picture")


def test_the_copy_of_a_photo_serves_as_well(service: Service) -> None:
    (face,) = faces_of(service, service.drop("a.png", 1))
    copy = service.settings.inbox / "b.png"
    copy.write_bytes((service.settings.inbox / "a.png").read_bytes())
    assert faces_of(service, "b.png") == [face]
    (service.settings.inbox / "a.png").unlink()
    assert looks_like(image_of(service.send("GET", f"/faces/{face}.jpg")), 1)


def test_a_forgotten_face_is_as_if_it_had_never_been(service: Service) -> None:
    (face,) = faces_of(service, service.drop("a.png", 1))
    target = f"/faces/{face}.jpg"
    etag = service.send("GET", target).headers["Etag"]
    settings = service.settings
    roots, path = settings.resolve_roots(), settings.inbox / "a.png"
    forgotten = forget(service.database, settings.data, roots, [path], lambda *_: None)
    assert forgotten.erased.faces == 1
    answer = service.send("GET", target, headers={"If-None-Match": etag})
    never = service.send("GET", f"/faces/{face + 1000}.jpg")
    assert (answer.status, answer.body) == (never.status, never.body)
    assert answer.status == 404


@pytest.mark.parametrize(
    "name",
    [
        "0",
        "-1",
        "01",
        "1e3",
        "9" * 18,
        "9" * 19,
        "9" * 400,
        "a",
        "1%2F..%2F2",
        "٣",
        "%D9%A3",
        "1.5",
    ],
)
def test_no_other_id_leads_anywhere(library: Service, name: str) -> None:
    for target in (f"/faces/{name}.jpg", f"/faces/{name}/photo.jpg"):
        answer = library.exchange(
            f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        )
        assert answer.split(b" ")[1] in (b"400", b"404")
        assert b'{"cord": 4' in answer


def test_pictures_need_a_token_where_answers_do(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    secret = add_token(tmp_path / "tokens", "reader", Scope.READ)
    service = make_service(tokens=tmp_path / "tokens")
    assert service.send("GET", "/").status == 200
    for target in ("/faces/1.jpg", "/faces/1/photo.jpg", "/files"):
        assert service.send("GET", target).status == 401
        wrong = {"Authorization": f"Bearer {secret}x"}
        assert service.send("GET", target, headers=wrong).status == 401
    right = {"Authorization": f"Bearer {secret}"}
    assert service.send("GET", "/faces/1.jpg", headers=right).status == 404
    assert service.send("GET", "/files", headers=right).status == 200


# --- accidents ------------------------------------------------------------------------------------


def make_clumsy(service: Service) -> None:
    service.thread.pictures._command = [sys.executable, "-c", ACCIDENTS]


@pytest.mark.parametrize("accident", ["crash", "babble", "memory", "hang"])
def test_a_poison_photo_costs_one_request(
    service: Service, accident: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_clumsy(service)
    if accident == "hang":
        monkeypatch.setattr(pictures_module, "WORK_SECONDS", 1.0)
    (bad,) = faces_of(service, service.drop(f"{accident}.png", 1))
    (good,) = faces_of(service, service.drop("good.png", 2))
    assert service.send("GET", f"/faces/{good}/photo.jpg").status == 200
    child = service.thread.pictures._process
    assert child is not None
    answer = service.send("GET", f"/faces/{bad}.jpg")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "600")
    monkeypatch.undo()
    assert looks_like(image_of(service.send("GET", f"/faces/{good}.jpg")), 2)
    restarted = service.thread.pictures._process
    assert restarted is not None
    assert restarted.pid != child.pid
    assert service.send("GET", f"/faces/{bad}.jpg").status == 503  # without another try
    assert service.thread.pictures._process is restarted
    assert restarted.returncode is None


def test_a_photo_that_cannot_be_decoded_costs_one_request(service: Service) -> None:
    make_clumsy(service)
    (bad,) = faces_of(service, service.drop("undecodable.png", 1))
    (good,) = faces_of(service, service.drop("good.png", 2))
    assert service.send("GET", f"/faces/{good}/photo.jpg").status == 200
    child = service.thread.pictures._process
    answer = service.send("GET", f"/faces/{bad}.jpg")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "600")
    assert looks_like(image_of(service.send("GET", f"/faces/{good}.jpg")), 2)
    assert service.thread.pictures._process is child


def test_the_child_gets_nothing_secret_of_our_environment(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSON_COUNT_TOKENS", "secret")
    monkeypatch.setenv("DATABASE_PASSWORD", "secret")
    (face,) = faces_of(service, service.drop("a.png", 1))
    assert service.send("GET", f"/faces/{face}.jpg").status == 200
    child = service.thread.pictures._process
    assert child is not None
    found = Path(f"/proc/{child.pid}/environ").read_bytes().split(b"\0")
    assert {one.split(b"=")[0].decode() for one in found if one} <= {
        *pictures_module.PASSED_ON,
        "LC_CTYPE",
    }


def test_a_child_that_was_killed_is_started_again(service: Service) -> None:
    (face,) = faces_of(service, service.drop("a.png", 1))
    assert service.send("GET", f"/faces/{face}.jpg").status == 200
    child = service.thread.pictures._process
    assert child is not None
    os.kill(child.pid, signal.SIGKILL)
    wait_until(lambda: child.returncode is not None, "the child's end is noticed")
    assert service.send("GET", f"/faces/{face}/photo.jpg").status == 200


def test_more_than_may_wait_are_sent_away(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_clumsy(service)
    monkeypatch.setattr(pictures_module, "MAX_WAITING", 1)
    (bad,) = faces_of(service, service.drop("hang.png", 1))
    (good,) = faces_of(service, service.drop("good.png", 2))
    assert service.send("GET", f"/faces/{good}/photo.jpg").status == 200
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda: answers.append(service.send("GET", f"/faces/{bad}.jpg")))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: service.thread.pictures._waiting == 2, "one is made and one waits")
    answer = service.send("GET", f"/faces/{good}.jpg")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    child = service.thread.pictures._process
    assert child is not None
    os.kill(child.pid, signal.SIGKILL)
    for thread in threads:
        thread.join()
    assert [one.status for one in answers] == [503, 503]
    assert service.send("GET", f"/faces/{good}.jpg").status == 200


def test_without_a_child_there_is_a_clear_refusal(service: Service) -> None:
    service.thread.pictures._command = ["/nonexistent/person-count"]
    (face,) = faces_of(service, service.drop("a.png", 1))
    assert service.send("GET", f"/faces/{face}.jpg").status == 503


def test_pictures_are_kept_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures_module, "KEPT_BYTES", 1000)
    kept = pictures_module._Kept()
    signature = signature_of(os.lstat(__file__))
    orders = [PictureOrder(f"/{number}", "/", signature, "", (1, 1), None) for number in range(5)]
    for one in orders:
        kept.put(one, bytes(300))
        kept.get(orders[0])
    assert [kept.get(one) is not None for one in orders] == [True, False, False, True, True]
