"""Clocks that are set: nothing waits for ever, and nothing is erased early."""

import os
import threading
from pathlib import Path

import pytest

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import queue
from index.database.queries.generations import GenerationRow
from index.database.states import FileState
from index.library.ingest_report import IngestReport, store_report
from ingest.jobs import process as process_module
from ingest.jobs.process import Housekeeping
from ingest.watching.clock_guard import STEADY_SECONDS, ClockGuard, since_boot
from tests.ingest.builders import Clock, Ingest

DAY = 86_400.0
SETTLE = 2.0


class Machine:
    """Two clocks: one that only time moves, and one that can be set."""

    def __init__(self) -> None:
        self.wall = Clock()
        self.boot = Clock()

    def pass_time(self, seconds: float) -> None:
        self.wall.advance(seconds)
        self.boot.advance(seconds)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def guard(database: Database, machine: Machine) -> ClockGuard:
    return ClockGuard(database, SETTLE, machine.wall, machine.boot)


@pytest.fixture
def slow(database: Database, settings: Settings, generation: GenerationRow) -> Ingest:
    """An ingest in which files have to settle."""
    return Ingest(database, settings.model_copy(update={"settle_seconds": SETTLE}), generation)


def dates(ingest: Ingest) -> list[float]:
    with ingest.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT created_at FROM images ORDER BY id")
        return [row[0] for row in rows]


def date(ingest: Ingest, *times: float) -> None:
    """Set when the images were first indexed."""
    with ingest.database.write() as connection:
        for number, when in enumerate(times, 1):
            connection.exec_driver_sql(
                "UPDATE images SET created_at = ? WHERE id = ?", (when, number)
            )


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [-DAY, -60.0, DAY, 400 * DAY])
def test_a_new_file_is_read_soon_after_the_clock_was_set(
    slow: Ingest, machine: Machine, jump: float
) -> None:
    slow.clock.now = machine.wall()
    guard = ClockGuard(slow.database, SETTLE, machine.wall, machine.boot)
    slow.drop("a.png", 1)
    slow.scanner.scan()
    machine.wall.advance(jump)
    guard.check()
    machine.pass_time(SETTLE + 0.1)
    slow.clock.now = machine.wall()
    assert slow.drain() == 1
    assert guard.jumps == 1


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_a_retry_comes_within_its_longest_time_of_a_clock_that_was_set(
    slow: Ingest, machine: Machine, jump: float
) -> None:
    guard = ClockGuard(slow.database, SETTLE, machine.wall, machine.boot)
    path = slow.drop("a.png", 1)
    path.write_bytes(path.read_bytes()[:60])
    slow.clock.now = machine.wall() + 60
    slow.index()
    assert slow.states() == {"a.png": FileState.FAILED.value}
    machine.wall.advance(jump)
    guard.check()
    retry = slow.retry_at("a.png")
    assert retry is not None
    assert retry <= machine.wall() + 600


def test_a_clock_that_was_set_back_while_nobody_ran_delays_nothing(
    slow: Ingest, machine: Machine
) -> None:
    slow.clock.now = machine.wall() + DAY
    slow.drop("a.png", 1)
    slow.scanner.record([(str(slow.inbox / "a.png"), (slow.inbox / "a.png").lstat())])
    slow.drop("b.png", 2)
    slow.index()
    (slow.inbox / "b.png").unlink()
    slow.scanner.scan()
    ClockGuard(slow.database, SETTLE, machine.wall, machine.boot)
    slow.clock.now = machine.wall() + SETTLE
    slow.drain()
    assert slow.states() == {"a.png": "indexed"}
    assert slow.drop_orphans() == 1  # and faces of deleted files do not stay until tomorrow


def test_times_that_are_in_order_stay_as_they_are(slow: Ingest, guard: ClockGuard) -> None:
    slow.drop("a.png", 1)
    slow.scanner.scan()
    before = slow.retry_at("a.png")
    guard.check()
    assert slow.retry_at("a.png") == before
    assert guard.jumps == 0


@pytest.mark.parametrize("seconds", [-2 * DAY, 0.0, 2 * DAY])
def test_files_of_yesterday_and_of_tomorrow_settle_alike(slow: Ingest, seconds: float) -> None:
    path = slow.drop("a.png", 1)
    os.utime(path, (slow.clock() + seconds,) * 2)
    slow.scanner.scan()
    slow.clock.advance(SETTLE + 1)
    assert slow.drain() == 1


# --- jumps ---------------------------------------------------------------------------------------


def test_a_clock_that_is_kept_right_little_by_little_has_not_jumped(
    guard: ClockGuard, machine: Machine
) -> None:
    for _ in range(100):
        machine.pass_time(5)
        machine.wall.advance(0.5)
        guard.check()
    assert guard.jumps == 0
    assert guard.may_expire()


def test_sleep_is_no_jump(guard: ClockGuard, machine: Machine) -> None:
    machine.pass_time(3 * DAY)
    guard.check()
    assert guard.jumps == 0
    assert guard.may_expire()


def test_seconds_since_boot_go_forward() -> None:
    first = since_boot()
    threading.Event().wait(0.01)
    assert since_boot() > first


# --- retention -----------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [-DAY, DAY, 4000.0])
def test_nothing_expires_until_a_clock_that_was_set_has_gone_right_for_a_day(
    guard: ClockGuard, machine: Machine, jump: float
) -> None:
    assert guard.may_expire()
    machine.wall.advance(jump)
    guard.check()
    assert not guard.may_expire()
    machine.pass_time(STEADY_SECONDS - 1)
    assert not guard.may_expire()
    machine.pass_time(1)
    assert guard.may_expire()


def test_a_jump_of_less_than_retention_counts_does_not_hold_it_up(
    guard: ClockGuard, machine: Machine
) -> None:
    machine.wall.advance(60)
    guard.check()
    assert guard.jumps == 1
    assert guard.may_expire()


@pytest.mark.parametrize(("ago", "waits"), [(-3600.0, True), (60.0, False), (30 * DAY, True)])
def test_a_start_long_after_or_before_the_last_report_waits_a_day(
    database: Database, machine: Machine, ago: float, waits: bool
) -> None:
    store_report(database, IngestReport(started_at=0.0), machine.wall() - ago)
    guard = ClockGuard(database, SETTLE, machine.wall, machine.boot)
    assert guard.may_expire() is not waits
    machine.pass_time(STEADY_SECONDS)
    assert guard.may_expire()


def test_what_came_while_the_clock_was_wrong_gets_its_right_date(
    ingest: Ingest, machine: Machine
) -> None:
    """A machine that starts in 1970 and learns the time later."""
    right = machine.wall()
    for number in range(3):
        ingest.drop(f"{number}.png", number)
    ingest.index()
    machine.wall.now = 100.0
    guard = ClockGuard(ingest.database, SETTLE, machine.wall, machine.boot)
    machine.pass_time(50)
    date(ingest, 120.0, right - 40 * DAY, 150.0)  # the second is of an earlier life
    machine.wall.now = right
    guard.check()
    assert dates(ingest) == pytest.approx([right - 30, right - 40 * DAY, right])
    machine.pass_time(10)
    date(ingest, right + 5)
    machine.wall.advance(DAY)
    guard.check()
    # another jump, another correction: of what came since this process started, and no more
    assert dates(ingest)[:2] == pytest.approx([right + 5 + DAY, right - 40 * DAY])


def test_what_came_from_the_future_is_not_kept_longer(ingest: Ingest, machine: Machine) -> None:
    ingest.drop("0.png", 1)
    ingest.index()
    date(ingest, machine.wall() + 3650 * DAY)
    assert ClockGuard(ingest.database, SETTLE, machine.wall, machine.boot).may_expire()
    assert dates(ingest) == [machine.wall()]


def test_a_clock_that_is_set_forward_erases_nothing_that_is_not_old(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, machine: Machine, tmp_path: Path
) -> None:
    """Set a year ahead by mistake, and back an hour later."""
    monkeypatch.setattr(process_module, "HOUSEKEEPING_SECONDS", 0.0)
    monkeypatch.setattr(process_module, "EXPIRY_SECONDS", 0.0)
    ingest.drop("a.png", 1)
    ingest.index()
    settings = ingest.settings.model_copy(update={"retention_days": 30.0})
    housekeeping = Housekeeping(ingest.database, settings, machine.wall)
    housekeeping.clock_guard = ClockGuard(ingest.database, SETTLE, machine.wall, machine.boot)
    machine.wall.advance(365 * DAY)
    for _ in range(12):
        housekeeping.run_if_due()
        machine.pass_time(300)
    machine.wall.advance(-365 * DAY)
    housekeeping.run_if_due()
    assert ingest.states() == {"a.png": "indexed"}
    assert housekeeping.clock_guard.jumps == 2
    machine.pass_time(31 * DAY)
    housekeeping.run_if_due()
    assert ingest.states() == {}
    assert tmp_path.is_dir()
    with ingest.database.read() as connection:
        assert queue.counts(connection)["indexed"] == 0
