"""The ingest process as a whole, with fake models: start, work, housekeeping, stop."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from index.base import kernel
from index.base.choices import Calibrate
from index.base.errors import ModelUnavailableError, WatcherEndedError, WriterBusyError
from index.base.lock import exclusive
from index.base.settings import Settings
from index.database.engine import Database
from index.database.migration import migrate
from index.database.queries import analyses, generations, queue, snapshots
from index.database.queries.generations import GenerationRow
from index.database.states import FileState, GenerationState
from index.evaluation import library_fit
from index.library.ingest_report import stored_report
from index.upkeep.verify import verify
from index.vectors.space import Profile, shipped_profile
from ingest.jobs import process as module
from ingest.jobs import standby
from ingest.jobs.process import Housekeeping, run_ingest
from ingest.networks.models import Models
from ingest.watching.watcher import Watcher
from tests.fakes import fake_models, save_gathering, save_picture
from tests.index.builders import fake_generation
from tests.ingest.builders import Ingest
from tests.ingest.watched import REGISTERED_TWICE
from tests.waiting import wait_until

pytestmark = REGISTERED_TWICE


class Running:
    """run_ingest() in a thread."""

    def __init__(self, settings: Settings) -> None:
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(settings,))
        self._thread.start()

    def _run(self, settings: Settings) -> None:
        try:
            run_ingest(settings, self.stop)
        except BaseException as error:  # noqa: BLE001 - raised by close()
            self.error = error

    def close(self) -> None:
        self.stop.set()
        self._thread.join(15)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error


@pytest.fixture
def run(
    ingest: Ingest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Running]]:
    """A function that starts the process over the library of *ingest*."""

    def open_generation(*_: object) -> tuple[GenerationRow, Models]:
        return ingest.active(), ingest.models

    monkeypatch.setattr(standby, "open_generation", open_generation)
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.01)
    monkeypatch.setattr(module, "HOUSEKEEPING_SECONDS", 0.05)
    monkeypatch.setattr(module, "TAKE_OVER_SECONDS", 0.2)
    started: list[Running] = []

    def start(**changes: object) -> Running:
        started.append(Running(settings.model_copy(update=changes)))
        return started[-1]

    yield start
    for running in started:
        running.stop.set()
        running._thread.join(15)


Run = Callable[..., Running]


def expect(ingest: Ingest, **states: str) -> None:
    wanted = {f"{name}.png": state for name, state in states.items()}
    wait_until(lambda: ingest.states() == wanted, f"the files are {wanted}")


def test_it_waits_while_its_database_is_moved_away(
    run: Callable[[], Running],
    settings: Settings,
    database: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    running = run()
    wait_until(lambda: "ingest.started" in caplog.text, "it has started")
    moved = settings.data.rename(settings.data.with_name("moved"))
    settings.data.mkdir(mode=0o700)
    migrate(settings.database_path)
    save_picture(settings.inbox / "new.png", 1)
    wait_until(lambda: "store.waits part=ingest" in caplog.text, "it waits")
    with Database(settings.database_path) as other, other.read() as connection:
        assert queue.counts(connection) == dict.fromkeys(FileState, 0)
    settings.data.rename(settings.data.with_name("other"))
    moved.rename(settings.data)

    def indexed() -> int:
        with database.read() as connection:
            return queue.counts(connection)["indexed"]

    wait_until(indexed, "it has gone on")
    running.close()


@pytest.mark.parametrize(("version", "warned"), [(0, True), (7, False)])
def test_it_says_what_decoders_are_not_confined_by(
    run: Callable[[], Running],
    version: int,
    warned: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(kernel, "_landlock_version", lambda: version)
    monkeypatch.setattr(kernel, "_can_filter", lambda: True)
    run().close()
    assert ("ingest.confinement_lacks what=Landlock" in caplog.text) is warned


def test_files_are_indexed_as_they_come_and_go(ingest: Ingest, run: Run) -> None:
    ingest.drop("before.png", 1)
    running = run()
    expect(ingest, before="indexed")
    path = ingest.drop("after.png", 2)
    expect(ingest, before="indexed", after="indexed")
    path.unlink()
    expect(ingest, before="indexed")
    wait_until(lambda: ingest.orphans() == set(), "housekeeping has removed the image")
    running.close()
    assert sorted(ingest.changes()) == []  # a snapshot was written at the end, and covers them
    ingest.check()


def test_stopping_leaves_a_snapshot_of_everything(ingest: Ingest, run: Run) -> None:
    for number in range(5):
        ingest.drop(f"{number}.png", number)
    running = run()
    wait_until(lambda: set(ingest.states().values()) == {"indexed"}, "all is indexed")
    running.close()
    with ingest.database.read() as connection:
        newest = snapshots.newest_first(connection, ingest.active().id)[0]
    assert newest.face_count == 5
    assert verify(ingest.database).problems == []


def test_files_in_hand_at_a_crash_are_taken_up_again(ingest: Ingest, run: Run) -> None:
    ingest.drop("a.png", 1)
    ingest.scanner.scan()
    with ingest.database.write() as connection:
        queue.claim(connection, 10, time.time())  # and then the process was killed
    running = run()
    expect(ingest, a="indexed")
    running.close()


def test_only_one_process_ingests_into_a_data_folder(
    ingest: Ingest, run: Run, settings: Settings
) -> None:
    running = run()
    ingest.drop("a.png", 1)
    expect(ingest, a="indexed")
    with pytest.raises(WriterBusyError, match="another person-count is at work"):
        run_ingest(settings, threading.Event())
    running.close()
    run().close()


def test_a_predecessor_that_is_ending_is_waited_for(
    ingest: Ingest, run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TAKE_OVER_SECONDS", 10.0)
    ingest.drop("a.png", 1)
    with exclusive(settings.data, "ingest"):
        running = run()
    expect(ingest, a="indexed")
    running.close()


def test_waiting_for_a_predecessor_ends_when_it_is_told_to_stop(
    ingest: Ingest, run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TAKE_OVER_SECONDS", 3600.0)
    assert ingest.states() == {}
    with exclusive(settings.data, "ingest"):
        running = run()
        with pytest.raises(WriterBusyError, match="another person-count is at work"):
            running.close()


def test_missing_roots_are_made(
    ingest: Ingest, settings: Settings, run: Run, tmp_path: Path
) -> None:
    settings.inbox.rmdir()
    running = run()
    wait_until(settings.inbox.is_dir, "the drop folder is there")
    ingest.drop("a.png", 1)
    expect(ingest, a="indexed")
    running.close()
    assert tmp_path.is_dir()


def test_models_that_cannot_be_had_end_it_and_leave_no_thread(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert database.path == settings.database_path

    def fail(*_: object) -> None:
        raise ModelUnavailableError("no weights")

    monkeypatch.setattr(standby, "open_generation", fail)
    with pytest.raises(ModelUnavailableError, match="no weights"):
        run_ingest(settings, threading.Event())
    with exclusive(settings.data, "ingest"):
        pass  # the lock is free again


def test_a_watcher_that_has_ended_ends_the_process(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keeper, or systemd, starts it anew: a process that sees nothing must not go on."""
    running = run()
    monkeypatch.setattr(Watcher, "is_alive", lambda _: False)
    wait_until(lambda: running.error is not None, "the process has ended")
    with pytest.raises(WatcherEndedError, match="nothing new would be noticed"):
        running.close()


def test_it_reports_while_it_runs(ingest: Ingest, settings: Settings, run: Run) -> None:
    ingest.drop("a.png", 1, 2)
    running = run()
    wait_until(
        lambda: stored_report(ingest.database, time.time()).get("work", {}).get("faces") == 2,
        "the faces are reported",
    )
    found = stored_report(ingest.database, time.time())
    running.close()
    assert found["watcher"]["mode"] == "inotify"
    assert found["watcher"]["scans"] >= 1
    assert found["work"]["images"] == 1
    assert {"read", "decode", "detect", "crop", "embed"} <= set(found["work"]["stage_seconds"])
    assert str(settings.inbox) not in str(found)
    assert found["reported_seconds_ago"] == pytest.approx(0.0, abs=10.0)


def test_it_calibrates_in_the_background_if_the_settings_say_so(
    ingest: Ingest, settings: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("DEPARTURE", "EXCESS"):  # so that no profile fits
        monkeypatch.setattr(library_fit, limit, 0.0)
    save_gathering(settings.inbox)
    with ingest.database.write() as connection:
        connection.exec_driver_sql("UPDATE generations SET model = 'facenet'")
        profile = shipped_profile("facenet", 512).to_json()
        generations.set_profile(connection, ingest.active().id, profile)
    running = run(calibrate=Calibrate.AUTOMATIC)
    wait_until(
        lambda: Profile.from_json(ingest.active().profile).is_chosen, "the library is calibrated"
    )
    running.close()


# --- housekeeping --------------------------------------------------------------------------------


def keep_house(ingest: Ingest, **changes: object) -> None:
    settings = ingest.settings.model_copy(update=changes)
    Housekeeping(ingest.database, settings).run_if_due()


def newest_upto(ingest: Ingest) -> int:
    with ingest.database.read() as connection:
        found = snapshots.newest_first(connection, ingest.active().id)
    return found[0].upto_seq if found else 0


def test_orphans_go_at_once_when_the_queue_is_empty(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1)
    ingest.index()
    path.unlink()
    ingest.index()
    keep_house(ingest)
    assert ingest.orphans() == set()
    with ingest.database.read() as connection:
        assert analyses.totals(connection, ingest.active().id)["faces"] == 0


def test_orphans_wait_while_their_new_names_may_be_in_the_queue(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1)
    ingest.index()
    path.rename(ingest.inbox / "b.png")
    ingest.scanner.scan()  # the old name is gone, the new one not yet read
    keep_house(ingest)
    assert len(ingest.orphans()) == 1
    ingest.drain()
    keep_house(ingest)
    assert ingest.images_seen == 1
    ingest.check()


def test_a_snapshot_is_written_after_enough_changes(ingest: Ingest) -> None:
    for number in range(3):
        ingest.drop(f"{number}.png", number)
    ingest.index()
    keep_house(ingest, snapshot_changes=4)
    assert newest_upto(ingest) == 0
    keep_house(ingest, snapshot_changes=3)
    assert newest_upto(ingest) == 3


def test_a_snapshot_is_written_after_enough_time(ingest: Ingest) -> None:
    ingest.drop("a.png", 1)
    ingest.index()
    housekeeping = Housekeeping(
        ingest.database, ingest.settings.model_copy(update={"snapshot_seconds": 0.0})
    )
    housekeeping.run_if_due()
    assert newest_upto(ingest) == 1


def test_damaged_rows_are_reported_and_not_fatal(
    ingest: Ingest, caplog: pytest.LogCaptureFixture
) -> None:
    ingest.drop("a.png", 1)
    ingest.index()
    with ingest.database.write() as connection:
        connection.exec_driver_sql("UPDATE faces SET embedding = zeroblob(2048)")
    keep_house(ingest, snapshot_changes=1)
    assert "ingest.snapshot_failed" in caplog.text
    assert newest_upto(ingest) == 0


def test_a_generation_that_an_interrupted_reindex_left_is_removed(ingest: Ingest) -> None:
    """Killed after the switch, before the old faces were gone."""
    ingest.drop("a.png", 1)
    ingest.index()
    with ingest.database.write() as connection:
        other = fake_generation(connection, "fake-2", GenerationState.BUILDING)
        generations.switch(connection, other.id)
    assert fake_models().encoder.model_id == "fake-1"
    keep_house(ingest)
    with ingest.database.read() as connection:
        assert generations.retired(connection) == []
        assert connection.exec_driver_sql("SELECT count(*) FROM faces").scalar_one() == 0
