"""The real watchdog on real folders: every way in which files come, change and go."""

import inspect
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest
from watchdog.events import FileCreatedEvent, FileSystemEvent
from watchdog.observers import inotify, inotify_c
from watchdog.observers.api import BaseObserver

from index.database import Database
from index.paths import Roots, signature_of
from index.report import WatcherReport
from index.settings import Settings, WatchMode
from index.store import places
from index.store.generations import GenerationRow
from ingest import hints as hints_module
from ingest import observation
from ingest import watcher as module
from ingest.hints import Hints, WatchdogLog
from ingest.mounts import is_remote
from ingest.scan import Scanner
from ingest.watcher import Watcher
from tests.fakes import save_picture
from tests.ingest.builders import Ingest
from tests.waiting import wait_until

# watchdog registers a folder twice when it is made and filled at once, and warns of it in the
# thread that reads inotify; taken for an error, the warning would end that thread
pytestmark = pytest.mark.filterwarnings("ignore:Callback with id:RuntimeWarning")


class Messages(logging.Handler):
    """What ingest logs; pytest's own fixture begins anew in each phase of a test."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


class TellingScanner(Scanner):
    """Says when it has looked at what the events named."""

    def examine(self, paths: Iterable[str]) -> None:
        super().examine(paths)
        logging.getLogger("ingest.test").info("test.examined")


class Watched:
    """A running watcher over an inbox, and the table that it keeps."""

    def __init__(self, ingest: Ingest, settings: Settings) -> None:
        self.ingest = ingest
        self.inbox = ingest.inbox
        self._messages = Messages()
        roots = Roots(settings.all_roots)
        scanner = TellingScanner(ingest.database, roots, settings.settle_seconds)
        self.watcher = Watcher(scanner, roots.real, settings)

    def __enter__(self) -> Self:
        logging.getLogger("ingest").addHandler(self._messages)
        self.watcher.start()
        wait_until(lambda: self.scans() == 1, "the first scan")
        return self

    def __exit__(self, *_: object) -> None:
        self.watcher.close()
        logging.getLogger("ingest").removeHandler(self._messages)

    def scans(self) -> int:
        return self.logged("watcher.scanned")

    def logged(self, event: str) -> int:
        return sum(text.startswith(event) for text in list(self._messages.texts))

    def expect(self, *names: str) -> None:
        """Wait until the table holds exactly *names*, each as the file is now."""

        def right() -> bool:
            rows = self.ingest.rows()
            if set(rows) != set(names):
                return False
            there = {name: signature_of(os.lstat(self.inbox / name)) for name in names}
            return all(rows[name].signature == there[name] for name in names)

        wait_until(right, f"the table holds {names}")

    def write(self, name: str, content: bytes = b"x") -> Path:
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


Watch = Callable[..., Watched]


@pytest.fixture
def watch(
    ingest: Ingest,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Watch]:
    """A function that starts a watcher with the given settings; it ends with the test."""
    caplog.set_level(logging.INFO, "ingest")
    monkeypatch.setattr(module, "TICK_SECONDS", 0.02)
    before = set(threading.enumerate())
    with ExitStack() as stack:

        def start(**changes: object) -> Watched:
            changed = settings.model_copy(update=changes)
            return stack.enter_context(Watched(ingest, changed))

        yield start
    assert [thread for thread in threading.enumerate() if thread not in before] == []


@pytest.fixture
def watched(watch: Watch) -> Iterator[Watched]:
    """A watcher that has nothing but events to go by: its only scan is over."""
    made = watch()
    yield made
    assert made.scans() == 1, "a scan helped out"
    assert made.watcher.report.observer_restarts == 0


# --- the event table of guides/RELIABILITY.md ----------------------------------------------------


def test_open_write_close(watched: Watched) -> None:
    watched.write("a.png")
    watched.expect("a.png")


def test_a_slow_writer_is_noted_again_when_it_closes(watched: Watched) -> None:
    with (watched.inbox / "a.png").open("wb") as stream:
        stream.write(b"one")
        stream.flush()
        wait_until(watched.ingest.rows, "the beginning is noted")
        stream.write(b"two")
    watched.expect("a.png")


def test_rename_in_from_outside(watched: Watched) -> None:
    outside = watched.inbox.parent / "outside.png"
    outside.write_bytes(b"x")
    outside.rename(watched.inbox / "a.png")
    watched.expect("a.png")


def test_hard_link_in(watched: Watched) -> None:
    outside = watched.inbox.parent / "outside.png"
    outside.write_bytes(b"x")
    os.link(outside, watched.inbox / "a.png")
    watched.expect("a.png")


def test_symlink_in(watched: Watched) -> None:
    outside = watched.inbox.parent / "outside.png"
    outside.write_bytes(b"x")
    (watched.inbox / "a.png").symlink_to(outside)
    watched.expect("a.png")
    assert "symbolic link" in watched.ingest.reason("a.png")


def test_symlink_to_a_folder_in(watched: Watched) -> None:
    outside = watched.inbox.parent / "outside"
    outside.mkdir()
    (outside / "b.png").write_bytes(b"x")
    (watched.inbox / "link").symlink_to(outside)
    watched.expect("link")
    (outside / "c.png").write_bytes(b"x")
    watched.write("a.png")
    watched.expect("link", "a.png")


def test_whole_folder_moved_in(watched: Watched) -> None:
    outside = watched.inbox.parent / "outside"
    (outside / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/b.png", ".c.png", "d.tmp"):
        (outside / name).write_bytes(b"x")
    outside.rename(watched.inbox / "in")
    watched.expect("in/a.png", "in/deep/b.png")
    watched.write("in/deep/e.png")  # and is watched from now on
    watched.expect("in/a.png", "in/deep/b.png", "in/deep/e.png")


def test_folders_made_and_written_into_at_once(watched: Watched) -> None:
    names = [f"{n}/deep/er/{m}.png" for n in range(10) for m in range(3)]
    for name in names:
        watched.write(name)
    watched.expect(*names)


def test_rename_inside_from_an_ignored_name(watched: Watched) -> None:
    watched.write("a.png.tmp").rename(watched.inbox / "a.png")
    watched.expect("a.png")


def test_rename_inside(watched: Watched) -> None:
    path = watched.write("a.png")
    watched.expect("a.png")
    path.rename(watched.inbox / "b.png")
    watched.expect("b.png")


def test_rename_inside_to_an_ignored_name(watched: Watched) -> None:
    path = watched.write("a.png")
    watched.write("b.png")
    watched.expect("a.png", "b.png")
    path.rename(watched.inbox / ".a.png")
    watched.expect("b.png")


def test_replace_over(watched: Watched) -> None:
    watched.write("a.png", b"old")
    watched.expect("a.png")
    before = watched.ingest.row("a.png").signature
    watched.write("a.png.tmp", b"new").replace(watched.inbox / "a.png")
    watched.expect("a.png")
    assert watched.ingest.row("a.png").signature != before


def test_replace_over_from_outside(watched: Watched) -> None:
    watched.write("a.png", b"old")
    watched.expect("a.png")
    outside = watched.inbox.parent / "outside.png"
    outside.write_bytes(b"new")
    outside.replace(watched.inbox / "a.png")
    watched.expect("a.png")


def test_move_out(watched: Watched) -> None:
    path = watched.write("a.png")
    watched.write("b.png")
    watched.expect("a.png", "b.png")
    path.rename(watched.inbox.parent / "outside.png")
    watched.expect("b.png")


def test_delete(watched: Watched) -> None:
    path = watched.write("a.png")
    watched.write("b.png")
    watched.expect("a.png", "b.png")
    path.unlink()
    watched.expect("b.png")


def test_rewrite_in_place_with_the_same_size(watched: Watched) -> None:
    path = watched.write("a.png", b"old")
    watched.expect("a.png")
    before = watched.ingest.row("a.png").signature
    with path.open("r+b") as stream:
        stream.write(b"new")
    watched.expect("a.png")
    after = watched.ingest.row("a.png").signature
    assert after.size == before.size
    assert after.inode == before.inode
    assert after != before


def test_append(watched: Watched) -> None:
    path = watched.write("a.png")
    watched.expect("a.png")
    with path.open("ab") as stream:
        stream.write(b"more")
    watched.expect("a.png")


def test_rename_of_a_folder(watched: Watched) -> None:
    for name in ("in/a.png", "in/deep/b.png"):
        watched.write(name)
    watched.expect("in/a.png", "in/deep/b.png")
    (watched.inbox / "in").rename(watched.inbox / "out")
    watched.expect("out/a.png", "out/deep/b.png")
    watched.write("out/deep/c.png")
    watched.expect("out/a.png", "out/deep/b.png", "out/deep/c.png")


def test_folder_moved_out(watched: Watched) -> None:
    watched.write("in/a.png")
    watched.write("in/deep/b.png")
    watched.write("c.png")
    watched.expect("in/a.png", "in/deep/b.png", "c.png")
    (watched.inbox / "in").rename(watched.inbox.parent / "out")
    watched.expect("c.png")


def test_folder_deleted(watched: Watched) -> None:
    watched.write("in/a.png")
    watched.write("in/deep/b.png")
    watched.write("c.png")
    watched.expect("in/a.png", "in/deep/b.png", "c.png")
    shutil.rmtree(watched.inbox / "in")
    watched.expect("c.png")


def test_two_files_swapped(watched: Watched) -> None:
    one, two = watched.write("a.png", b"one"), watched.write("b.png", b"other")
    watched.expect("a.png", "b.png")
    one.rename(watched.inbox / "c.tmp")
    two.rename(one)
    (watched.inbox / "c.tmp").rename(two)
    watched.expect("a.png", "b.png")


def test_unusual_names(watched: Watched) -> None:
    names = ["张三 合影.png", "new\nline.png", "x" * 251 + ".png", "José.png", "a'b\"c%.png"]
    for name in names:
        watched.write(name)
    watched.expect(*names)


def test_a_name_that_is_no_utf8(watched: Watched) -> None:
    with open(os.path.join(os.fsencode(watched.inbox), b"caf\xe9.png"), "wb") as stream:
        stream.write(b"x")
    wait_until(lambda: set(watched.ingest.rows()) == {"caf\\xe9.png"}, "the file is noted")


@pytest.mark.parametrize(
    "name", [".a.png", "a.png.tmp", "a.part", "a.png~", "a.crdownload", ".in/a.png", "b.tmp/a.png"]
)
def test_ignored_names_stay_ignored(watched: Watched, name: str) -> None:
    watched.write(name)
    watched.write("z.png")
    watched.expect("z.png")


def test_reading_the_folder_is_no_event(watched: Watched) -> None:
    path = watched.write("a.png", b"content")
    watched.expect("a.png")
    before = watched.watcher._hints.take()
    for _ in range(20):
        path.read_bytes()
        path.stat()
        list(watched.inbox.iterdir())
    watched.write("b.png")
    watched.expect("a.png", "b.png")
    assert before == ([], 0)


def test_a_burst_of_files(watched: Watched) -> None:
    names = [f"{number}.png" for number in range(500)]
    for name in names:
        watched.write(name)
    watched.expect(*names)


# --- together with the worker --------------------------------------------------------------------


def settle(watched: Watched, *names: str) -> None:
    """Index everything once the table holds *names*."""
    watched.expect(*names)
    watched.ingest.clock.advance(60)
    watched.ingest.drain()
    watched.ingest.check()


def test_what_was_moved_or_copied_is_not_embedded_again(watched: Watched) -> None:
    inbox, ingest = watched.inbox, watched.ingest
    save_picture(inbox / "a.png", 1)
    (inbox / "in").mkdir()
    save_picture(inbox / "in/b.png", 2)
    settle(watched, "a.png", "in/b.png")
    (inbox / "a.png").rename(inbox / "in/a.png")
    shutil.copy(inbox / "in/b.png", inbox / "copy.png")
    settle(watched, "in/a.png", "in/b.png", "copy.png")
    (inbox / "in").rename(inbox / "out")
    settle(watched, "out/a.png", "out/b.png", "copy.png")
    assert ingest.images_seen == 2
    assert ingest.orphans() == set()
    assert ingest.persons("out/a.png", "out/b.png", "copy.png") == 2


def test_what_was_overwritten_has_its_new_faces_and_what_was_deleted_none(watched: Watched) -> None:
    inbox, ingest = watched.inbox, watched.ingest
    save_picture(inbox / "a.png", 1)
    save_picture(inbox / "b.png", 2)
    settle(watched, "a.png", "b.png")
    save_picture(inbox / "a.png", 3, 4)
    (inbox / "b.png").unlink()
    settle(watched, "a.png")
    assert ingest.persons("a.png") == 2
    assert ingest.drop_orphans() == 2
    assert sorted(face for face, added in ingest.changes() if not added) == [1, 2]
    ingest.check()


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
def test_an_exception_that_ends_the_observers_thread_is_survived(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = watch()
    failed = threading.Event()
    real = Hints.on_any_event

    def fail_once(hints: Hints, event: FileSystemEvent) -> None:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("in the handler")
        real(hints, event)

    monkeypatch.setattr(Hints, "on_any_event", fail_once)
    watched.write("a.png")
    watched.expect("a.png")
    assert failed.is_set()
    assert watched.watcher.report.observer_restarts == 1
    watched.write("b.png")
    watched.expect("a.png", "b.png")


def test_an_event_that_makes_no_sense_leads_to_a_scan(caplog: pytest.LogCaptureFixture) -> None:
    class Senseless(FileSystemEvent):
        @property
        def src_path(self) -> str:
            raise RuntimeError("no path")

    hints = Hints()
    hints.on_any_event(object.__new__(Senseless))
    assert hints.take() == ([], 1)
    assert hints.take() == ([], 0)
    assert "watcher.event_lost" in caplog.text


def test_hints_hold_each_path_once_in_order() -> None:
    hints = Hints()
    for path in ("/b", "/a", "/b", b"/c\xff"):
        hints.on_any_event(FileCreatedEvent(path))
    assert hints.take() == (["/b", "/a", os.fsdecode(b"/c\xff")], 0)


def test_too_many_hints_become_a_scan(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints_module, "MAX_HINTS", 3)
    watched = watch()
    names = [f"{number}.png" for number in range(50)]
    for name in names:
        (watched.inbox / name).write_bytes(b"x")
    watched.expect(*names)
    wait_until(lambda: watched.scans() >= 2, "a scan")


def test_watchdog_still_says_overflow_where_we_listen() -> None:
    source = inspect.getsource(inotify_c)
    assert "overflow" in source.lower()
    assert inotify_c.logger.name == "watchdog.observers.inotify_c"


def test_an_overflow_of_the_kernels_queue_leads_to_a_scan(watch: Watch) -> None:
    watched = watch()
    inotify_c.logger.warning("Inotify queue overflowed; filesystem events were lost")
    wait_until(lambda: watched.scans() == 2, "a scan")
    watched.watcher.close()
    assert watched.watcher.report.lost_events == 1
    assert not [h for h in logging.getLogger("watchdog").handlers if isinstance(h, WatchdogLog)]
    assert logging.getLogger("watchdog").propagate


def test_other_messages_of_watchdog_lead_to_nothing(watch: Watch) -> None:
    watched = watch()
    inotify_c.logger.warning("something else")
    watched.write("a.png")
    watched.expect("a.png")
    assert watched.scans() == 1


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
    wait_until(lambda: told, "the report is written")
    assert told[-1].lost_events == 1
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
        watched.watcher._hints.lose()
        wait_until(lambda: watched.watcher.report.errors >= 4, "several failures")
    watched.write("a.png")
    watched.expect("a.png")
    wait_until(lambda: watched.watcher._failures == 0, "it goes well again")


def test_what_watchdog_logs_goes_no_further(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    """It names folders."""
    watch()
    inotify.logger.warning("reconciling recursive watches below %r", b"/photos/secret")
    assert "secret" not in caplog.text
    assert "watcher.watchdog_warned at=test_watcher.py" in caplog.text


def test_a_folder_that_gets_no_watch_is_noticed_and_polled_until_it_does(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """watchdog says nothing of it; tests/ingest/test_kernel.py has a real limit."""
    real = inotify_c.InotifyFD._get_or_create_watch
    exhausted = threading.Event()

    def get(reader: inotify_c.InotifyFD, path: bytes, mask: inotify_c.Mask) -> inotify_c.Watch:
        if exhausted.is_set() and path.endswith(b"/in"):
            raise OSError(28, "inotify watch limit reached")
        return real(reader, path, mask)

    monkeypatch.setattr(inotify_c.InotifyFD, "_get_or_create_watch", get)
    monkeypatch.setattr(module, "RETRY_INOTIFY_SECONDS", 0.2)
    watched = watch(poll_seconds=0.1)
    exhausted.set()
    watched.write("in/a.png")
    wait_until(lambda: watched.watcher.report.limit_reached, "the limit is noticed")
    assert watched.watcher.report.mode == "polling"
    watched.write("in/b.png")
    watched.expect("in/a.png", "in/b.png")
    assert watched.logged("watcher.limit_reached") == 1  # though inotify was tried again
    exhausted.clear()
    wait_until(lambda: watched.watcher.report.mode == "inotify", "inotify is used again")
    assert not watched.watcher.report.limit_reached
    scans = watched.scans()
    watched.write("in/c.png")
    watched.expect("in/a.png", "in/b.png", "in/c.png")
    assert watched.scans() <= scans + 1  # of the gap


def test_removals_that_an_operator_accepts_are_done_at_once(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ACCEPTED_SECONDS", 0.05)
    watched = watch()
    watched.write("a.png")
    watched.expect("a.png")
    watched.inbox.rename(watched.inbox.with_name("away"))
    wait_until(lambda: watched.watcher.report.roots_missing == 1, "the root is missed")
    assert watched.watcher.report.removals_held == 1
    with watched.ingest.database.write() as connection:
        places.accept(connection, places.all_places(connection))
    watched.expect()
    wait_until(lambda: watched.watcher.report.removals_held == 0, "nothing is held")


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


@pytest.mark.parametrize("step", ["__init__", "start"])
def test_inotify_that_has_run_out_gives_way_to_polling(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Of instances when an observer is made, of watches when it starts."""

    def exhausted(*_: object, **__: object) -> None:
        raise OSError(24, "inotify instance limit reached")

    observer = type("Exhausted", (observation.Observer,), {step: exhausted})
    monkeypatch.setattr(observation, "Observer", observer)
    watched = watch(poll_seconds=0.1)
    assert watched.logged("watcher.inotify_unavailable") == 1
    assert watched.watcher.report.limit_reached
    path = watched.write("a.png")
    watched.expect("a.png")
    path.unlink()
    watched.expect()
    assert watched.watcher.report.observer_restarts == 0


@pytest.mark.parametrize("changes", [{"watch": WatchMode.POLLING, "poll_seconds": 0.1}])
def test_polling_finds_what_came_changed_and_went(watch: Watch, changes: dict[str, object]) -> None:
    watched = watch(**changes)
    assert watched.watcher.report.mode == "polling"
    assert watched.logged("watcher.polling") == 1
    path = watched.write("a.png")
    watched.write("in/b.png")
    watched.expect("a.png", "in/b.png")
    path.write_bytes(b"changed")
    watched.expect("a.png", "in/b.png")
    shutil.rmtree(watched.inbox / "in")
    watched.expect("a.png")


def test_a_remote_folder_is_polled_unless_inotify_is_asked_for(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "is_remote", lambda _: True)
    polling = watch(poll_seconds=0.1)
    assert polling.watcher.report.mode == "polling"
    polling.write("a.png")
    polling.expect("a.png")


def test_inotify_that_is_asked_for_is_used_on_a_remote_folder(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "is_remote", lambda _: True)
    watched = watch(watch=WatchMode.INOTIFY)
    watched.write("a.png")
    watched.expect("a.png")
    assert watched.scans() == 1


def test_scans_are_repeated(watch: Watch) -> None:
    watched = watch(scan_seconds=0.1)
    wait_until(lambda: watched.scans() >= 3, "two more scans")


# --- the root itself -----------------------------------------------------------------------------


def test_a_root_that_is_moved_away_erases_nothing(watch: Watch) -> None:
    watched = watch(scan_seconds=0.2)
    watched.write("a.png")
    watched.write("in/b.png")
    watched.expect("a.png", "in/b.png")
    before = watched.scans()
    watched.inbox.rename(watched.inbox.with_name("away"))
    wait_until(lambda: watched.scans() >= before + 3, "three scans without the root")
    assert set(watched.ingest.rows()) == {"a.png", "in/b.png"}
    assert watched.logged("scan.root_missing") >= 1


def test_what_happens_in_a_root_that_is_away_erases_nothing(watch: Watch) -> None:
    """Its watches follow the folder, and its events still name the old place."""
    watched = watch()
    watched.write("a.png")
    watched.write("b.png")
    watched.expect("a.png", "b.png")
    away = watched.inbox.with_name("away")
    watched.inbox.rename(away)
    examined, scans = watched.logged("test.examined"), watched.scans()
    (away / "a.png").unlink()
    wait_until(
        lambda: watched.logged("test.examined") > examined or watched.scans() > scans,
        "the event is looked at, or the root's absence noticed",
    )
    assert set(watched.ingest.rows()) == {"a.png", "b.png"}


def test_a_root_that_was_away_for_a_while_is_still_watched(watch: Watch) -> None:
    watched = watch()
    watched.write("a.png")
    watched.expect("a.png")
    away = watched.inbox.with_name("away")
    watched.inbox.rename(away)
    away.rename(watched.inbox)
    watched.write("b.png")
    watched.expect("a.png", "b.png")


def paths_known(ingest: Ingest) -> set[str]:
    with ingest.database.read() as connection:
        return set(connection.exec_driver_sql("SELECT path FROM files").scalars())


@pytest.mark.parametrize("how", ["moved away", "deleted"])
def test_another_folder_in_the_roots_place_is_watched(watch: Watch, how: str) -> None:
    """A disk that was replaced, a folder that was made anew: no reason to wait for a scan."""
    watched = watch()
    watched.write("a.png")
    watched.expect("a.png")
    if how == "deleted":
        shutil.rmtree(watched.inbox)
        wait_until(lambda: watched.watcher.report.observer_restarts >= 1, "its end is noticed")
    else:
        watched.inbox.rename(watched.inbox.with_name("away"))
    watched.inbox.mkdir()
    path = str(watched.write("b.png"))
    wait_until(lambda: path in paths_known(watched.ingest), "the new folder's file", seconds=6.0)


def test_a_root_that_is_made_later_is_watched(
    ingest: Ingest, settings: Settings, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO, "ingest")
    late = tmp_path / "late"
    both = settings.model_copy(update={"roots": (late,)})
    with Watched(ingest, both):
        late.mkdir()
        (late / "b.png").write_bytes(b"x")
        path = str(late / "b.png")
        wait_until(lambda: path in paths_known(ingest), "the late root's file", seconds=6.0)


def test_several_roots_are_watched(
    database: Database,
    generation: GenerationRow,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    caplog.set_level(logging.INFO, "ingest")
    more = tmp_path / "more"
    more.mkdir()
    both = settings.model_copy(update={"roots": (more,)})
    ingest = Ingest(database, both, generation)
    with Watched(ingest, both) as watched:
        watched.write("a.png")
        save_picture(more / "b.png", 1)
        watched.expect("a.png")
        path = str(more / "b.png")
        wait_until(lambda: path in paths_known(ingest), "the other root's file is noted")
        assert watched.scans() == 1


def test_closing_is_harmless_before_and_after(watch: Watch, settings: Settings) -> None:
    watched = watch()
    Watcher(watched.watcher._scanner, [], settings).close()
    watched.watcher.close()
    watched.watcher.close()


# --- which file systems inotify cannot see -------------------------------------------------------


MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw - proc proc rw
40 22 0:40 / /srv/nfs rw,relatime shared:2 master:1 - nfs4 nas:/photos rw,vers=4.2
41 40 8:2 / /srv/nfs/local rw,relatime - xfs /dev/sdb1 rw
42 22 0:41 / /mnt/with\040space rw,relatime - cifs //nas/photos rw
43 22 0:42 / /mnt/fuse rw,relatime - fuse.sshfs host:/ rw
44 22 0:43 / /mnt/c rw,relatime - 9p drvfs rw
45 22 0:44 / /mnt/tmp rw,relatime - tmpfs tmpfs rw
46 22 0:45 / /mnt/over rw,relatime - ext4 /dev/sdc1 rw
47 46 0:46 / /mnt/over rw,relatime - nfs nas:/over rw
""".lstrip()


@pytest.mark.parametrize(
    ("folder", "remote"),
    [
        ("/", False),
        ("/home/photos", False),
        ("/srv/nfs", True),
        ("/srv/nfs/inbox", True),
        ("/srv/nfs-backup", False),
        ("/srv/nfs/local", False),
        ("/srv/nfs/local/inbox", False),
        ("/srv/nfs/locals", True),
        ("/mnt/with space/inbox", True),
        ("/mnt/with", False),
        ("/mnt/fuse/inbox", True),
        ("/mnt/c/inbox", True),
        ("/mnt/tmp/inbox", False),
        ("/mnt/over/inbox", True),
    ],
)
def test_the_mount_that_holds_a_folder_decides(tmp_path: Path, folder: str, remote: bool) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert is_remote(folder, mounts) is remote


def test_without_a_list_of_mounts_nothing_is_trusted(tmp_path: Path) -> None:
    assert is_remote("/home", tmp_path / "none")


def test_this_machines_own_list_is_understood(tmp_path: Path) -> None:
    assert is_remote(str(tmp_path)) in {True, False}
