"""The keeper of the ingest process, with tiny children."""

import logging
import os
import signal
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.children import ingest_keeper as module
from service.children.ingest_keeper import IngestKeeper
from tests.waiting import wait_until

MakeKeeper = Callable[[str], IngestKeeper]


@pytest.fixture(autouse=True)
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(module, "FIRST_DELAY_SECONDS", 0.02)


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[MakeKeeper]:
    """A function that makes a keeper of a Python program whose `log` is the file `log`."""
    made: list[IngestKeeper] = []

    def make(program: str) -> IngestKeeper:
        lines = f"import os, signal, sys, time\nlog = open({str(tmp_path / 'log')!r}, 'a')\n"
        lines += textwrap.dedent(program)
        made.append(IngestKeeper([sys.executable, "-S", "-E", "-c", lines]))
        return made[-1]

    yield make
    for keeper in made:
        keeper.close()


def lines_of(folder: Path) -> list[str]:
    log = folder / "log"
    return log.read_text().splitlines() if log.exists() else []


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


SAYS_ITS_NUMBER = "print(os.getpid(), file=log, flush=True)\n"
SLEEPS = SAYS_ITS_NUMBER + "time.sleep(60)\n"


def test_a_child_that_dies_is_started_again(keep: MakeKeeper, tmp_path: Path) -> None:
    keeper = keep(SAYS_ITS_NUMBER + "sys.exit(3)")
    keeper.start()
    wait_until(lambda: keeper.restarts >= 3, "three restarts")
    keeper.close()
    pids = lines_of(tmp_path)
    assert len(set(pids)) == len(pids) >= 3


def test_a_child_that_is_killed_is_started_again(keep: MakeKeeper, tmp_path: Path) -> None:
    keeper = keep(SLEEPS)
    keeper.start()
    wait_until(lambda: len(lines_of(tmp_path)) == 1, "the child runs")
    assert keeper.state() == "running"
    os.kill(int(lines_of(tmp_path)[0]), signal.SIGKILL)
    wait_until(lambda: len(lines_of(tmp_path)) == 2, "another child runs")
    assert keeper.restarts == 1
    assert keeper.state() == "running"


def test_between_two_children_it_says_so(keep: MakeKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY_SECONDS", 60.0)
    keeper = keep("sys.exit(1)")
    assert keeper.state() == "restarting"
    keeper.start()
    wait_until(lambda: keeper.restarts == 1, "the child has ended")
    assert keeper.state() == "restarting"


def delays(caplog: pytest.LogCaptureFixture) -> list[float]:
    ended = [r for r in caplog.records if r.getMessage().startswith("keeper.ingest_ended")]
    return [record.args[1] for record in ended if isinstance(record.args, tuple)]


def test_the_delays_double_up_to_the_longest(
    keep: MakeKeeper, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "LONGEST_DELAY_SECONDS", 0.05)
    keeper = keep("sys.exit(1)")
    keeper.start()
    wait_until(lambda: keeper.restarts >= 4, "four restarts")
    keeper.close()
    assert delays(caplog)[:4] == [0.02, 0.04, 0.05, 0.05]


def test_a_child_that_ran_for_long_starts_the_delays_anew(
    keep: MakeKeeper, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "STEADY_SECONDS", 0.0)
    keeper = keep("sys.exit(1)")
    keeper.start()
    wait_until(lambda: keeper.restarts >= 3, "three restarts")
    keeper.close()
    assert set(delays(caplog)) == {0.02}


def test_every_end_is_an_error_in_the_log(
    keep: MakeKeeper, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = keep("sys.exit(7)")
    keeper.start()
    wait_until(lambda: keeper.restarts >= 1, "a restart")
    keeper.close()
    record = next(r for r in caplog.records if "keeper.ingest_ended" in r.getMessage())
    assert record.levelno == logging.ERROR
    assert "status=7" in record.getMessage()


def test_closing_asks_the_child_first(keep: MakeKeeper, tmp_path: Path) -> None:
    keeper = keep(
        """
        def end(*_):
            print("asked", file=log, flush=True)
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        print(os.getpid(), file=log, flush=True)
        time.sleep(60)
        """
    )
    keeper.start()
    wait_until(lambda: lines_of(tmp_path), "the child runs")
    keeper.close()
    pid, *rest = lines_of(tmp_path)
    assert rest == ["asked"]
    assert not is_alive(int(pid))
    assert keeper.restarts == 0


def test_asking_to_stop_does_not_wait_for_the_child(keep: MakeKeeper, tmp_path: Path) -> None:
    may_end = tmp_path / "may end"
    keeper = keep(
        f"""
        def end(*_):
            print("asked", file=log, flush=True)
            while not os.path.exists({str(may_end)!r}):
                time.sleep(0.01)
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        print(os.getpid(), file=log, flush=True)
        time.sleep(60)
        """
    )
    keeper.start()
    wait_until(lambda: lines_of(tmp_path), "the child runs")
    keeper.ask_to_stop()
    wait_until(lambda: "asked" in lines_of(tmp_path), "the child has been asked")
    assert is_alive(int(lines_of(tmp_path)[0]))
    may_end.touch()
    keeper.close()
    assert not is_alive(int(lines_of(tmp_path)[0]))


def test_a_child_that_does_not_listen_is_killed(
    keep: MakeKeeper,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 0.3)
    keeper = keep("signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEPS)
    keeper.start()
    wait_until(lambda: lines_of(tmp_path), "the child runs")
    started = time.monotonic()
    keeper.close()
    assert time.monotonic() - started >= 0.3
    assert not is_alive(int(lines_of(tmp_path)[0]))
    assert "keeper.ingest_killed" in [record.getMessage() for record in caplog.records]


def test_closing_during_a_delay_starts_no_other_child(
    keep: MakeKeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY_SECONDS", 1000.0)  # more than any test may take
    keeper = keep(SAYS_ITS_NUMBER)
    keeper.start()
    wait_until(lambda: keeper.restarts == 1, "the child has ended")
    keeper.close()
    assert len(lines_of(tmp_path)) == 1


def test_closing_is_harmless_before_and_after(keep: MakeKeeper) -> None:
    keep(SLEEPS).close()
    keeper = keep(SLEEPS)
    keeper.start()
    keeper.close()
    keeper.close()
    assert keeper.state() == "restarting"


def test_a_child_that_cannot_be_started_now_is_tried_again(tmp_path: Path) -> None:
    # no memory, no process numbers left, a disk that is away: all of it passes
    program = tmp_path / "program"
    keeper = IngestKeeper([str(program)])
    keeper.start()
    try:
        wait_until(lambda: keeper.restarts or not keeper._thread.is_alive(), "it has been tried")
        program.write_text(f"#!/bin/sh\necho started >> {tmp_path / 'log'}\nexec sleep 60\n")
        program.chmod(0o700)
        wait_until(lambda: lines_of(tmp_path) == ["started"], "the child runs", seconds=3.0)
    finally:
        keeper.close()
