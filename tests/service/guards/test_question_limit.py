"""Questions under way: how many there may be, and how long each may take."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from index.base.errors import RequestError
from service.guards import limits
from service.guards.limits import Caller, QuestionLimit
from tests.service.running import Service
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("brief_linger", "impatient")


def test_more_questions_than_there_is_room_for_are_sent_away(
    either: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_QUESTIONS", 2)
    either.worker.hold()
    either.drop("a.png", 1)
    statuses: list[int] = []
    askers = [
        threading.Thread(target=lambda: statuses.append(either.ask("a.png").status))
        for _ in range(2)
    ]
    for asker in askers:
        asker.start()
    wait_until(lambda: either.answerer.in_hand == 2, "both wait")
    answer = either.ask("none.png")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert list(answer.json) == ["cord", "error"]
    assert either.send("GET", "/healthz").status == 200
    either.worker.let_go()
    for asker in askers:
        asker.join()
    assert statuses == [200, 200]


@pytest.mark.parametrize("tls", [True, False])
def test_callers_who_hang_up_take_no_room_from_others(
    make_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch, *, tls: bool
) -> None:
    monkeypatch.setattr(limits, "MAX_QUESTIONS", 1)
    service = make_service(tls=tls, wait_seconds=600)
    service.worker.hold()
    service.drop("a.png", 1)
    with service.open_socket() as bare:
        bare.sendall(b"GET /person_count?filepath=a.png HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: service.ask("none.png").status == 503, "it waits and fills the room")
    wait_until(lambda: service.ask("none.png").status == 404, "there is room again")
    wait_until(lambda: service.answerer.in_hand == 0, "the question is over")
    wait_until(lambda: service.thread.handlers_at_work() == 0, "nothing is left of it")
    service.worker.let_go()
    assert service.ask("a.png").json["person_num"] == 1


def test_an_answer_that_takes_too_long_is_given_up() -> None:
    async def ask() -> None:
        limit = QuestionLimit(0.05)
        with pytest.raises(RequestError, match="took longer") as given_up:
            async with limit.admit(Caller()):
                await asyncio.sleep(60)
        assert (given_up.value.status, given_up.value.retry_after_seconds) == (503, 1)
        async with limit.admit(Caller()):
            assert await asyncio.sleep(0, "next") == "next"

    asyncio.run(ask())
