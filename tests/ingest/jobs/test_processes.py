"""What others see of the processes that read photos: what each does, and how much it has stored."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from index.base.settings import Settings
from index.database.presence import Presence
from index.database.queries import leases, processes, queue
from index.database.queries.processes import LOST_SECONDS, ProcessRow
from index.database.states import ProcessKind, ProcessState
from ingest.jobs import process, standby
from ingest.jobs.process import run_ingest, run_scanner, run_worker
from ingest.jobs.worker import Worker
from ingest.networks.models import Models
from tests.fakes import DECODERS, BusyDetector, FakeEncoder, fake_models
from tests.index.builders import ask, by_hand
from tests.ingest.builders import Ingest
from tests.ingest.draining import Draining
from tests.ingest.leasing import at_work
from tests.waiting import wait_until

FILES = 6
STORED = "SELECT (SELECT count(*) FROM files WHERE state = 'indexed'), (SELECT count(*) FROM faces)"

pytestmark = pytest.mark.engines


@pytest.fixture
def full(ingest: Ingest) -> Ingest:
    """A library of one engine, with files that wait; two of one content, one that is no photo."""
    for number in range(FILES):
        ingest.drop(f"{number}.png", number, number + 10)
    ingest.drop("copy.png", 1, 11)
    (ingest.inbox / "broken.jpg").write_text("no image")
    ingest.settings = ingest.settings.model_copy(update={"batch_files": 3})
    ingest.scanner.scan()
    return ingest


def rows(ingest: Ingest) -> list[ProcessRow]:
    with ingest.database.read() as connection:
        return processes.all_processes(connection)


def states(ingest: Ingest) -> list[tuple[str, str]]:
    return [(row.told.kind, row.told.state) for row in rows(ingest)]


def presence(ingest: Ingest) -> Presence:
    return Presence(ingest.database, ingest.settings.data, ProcessKind.WORK, ProcessState.WORKS)


def worker(ingest: Ingest, name: str, models: Models | None = None) -> Worker:
    return Worker(
        ingest.database, ingest.settings, ingest.generation, models or fake_models(), name=name
    )


@contextmanager
def running(run: Callable[[Settings, threading.Event], None], *given: Settings) -> Iterator[None]:
    """The process *run* with each of the settings *given*, in threads, until the end."""
    stop = threading.Event()
    with ThreadPoolExecutor() as pool:
        started = [pool.submit(run, settings, stop) for settings in given]
        try:
            yield
        finally:
            stop.set()
        for one in started:
            one.result()


def test_each_worker_counts_what_it_stores_and_together_they_have_stored_all(
    full: Ingest,
) -> None:
    with presence(full) as one, presence(full) as two:
        workers = [worker(full, one.name), worker(full, two.name)]
        while sum(each.step() for each in workers):
            pass
        found = rows(full)
        assert all(row.files > 0 for row in found)
        (stored,) = ask(full.database, STORED)
        assert stored == (FILES + 1, 2 * FILES)
        assert stored == (sum(row.files for row in found), sum(row.faces for row in found))


def test_a_late_worker_does_not_count_what_is_refused(
    full: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    full.settings = full.settings.model_copy(update={"batch_files": 100})
    with presence(full) as late, presence(full) as quick:

        def overtake() -> None:
            with full.database.write() as connection:
                leases.release_lost(connection, full.clock())
            while worker(full, quick.name).step():
                pass

        models = Models(BusyDetector(overtake), FakeEncoder(), DECODERS)
        with monkeypatch.context() as patch:
            patch.setattr(queue, "LEASE_SECONDS", -1.0)
            worker(full, late.name, models).step()
        found = {row.told.name: (row.files, row.faces) for row in rows(full)}
        assert found == {late.name: (0, 0), quick.name: (FILES + 1, 2 * FILES)}


def test_faces_that_two_workers_find_at_once_are_counted_by_the_one_that_stores_them(
    ingest: Ingest,
) -> None:
    for name in ("a.png", "b.png"):
        ingest.drop(name, 1, 2)
    ingest.settings = ingest.settings.model_copy(update={"batch_files": 1})
    ingest.scanner.scan()
    with presence(ingest) as late, presence(ingest) as quick:
        act = worker(ingest, quick.name).step
        models = Models(BusyDetector(lambda: act() and None), FakeEncoder(), DECODERS)
        worker(ingest, late.name, models).step()
        found = {row.told.name: (row.files, row.faces) for row in rows(ingest)}
    assert found == {late.name: (1, 0), quick.name: (1, 2)}


@pytest.mark.processes
@pytest.mark.engines("postgres")  # the process has its library on a server
def test_a_killed_worker_is_shown_as_lost_with_what_it_has_stored(full: Ingest) -> None:
    with at_work("stored", full.settings) as killed:
        (before,) = rows(full)
        assert (before.files, before.faces, before.is_lost) == (3, 6, False)
        killed.kill()
        killed.wait()
    by_hand(full.database, f"UPDATE processes SET seen = seen - {LOST_SECONDS}")
    (after,) = rows(full)
    assert (after.told, after.files, after.faces) == (before.told, before.files, before.faces)
    assert after.is_lost


@pytest.mark.processes
@pytest.mark.engines("postgres")  # see above
def test_a_worker_that_ends_in_order_is_gone(full: Ingest) -> None:
    with at_work("files", full.settings) as ends:
        assert states(full) == [("work", "works")]
        ends.communicate("go on\n")
    assert rows(full) == []


def test_the_process_that_watches_says_so(full: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "new_worker", lambda _, __, name: worker(full, name))
    monkeypatch.setattr(process, "HOUSEKEEPING_SECONDS", 0.05)
    by_hand(
        full.database,
        "INSERT INTO processes VALUES ('old', 'serve', 'box', '0', '1', 'answers', 1, 2, 3, 4)",
    )
    with running(run_ingest, full.settings):
        wait_until(lambda: states(full) == [("watch", "watches")], "the row of long ago is gone")
        wait_until(lambda: rows(full)[0].files == FILES + 1, "it counts what it stores")
    assert rows(full) == []


@pytest.mark.engines("postgres")  # nobody works beside a file's ingest
def test_a_worker_says_when_it_sees_no_photos(
    full: Ingest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(standby, "new_worker", lambda _, __, name: worker(full, name))
    monkeypatch.setattr(standby, "LOOK_SECONDS", 0.01)
    elsewhere = full.inbox.rename(tmp_path / "not mounted")
    with running(run_worker, full.settings):
        wait_until(lambda: states(full) == [("work", "sees_no_photos")], "it sees nothing")
        elsewhere.rename(full.inbox)
        wait_until(lambda: states(full) == [("work", "works")], "it sees them again")
    assert rows(full) == []


@pytest.mark.engines("postgres")  # see above
def test_of_two_scanners_one_watches_and_one_stands_by(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(standby, "OUTAGE_SECONDS", 0.01)
    other = ingest.settings.model_copy(update={"data": tmp_path / "another's"})
    with running(run_scanner, ingest.settings, other):
        both = {("scan", "watches"), ("scan", "stands_by")}
        wait_until(lambda: set(states(ingest)) == both, "both say what they do")
    assert rows(ingest) == []


def test_the_command_ingest_is_seen_while_it_works(
    draining: Draining, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str]] = []
    step = Worker.step

    def watched(self: Worker) -> int:
        seen.extend(states(ingest))
        return step(self)

    monkeypatch.setattr(Worker, "step", watched)
    draining.run(ingest.drop("a.png", 1))
    assert set(seen) == {("ingest", "works")}
    assert rows(ingest) == []
