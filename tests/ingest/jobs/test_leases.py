"""Workers of several machines on one library: each file once, whatever becomes of a worker."""

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from index.base.errors import ConfigError, StoreUnavailableError
from index.base.settings import Settings
from index.database import sole_jobs
from index.database.presence import Presence
from index.database.queries import leases, queue
from index.database.sole_jobs import Turn
from index.database.states import ProcessKind, ProcessState
from index.upkeep.verify import verify
from index.vectors.snapshot_writer import write_snapshot
from index.vectors.space import stored_vector_space
from ingest.jobs import standby
from ingest.jobs.process import run_scanner, run_worker
from ingest.jobs.standby import Sight
from ingest.jobs.worker import Worker
from ingest.networks.models import Models
from tests.fakes import DECODERS, BusyDetector, FakeEncoder, fake_models
from tests.index.builders import ask
from tests.ingest.builders import Ingest
from tests.ingest.leasing import at_work
from tests.postgres import server
from tests.waiting import wait_until

FILES = 6
MANY = 40
STOPS = 2
LEFT = "SELECT count(*) FROM files WHERE state <> 'indexed'"

pytestmark = pytest.mark.engines


@pytest.fixture
def full(ingest: Ingest) -> Ingest:
    """A library of one engine, with files that wait."""
    for number in range(FILES):
        ingest.drop(f"{number}.png", number)
    ingest.scanner.scan()
    return ingest


def another(full: Ingest, models: Models | None = None) -> Worker:
    return Worker(full.database, full.settings, full.generation, models or fake_models())


def release(full: Ingest) -> int:
    with full.database.write() as connection:
        return leases.release_lost(connection, full.clock())


def check(full: Ingest) -> None:
    """Every file is indexed, every image is there once, and no image is without a file."""
    assert ask(full.database, "SELECT state, count(*) FROM files GROUP BY 1") == [
        ("indexed", FILES)
    ]
    assert ask(full.database, "SELECT count(*), count(DISTINCT image_id) FROM faces") == [
        (FILES, FILES)
    ]
    unused = "SELECT count(*) FROM images WHERE id NOT IN (SELECT image_id FROM files)"
    assert ask(full.database, unused) == [(0,)]
    full.check()


def test_a_late_worker_commits_nothing_that_another_one_has_done(
    full: Ingest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def overtake() -> None:
        assert release(full) == FILES
        full.settings = full.settings.model_copy(update={"batch_files": 100})
        while another(full).step():
            pass

    late = another(full, Models(BusyDetector(overtake), FakeEncoder(), DECODERS))
    with monkeypatch.context() as patch:
        patch.setattr(queue, "LEASE_SECONDS", -1.0)
        assert late.step() == 0
    assert f"leases_lost files={FILES}" in caplog.text
    check(full)


def test_what_only_the_late_worker_has_read_is_left_out(
    full: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its images would have no file, and nothing would ever remove them."""
    monkeypatch.setattr(queue, "LEASE_SECONDS", -1.0)
    late = another(
        full, Models(BusyDetector(lambda: release(full) and None), FakeEncoder(), DECODERS)
    )
    assert late.step() == 0
    assert ask(full.database, "SELECT count(*) FROM images") == [(0,)]


@pytest.mark.processes
@pytest.mark.engines("postgres")  # a file has one worker, which tests/crash kills
class TestProcesses:
    def test_the_files_of_a_killed_worker_are_read_by_another_one(self, full: Ingest) -> None:
        with at_work("files", full.settings) as process:
            process.kill()
            process.wait()
            wait_until(lambda: release(full), "its lease has ended")
        while another(full).step():
            pass
        check(full)

    def test_a_worker_at_work_keeps_its_files_for_longer_than_a_lease(self, full: Ingest) -> None:
        with at_work("files", full.settings) as process:
            before = ask(full.database, "SELECT max(claimed_until) FROM files")
            for _ in range(3):  # each time it has renewed its lease
                wait_until(
                    lambda before=before: (
                        ask(full.database, "SELECT max(claimed_until) FROM files") > before
                    ),
                    "it renews its lease",
                )
                assert release(full) == 0
                before = ask(full.database, "SELECT max(claimed_until) FROM files")
            out, _ = process.communicate("go on\n")
        assert out == f"committed {FILES}\n"
        check(full)

    def test_a_frozen_worker_stops_nobody_and_its_late_commit_is_refused(
        self, full: Ingest
    ) -> None:
        with at_work("files", full.settings) as process:
            os.kill(process.pid, signal.SIGSTOP)
            wait_until(lambda: release(full), "its lease has ended")
            while another(full).step():
                pass
            before = ask(full.database, "SELECT id, image_id FROM files ORDER BY 1")
            os.kill(process.pid, signal.SIGCONT)
            out, _ = process.communicate("go on\n")
        assert out == "committed 0\n"
        assert ask(full.database, "SELECT id, image_id FROM files ORDER BY 1") == before
        check(full)


@pytest.mark.engines("postgres")
def test_workers_go_on_after_immediate_stops_of_the_server(ingest: Ingest) -> None:
    """The first to begin also writes snapshots, as the watching process does."""
    for number in range(MANY):
        ingest.drop(f"{number}.png", number % 150, seed=number)
    ingest.scanner.scan()
    space = stored_vector_space(ingest.generation.profile)
    ingest.settings = ingest.settings.model_copy(update={"batch_files": 4})
    workers = [another(ingest) for _ in range(2)]
    stop = threading.Event()

    def work(worker: Worker) -> None:
        while not stop.is_set():
            with suppress(StoreUnavailableError):
                if not worker.step():
                    stop.wait(0.01)
                if worker is workers[0]:
                    write_snapshot(ingest.database, ingest.generation.id, space, ingest.clock())

    with ThreadPoolExecutor() as pool:
        running = [pool.submit(work, worker) for worker in workers]
        for left in range(MANY, 0, -MANY // STOPS):
            wait_until(lambda left=left: waiting(ingest) <= left, "they work")
            server().stop()
            server().start()
        wait_until(lambda: waiting(ingest) == 0, "all is indexed")
        stop.set()
        for one in running:
            one.result()
    assert ask(ingest.database, "SELECT count(*), count(DISTINCT image_id) FROM faces") == [
        (MANY, MANY)
    ]
    ingest.check()
    assert verify(ingest.database).problems == []


def waiting(ingest: Ingest) -> int:
    """How many files are not indexed; as many as ever while the server is away."""
    try:
        return int(str(ask(ingest.database, LEFT)[0][0]))
    except StoreUnavailableError:
        return MANY


@pytest.mark.engines("postgres")  # nobody stands by beside a file
def test_a_second_process_only_works_and_takes_over_when_the_first_ends(
    full: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby, "new_worker", lambda *_: another(full))
    monkeypatch.setattr(sole_jobs, "LOOK_SECONDS", 0.01)
    first, second = (Turn(full.database, sole_jobs.WATCH, name) for name in ("one", "two"))
    stop = threading.Event()
    assert first.is_mine()
    presence = Presence(full.database, full.settings.data, ProcessKind.WATCH, ProcessState.WORKS)
    with ThreadPoolExecutor() as pool, presence:
        found = pool.submit(standby.stand_by, full.database, full.settings, presence, second, stop)
        wait_until(lambda: set(full.states().values()) == {"indexed"}, "it works")
        assert not found.done()
        first.leave()
        assert isinstance(found.result(), Worker)
    assert second.is_mine()
    second.leave()
    check(full)


@pytest.mark.engines("postgres")  # see above
def test_a_worker_alone_reads_what_others_have_found_and_never_watches(
    full: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby, "new_worker", lambda *_: another(full))
    stop = threading.Event()
    with ThreadPoolExecutor() as pool:
        running = pool.submit(run_worker, full.settings, stop)
        wait_until(lambda: set(full.states().values()) == {"indexed"}, "it works")
        stop.set()
        running.result()
    assert ask(full.database, "SELECT count(*) FROM turns WHERE name = 'watch'") == [(0,)]
    check(full)


@pytest.mark.engines("postgres")  # see above
def test_scanners_find_files_and_read_none_and_one_takes_over_from_the_other(
    ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sole_jobs, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(standby, "OUTAGE_SECONDS", 0.01)
    data = (ingest.settings.data, tmp_path / "of another machine")
    stops = [threading.Event() for _ in data]

    def states() -> list[tuple[object, ...]]:
        return ask(ingest.database, "SELECT path, state FROM files ORDER BY 1")

    with ThreadPoolExecutor() as pool:
        running = []
        for folder, stop in zip(data, stops, strict=True):
            own = ingest.settings.model_copy(update={"data": folder})
            running.append(pool.submit(run_scanner, own, stop))
            wait_until(lambda: ask(ingest.database, "SELECT * FROM turns"), "one watches")
        one = ingest.drop("1.png", 1)
        wait_until(lambda: states() == [(str(one), "pending")], "it is found")
        assert another(ingest).step() == 1
        stops[0].set()
        running[0].result()
        one.unlink()
        two = ingest.drop("2.png", 2)
        wait_until(lambda: states() == [(str(two), "pending")], "the other one has taken over")
        stops[1].set()
        running[1].result()
    # the first has written a snapshot of what the worker had read
    assert ask(ingest.database, "SELECT count(*), min(face_count) FROM snapshots") == [(1, 1)]
    assert ask(ingest.database, "SELECT * FROM turns") == []


@pytest.mark.parametrize("alone", [run_worker, run_scanner])
@pytest.mark.engines("sqlite")
def test_on_a_file_it_says_what_to_run_instead(
    full: Ingest, alone: Callable[[Settings, threading.Event], None]
) -> None:
    with pytest.raises(ConfigError, match="person-count watch"):
        alone(full.settings, threading.Event())


class TestSight:
    def test_photos_that_another_machine_sees_are_looked_for(self, full: Ingest) -> None:
        sight = Sight(full.database, full.settings.resolve_roots())
        assert sight.is_clear()

    def test_a_folder_that_nobody_has_scanned_yet_is_not_seen(self, ingest: Ingest) -> None:
        assert not Sight(ingest.database, ingest.settings.resolve_roots()).is_clear()

    def test_another_folder_at_the_same_path_says_so_and_nothing_is_taken(
        self, full: Ingest, caplog: pytest.LogCaptureFixture
    ) -> None:
        full.inbox.rename(full.inbox.with_name("away"))
        sight = Sight(full.database, full.settings.resolve_roots())
        assert not sight.is_clear()
        full.inbox.mkdir()
        sight = Sight(full.database, full.settings.resolve_roots())
        assert not sight.is_clear()
        assert "mount the share" in caplog.text
