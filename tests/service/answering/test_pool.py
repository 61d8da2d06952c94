"""The threads that do blocking work for the event loop."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from service.answering.pool import Pool
from tests.waiting import DEADLINE_SECONDS, wait_until

who: ContextVar[str] = ContextVar("who")


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(2, "test")
    yield made
    made.close()
    made.join()


def run(pool: Pool, work: Callable[[], Any]) -> Any:
    async def wait() -> Any:
        return await pool.run(work)

    return asyncio.run(wait())


def names() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("test_")]


def test_work_is_done_in_a_thread_in_the_context_of_its_caller(pool: Pool) -> None:
    who.set("caller")
    name, caller = run(pool, lambda: (threading.current_thread().name, who.get()))
    assert (name, caller) == ("test_0", "caller")


def test_what_work_raises_reaches_its_caller(pool: Pool) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        run(pool, lambda: int("x"))
    assert run(pool, int) == 0


def test_threads_begin_when_they_are_needed(pool: Pool) -> None:
    for _ in range(5):
        run(pool, int)
        wait_until(lambda: len(pool._idle) == 1, "its thread waits again")
    assert names() == ["test_0"]
    both, free = threading.Barrier(3), threading.Event()

    def meet() -> None:
        both.wait(DEADLINE_SECONDS)
        free.wait()

    for _ in range(2):
        pool.begin(meet)
    both.wait(DEADLINE_SECONDS)
    done = threading.Event()
    pool.begin(done.set)  # it waits for a thread
    assert names() == ["test_0", "test_1"]
    assert not done.is_set()
    free.set()
    assert done.wait(DEADLINE_SECONDS)


@pytest.mark.parametrize("begun", [False, True])
def test_work_of_a_caller_who_was_cancelled(pool: Pool, begun: bool) -> None:
    """Closing drops the work that waits. It lets running work end, and tells nobody."""
    free, did = threading.Event(), []
    at_work = threading.Event()

    def work() -> None:
        at_work.set()
        free.wait()
        did.append("work")

    async def cancel() -> None:
        if not begun:
            for _ in range(2):
                pool.begin(free.wait)
        waiting = asyncio.ensure_future(pool.run(work))
        if begun:
            await asyncio.to_thread(at_work.wait)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        free.set()
        assert await pool.run(int) == 0

    asyncio.run(cancel())
    pool.close()
    pool.join()
    assert did == (["work"] if begun else [])


def test_work_that_outlives_the_loop_harms_nothing(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    free = threading.Event()

    async def leave() -> None:
        asyncio.ensure_future(pool.run(free.wait))  # noqa: RUF006 - it is left alone

    asyncio.run(leave())
    free.set()
    assert run(pool, int) == 0
    pool.close()
    pool.join()
    assert not caplog.records


def test_what_waits_when_it_is_closed_never_begins() -> None:
    pool = Pool(1, "test")
    free, did = threading.Event(), []
    pool.begin(free.wait)
    pool.begin(lambda: did.append("late"))
    pool.close()
    free.set()
    pool.join()
    assert did == []


def test_work_for_which_nobody_waits_fails_into_the_log(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    pool.begin(lambda: int("x"))
    assert run(pool, int) == 0
    wait_until(lambda: bool(caplog.records), "it is logged")
    assert [record.message for record in caplog.records] == ["service.work_failed"]
