"""Folders that inotify cannot watch, or not all of: they are polled."""

import shutil
import threading

import pytest
from watchdog.observers import inotify_c

from index.base.choices import WatchMode
from ingest.watching import observation
from ingest.watching import watcher as module
from tests.ingest.watched import REGISTERED_TWICE, Watch
from tests.waiting import wait_until

pytestmark = REGISTERED_TWICE


def test_a_folder_that_gets_no_watch_is_noticed_and_polled_until_it_does(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """watchdog says nothing of it; tests/ingest/watching/test_kernel.py has a real limit."""
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
