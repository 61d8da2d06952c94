"""The main job with the real program, the real models and real photos."""

import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.runner import PATIENCE_SECONDS, Service, wait_until

pytestmark = [pytest.mark.models, pytest.mark.processes, pytest.mark.timeout(600)]

Make = Callable[..., Service]
Photos = Callable[[int, int], list[Path]]
ONE = [("faces", "one")]
# PERSON_COUNT_PHOTOS=500 repeats these at the size that the documentation reports
PHOTOS_AT_MOST = int(os.environ.get("PERSON_COUNT_PHOTOS", "100"))
SOME = (100, PHOTOS_AT_MOST // 100) if PHOTOS_AT_MOST >= 200 else (PHOTOS_AT_MOST // 4, 4)


def drop(photos: list[Path], inbox: Path) -> list[str]:
    for photo in photos:
        shutil.copy(photo, inbox)
    return [photo.name for photo in photos]


def test_twelve_photos_of_three_people_count_three(make_service: Make, lfw: Photos) -> None:
    # a slow machine takes longer to load the networks than a request waits by default
    service = make_service(wait_seconds=PATIENCE_SECONDS)
    service.start()
    names = drop(lfw(3, 4), service.inbox)
    # some of these photos show a bystander as large as the person they are labelled with
    status, answer = service.count(names, faces="one")
    assert status == 200
    assert list(answer) == ["errcode", "filepaths", "threshold", "person_num"]
    assert answer == {"errcode": 1, "filepaths": names, "threshold": "0.2", "person_num": 3}
    assert service.get("/person_count/person_count", [("filepath", names[0])])[1]["person_num"] == 1
    assert service.count(["nobody.jpg"]) == (404, {"cord": 404, "error": "File does not exist"})
    status, explained = service.get("/persons", [("filepath", name) for name in names] + ONE)
    assert [len(person["faces"]) for person in explained["persons"]] == [4, 4, 4]
    assert explained["complete"] is True
    direct = service.run(
        "count", *(str(service.inbox / name) for name in names), "--faces", "one", "--json"
    )
    assert direct.stdout.endswith('"threshold": "0.2", "person_num": 3}\n'), direct.stderr
    service.stop()


def test_answers_are_right_while_photos_pour_in(make_service: Make, lfw: Photos) -> None:
    """Every answer is 200 or 503, and afterwards every repeated question has the same answer."""
    service = make_service(wait_seconds=1.0)
    service.start()
    photos = lfw(*SOME)
    names = [photo.name for photo in photos]
    random_names = random.Random(0)
    asked: list[tuple[list[str], int, int | None]] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            some = random_names.sample(names, 10)
            status, answer = service.count(some)
            asked.append((some, status, answer.get("person_num")))
            done.wait(0.1)

    drop(photos, service.inbox)
    caller = threading.Thread(target=ask)
    caller.start()
    service.wait_indexed(len(photos))
    done.set()
    caller.join()
    assert {status for _, status, _ in asked} <= {200, 503}
    for some, status, number in asked:
        again = service.count(some)
        assert again[0] == 200
        if status == 200:
            assert again[1]["person_num"] == number


def test_an_ingest_killed_five_times_ends_like_an_undisturbed_one(
    make_service: Make, lfw: Photos
) -> None:
    photos = lfw(*SOME)
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)  # noqa: T201 - to repeat a failure
    moments = random.Random(seed)
    disturbed, quiet = make_service("disturbed"), make_service("quiet")
    names = drop(photos, disturbed.inbox)
    drop(photos, quiet.inbox)
    for _ in range(5):
        disturbed.start()
        threading.Event().wait(moments.uniform(1.0, 8.0))
        disturbed.kill()
    for service in (disturbed, quiet):
        service.start()
        service.wait_indexed(len(photos))
    clean = disturbed.run("verify")
    assert clean.returncode == 0, clean.stderr
    assert disturbed.get("/status")[1]["images"] == quiet.get("/status")[1]["images"]
    for _ in range(20):
        some = moments.sample(names, 12)
        assert disturbed.count(some) == quiet.count(some)


def test_a_reindex_interrupted_and_resumed_never_stops_the_answers(
    make_service: Make, lfw: Photos
) -> None:
    service = make_service()
    photos = lfw(*SOME)
    names = drop(photos, service.inbox)
    service.start()
    service.wait_indexed(len(photos))
    expected = service.count(names)
    before = service.get("/status")[1]
    command = [sys.executable, "-m", "person_count", "reindex", "--config", str(service.config)]
    first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_until(
        lambda: service.get("/status")[1].get("reindex", {}).get("images", 0) > 0, "a re-index"
    )
    first.terminate()
    assert "nothing has changed" in first.communicate(timeout=PATIENCE_SECONDS)[1]
    assert first.returncode == 130
    assert service.count(names) == expected
    second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while second.poll() is None:
        assert service.count(names) == expected
    assert f"{len(photos)} images (" in (second.stdout.read() if second.stdout else "")
    second.communicate()
    assert second.returncode == 0
    after = service.get("/status")[1]
    assert {"reindex"}.isdisjoint(after)
    assert (after["images"], after["faces"]) == (before["images"], before["faces"])
    assert service.count(names) == expected
    assert service.run("verify").returncode == 0
    shutil.copy(lfw(1, 8)[-1], service.inbox)
    service.wait_indexed(len(photos) + 1)
