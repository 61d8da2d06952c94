"""The persons of the whole library, counted in the background."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from index.counting import answer, evidence, neighbours
from index.database.queries import sightings
from index.library.everybody import PeopleState
from service.answering import people_keeper
from service.answering.follower import Follower
from tests.ray_head import ray_head
from tests.service.running import Service, refusal
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_keeper, "STEP_SECONDS", 0.02)
    monkeypatch.setattr(people_keeper, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(people_keeper, "FAILED_SECONDS", 0.0)


def people(service: Service, query: str = "") -> Any:
    answer = service.send("GET", f"/people{query}")
    assert answer.status == 200
    return answer.json


def counted(service: Service, photos: int) -> Any:
    """What is known once so many photos are counted."""

    def is_done() -> bool:
        found = people(service)
        return found["state"] == "current" and found["photo_num"] == photos

    wait_until(is_done, f"{photos} photos are counted")
    return people(service)


def fill(service: Service) -> None:
    for number in range(4):
        service.drop(f"often/{number}.png", 1, seed=number)
    service.drop("pair.png", 1, 2)
    service.drop("two.png", 2, seed=9)
    service.drop("once.png", 3)
    assert service.ask(".").json["person_num"] == 3


def test_everybody_is_counted_the_most_photographed_first(service: Service) -> None:
    assert people(service)["person_num"] is None
    fill(service)
    found = counted(service, 7)
    assert (found["person_num"], found["face_num"], found["next"]) == (3, 8, None)
    assert [one["photos"] for one in found["persons"]] == [5, 2, 1]
    assert [one["face_num"] for one in found["persons"]] == [5, 2, 1]
    names = [sorted(face["filepaths"][0] for face in one["faces"]) for one in found["persons"]]
    assert names[1:] == [["pair.png", "two.png"], ["once.png"]]
    assert found["as_of"]["change"] > 0
    page = people(service, "?limit=1&offset=1")
    assert (page["persons"], page["next"]) == (found["persons"][1:2], 2)
    assert people(service, "?offset=3")["persons"] == []


def test_they_are_kept_until_photos_change(service: Service) -> None:
    fill(service)
    before = counted(service, 7)
    assert people(service)["as_of"] == before["as_of"]
    service.drop("new.png", 3, seed=8)
    assert service.ask("new.png").status == 200
    after = counted(service, 8)
    assert after["as_of"]["change"] > before["as_of"]["change"]
    assert [one["photos"] for one in after["persons"]] == [5, 2, 2]


def test_what_was_counted_is_there_after_a_restart(service: Service) -> None:
    fill(service)
    found = counted(service, 7)
    keeper = service.answerer.people
    again = people_keeper.PeopleKeeper(
        service.database,
        service.settings,
        service.thread.follower,
        keeper._threads,
        service.answerer.roots,
    )
    assert again.document(0, 50)["persons"] == found["persons"]
    again._step()
    assert again.state is PeopleState.CURRENT


def test_it_looks_again_once_somebody_has_committed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(service)
    counted(service, 7)
    follower = Follower(service.database, service.settings.distance)  # its thread does not run
    follower.ready = True
    keeper = people_keeper.PeopleKeeper(
        service.database,
        service.settings,
        follower,
        service.answerer.people._threads,
        service.answerer.roots,
    )
    keeper._look()
    assert keeper.state is PeopleState.CURRENT
    steps: list[int] = []
    monkeypatch.setattr(keeper, "_step", lambda: steps.append(follower.commits))
    keeper._look()
    assert steps == []
    follower.commits += 1
    keeper._look()
    keeper._look()
    assert steps == [1]
    follower.ready = False  # it may never see a commit again
    keeper._look()
    assert steps == [1, 1]


@contextmanager
def slow_work(service: Service) -> Iterator[None]:
    threads = service.answerer.people._threads
    threads.slow_work += 1
    try:
        yield
    finally:
        threads.slow_work -= 1


def test_more_urgent_work_comes_first(service: Service) -> None:
    with slow_work(service):
        fill(service)
        wait_until(lambda: people(service)["state"] == "waiting", "it waits")
        assert people(service)["persons"] == []
    assert counted(service, 7)["person_num"] == 3


def test_a_count_is_given_up_for_more_urgent_work_and_made_later(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = service.answerer.people
    count = people_keeper.answer_question
    states: list[Any] = []

    def disturbed(*given: Any) -> Any:
        if not states:
            states.append(keeper.document(0, 1)["counting"])
            with slow_work(service):
                given[-1].check_time()
        return count(*given)

    monkeypatch.setattr(people_keeper, "answer_question", disturbed)
    fill(service)
    assert counted(service, 7)["person_num"] == 3
    assert keeper.interruptions >= 1
    assert states[0]["rounds"] == 0


def test_photos_that_wait_to_be_read_come_first(make_service: Callable[..., Service]) -> None:
    service = make_service(wait_seconds=1.0)
    fill(service)
    before = counted(service, 7)
    service.worker.hold()
    service.drop("late.png", 5)
    assert service.ask("late.png", path="/persons", threshold="0.2").json["complete"] is False
    wait_until(lambda: people(service)["state"] == "waiting", "it waits")
    assert people(service)["persons"] == before["persons"]
    service.worker.let_go()
    assert counted(service, 8)["person_num"] == 4


def test_a_count_of_photos_that_changed_meanwhile_is_not_kept(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = people_keeper.answer_question
    stored: list[Any] = []

    def late(*given: Any) -> Any:
        if not stored:
            with service.database.write() as connection:
                sightings.forget(connection, str(service.settings.inbox / "once.png"), 1.0)
        stored.append(people(service)["person_num"])
        return count(*given)

    fill(service)
    counted(service, 7)
    monkeypatch.setattr(people_keeper, "answer_question", late)
    service.drop("new.png", 4)
    assert service.ask("new.png").status == 200
    wait_until(
        lambda: len(stored) == 2 and people(service)["state"] == "current", "it is counted again"
    )
    assert stored == [3, 3]  # of before, both times
    assert (people(service)["photo_num"], people(service)["person_num"]) == (7, 3)


def test_photos_that_are_gone_are_not_shown(service: Service) -> None:
    fill(service)
    counted(service, 7)
    (service.settings.inbox / "pair.png").unlink()
    found = people(service)
    shown = [face["filepaths"][0] for one in found["persons"] for face in one["faces"]]
    assert "pair.png" not in shown
    assert "two.png" in shown


def test_too_many_faces_are_refused_with_a_sentence(make_service: Callable[..., Service]) -> None:
    service = make_service(max_request_faces=2)
    for number in range(3):
        service.drop(f"{number}.png", number)
        assert service.ask(f"{number}.png").status == 200
    wait_until(lambda: people(service)["state"] == "refused", "it is refused")
    assert "3 faces are more than the 2 allowed" in people(service)["problem"]


def test_a_count_that_fails_is_logged_once_and_tried_again_when_photos_change(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError

    count = people_keeper.answer_question
    monkeypatch.setattr(people_keeper, "answer_question", fail)
    service.drop("a.png", 1)
    assert service.ask("a.png").status == 200
    wait_until(lambda: people(service)["state"] == "refused", "it has failed")
    assert people(service)["problem"] == "the count failed; see the log"
    looks = iter(range(20))
    wait_until(lambda: people(service) and next(looks) == 10, "it has had time to fail again")
    assert [record.message for record in caplog.records].count("people.failed") == 1
    monkeypatch.setattr(people_keeper, "answer_question", count)
    service.drop("b.png", 2)
    assert service.ask("b.png").status == 200
    assert counted(service, 2)["person_num"] == 2


def test_a_setting_switches_it_off(make_service: Callable[..., Service]) -> None:
    service = make_service(library_people=False)
    service.drop("a.png", 1)
    assert service.ask("a.png").status == 200
    assert people(service) == people(service) | {"state": "off", "persons": [], "person_num": None}


@pytest.mark.parametrize("query", ["?limit=0", "?limit=201", "?offset=-1", "?x=1"])
def test_bad_parameters_are_refused(service: Service, query: str) -> None:
    refusal(service.send("GET", f"/people{query}"), 400)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a Ray, and so few faces suffice to use it."""
    for module in (answer, evidence):
        monkeypatch.setattr(module, "DENSE_FACES", 1)
    monkeypatch.setattr(neighbours, "BLOCK_ROWS", 2)
    with ray_head() as head:
        for name, value in head.environment.items():
            monkeypatch.setenv(name, value)
        yield head.address


@pytest.mark.processes
@pytest.mark.timeout(180)
def test_a_cluster_counts_them(
    service: Service, cluster: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "index.library.ray_blocks")
    with slow_work(service):
        keeper = service.answerer.people
        keeper._settings = service.settings.model_copy(update={"ray_address": cluster})
        fill(service)
    found = counted(service, 7)
    assert [one["photos"] for one in found["persons"]] == [5, 2, 1]
    assert "people.ray_joined" in caplog.text
    assert "people.ray_lost" not in caplog.text
