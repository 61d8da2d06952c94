"""What the watcher takes from events, and the scans that lost ones lead to."""

import inspect
import logging
import os

import pytest
from watchdog.events import FileCreatedEvent, FileSystemEvent
from watchdog.observers import inotify_c

from ingest.watching import events
from ingest.watching.events import EventPaths, WatchdogLog
from tests.ingest.watched import REGISTERED_TWICE, Watch
from tests.waiting import wait_until

pytestmark = REGISTERED_TWICE


def test_an_event_that_makes_no_sense_leads_to_a_scan(caplog: pytest.LogCaptureFixture) -> None:
    class Senseless(FileSystemEvent):
        @property
        def src_path(self) -> str:
            raise RuntimeError("no path")

    event_paths = EventPaths()
    event_paths.on_any_event(object.__new__(Senseless))
    assert event_paths.take() == ([], 1)
    assert event_paths.take() == ([], 0)
    assert "watcher.event_lost" in caplog.text


def test_events_keep_each_path_once_in_order() -> None:
    event_paths = EventPaths()
    for path in ("/b", "/a", "/b", b"/c\xff"):
        event_paths.on_any_event(FileCreatedEvent(path))
    assert event_paths.take() == (["/b", "/a", os.fsdecode(b"/c\xff")], 0)


def test_too_many_events_become_a_scan(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_PATHS", 3)
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
