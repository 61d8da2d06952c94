"""A watcher whose observer, events, database or report fail: nothing is lost."""

import shutil
import threading
from pathlib import Path

import pytest
from watchdog.events import FileSystemEvent
from watchdog.observers import inotify, inotify_c
from watchdog.observers.api import BaseObserver

from index.base.settings import Settings
from index.library.ingest_report import WatcherReport
from ingest.watching import watcher as module
from ingest.watching.events import EventPaths
from ingest.watching.scan import Scanner
from ingest.watching.watcher import Watcher
from tests.fakes import save_picture
from tests.ingest.builders import Ingest
from tests.ingest.watched import REGISTERED_TWICE, Watch, Watched, paths_known
from tests.waiting import wait_until

pytestmark = REGISTERED_TWICE


# --- what goes wrong -----------------------------------------------------------------------------


def test_files_that_came_while_nobody_watched_are_found(watch: Watch, ingest: Ingest) -> None:
    save_picture(ingest.inbox / "a.png", 1)
    save_picture(ingest.drop("in/b.png", 2).with_name("c.png"), 3)
    watch().expect("a.png", "in/b.png", "in/c.png")


def test_files_that_went_while_nobody_watched_are_forgotten(watch: Watch, ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1)
    ingest.drop("b.png", 2)
    ingest.index()
    path.unlink()
    watch().expect("b.png")


def observer_of(watched: Watched) -> BaseObserver:
    assert watched.watcher._observation is not None
    return watched.watcher._observation._observer


def test_a_dead_observer_is_replaced_and_the_gap_is_scanned(watch: Watch) -> None:
    watched = watch()
    observer = observer_of(watched)
    observer.stop()
    observer.join()
    watched.write("a.png")
    watched.expect("a.png")
    assert watched.watcher.report.observer_restarts == 1
    assert watched.logged("watcher.observer_restarted") == 1
    wait_until(lambda: watched.scans() == 2, "the gap is scanned")
    watched.write("b.png")
    watched.expect("a.png", "b.png")
    assert watched.scans() == 2  # the new observer's events were enough


def test_a_dead_emitter_is_replaced(watch: Watch) -> None:
    watched = watch()
    (emitter,) = observer_of(watched).emitters
    emitter.stop()
    emitter.join()
    wait_until(lambda: watched.watcher.report.observer_restarts == 1, "it is noticed")
    watched.write("a.png")
    watched.expect("a.png")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_watching_goes_on_after_folders_took_the_names_of_others_that_were_moved_away(
    watch: Watch, tmp_path: Path
) -> None:
    """watchdog loses count of its watches by that: its reader dies, and then its own clean-up."""
    watched = watch()
    for name in ("a", "b"):
        watched.write(f"{name}/x.png")
        watched.expect(f"{name}/x.png")
        (watched.inbox / name).rename(tmp_path / name)
        watched.expect()
        watched.write(f"{name}/y.png")
        watched.expect(f"{name}/y.png")
        shutil.rmtree(watched.inbox / name)
        watched.expect()
    shutil.rmtree(tmp_path / "a")
    wait_until(lambda: watched.watcher.report.observer_restarts == 1, "it is noticed")
    watched.write("c/z.png")
    watched.expect("c/z.png")
    assert watched.logged("watcher.failed") == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_exception_that_ends_the_observers_thread_is_survived(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = watch()
    failed = threading.Event()
    real = EventPaths.on_any_event

    def fail_once(event_paths: EventPaths, event: FileSystemEvent) -> None:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("in the handler")
        real(event_paths, event)

    monkeypatch.setattr(EventPaths, "on_any_event", fail_once)
    watched.write("a.png")
    watched.expect("a.png")
    assert failed.is_set()
    assert watched.watcher.report.observer_restarts == 1
    watched.write("b.png")
    watched.expect("a.png", "b.png")


def test_a_database_that_fails_for_a_moment_loses_nothing(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = watch()
    failed = threading.Event()
    real = Scanner.examine

    def fail_once(scanner: Scanner, paths: list[str]) -> None:
        if not failed.is_set():
            failed.set()
            raise OSError(28, "No space left on device")
        real(scanner, paths)

    monkeypatch.setattr(Scanner, "examine", fail_once)
    watched.write("a.png")
    watched.expect("a.png")
    assert watched.logged("watcher.failed") == 1
    assert watched.watcher.report.errors == 1
    assert watched.watcher.report.last_error == "OSError"


def test_a_report_that_cannot_be_written_is_written_later(watch: Watch) -> None:
    watched = watch()
    told: list[WatcherReport] = []
    failed = threading.Event()

    def tell(report: WatcherReport) -> None:
        if not failed.is_set():
            failed.set()
            raise OSError(28, "No space left on device")
        told.append(report)

    watched.watcher._on_change = tell
    inotify_c.logger.warning("Inotify queue overflowed; filesystem events were lost")
    # an earlier report may be the one that fails, and be written again before this one
    wait_until(lambda: told and told[-1].lost_events == 1, "the report is written")
    assert told[-1].errors == 1
    watched.write("a.png")
    watched.expect("a.png")


def test_rounds_that_fail_again_and_again_come_less_often(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = watch()

    def fail(_: Scanner) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.04)
    with monkeypatch.context() as patch:
        patch.setattr(Scanner, "scan", fail)
        watched.watcher._event_paths.lose()
        wait_until(lambda: watched.watcher.report.errors >= 4, "several failures")
    watched.write("a.png")
    watched.expect("a.png")
    wait_until(lambda: watched.watcher._failures == 0, "it goes well again")


def test_what_watchdog_logs_goes_no_further(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    """It names folders."""
    watch()
    inotify.logger.warning("reconciling recursive watches below %r", b"/photos/secret")
    assert "secret" not in caplog.text
    assert "watcher.watchdog_warned at=test_watcher_failures.py" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_reader_of_inotify_is_replaced(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread below the emitters: they live on without it, and hear nothing."""
    watched = watch()
    failed = threading.Event()
    real = inotify_c.InotifyFD.handle_event

    def fail_once(reader: inotify_c.InotifyFD, event: inotify_c.InotifyEvent) -> None:
        if not failed.is_set():
            failed.set()
            raise KeyError("in the reader")
        real(reader, event)

    monkeypatch.setattr(inotify_c.InotifyFD, "handle_event", fail_once)
    watched.write("a.png")
    assert failed.wait(5)
    path = str(watched.write("b.png"))
    wait_until(lambda: path in paths_known(watched.ingest), "the file is noted", seconds=6.0)
    assert watched.watcher.report.observer_restarts == 1


def test_scans_are_repeated(watch: Watch) -> None:
    watched = watch(scan_seconds=0.1)
    wait_until(lambda: watched.scans() >= 3, "two more scans")


# --- the root itself -----------------------------------------------------------------------------


def test_closing_is_harmless_before_and_after(watch: Watch, settings: Settings) -> None:
    watched = watch()
    Watcher(watched.watcher._scanner, [], settings).close()
    watched.watcher.close()
    watched.watcher.close()
