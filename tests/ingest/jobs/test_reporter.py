"""What the ingest process says of itself, as others see it."""

import threading
import time

from index.base import kernel
from index.database.engine import Database
from index.library.ingest_report import WatcherReport, WorkReport, stored_report
from ingest.jobs.reporter import Reporter
from tests.ingest.builders import Clock


def test_without_an_ingest_process_there_is_no_report(database: Database) -> None:
    assert stored_report(database, time.time()) == {}


def test_a_report_holds_every_figure_and_its_age(database: Database) -> None:
    clock = Clock()
    reporter = Reporter(database, clock)
    work = WorkReport(2, 7, 5, 9, 1, {"decode": 1.25})
    reporter.round_done(WatcherReport(mode="inotify", scans=3), work, clock_jumps=1)
    found = stored_report(database, clock.now + 12.34)
    assert found["reported_seconds_ago"] == 12.3
    assert 0 < found["open_files"] < found["open_files_limit"]
    assert found["confinement"] == kernel.offer()._asdict()
    assert (found["started_at"], found["clock_jumps"]) == (clock.now, 1)
    assert (found["watcher"]["mode"], found["watcher"]["scans"]) == ("inotify", 3)
    assert found["work"] == {
        "batches": 2,
        "files": 7,
        "images": 5,
        "faces": 9,
        "failed": 1,
        "no_photo": 0,
        "stage_seconds": {"decode": 1.25},
    }


def test_a_watcher_that_changes_keeps_the_figures_of_the_work(database: Database) -> None:
    reporter = Reporter(database)
    reporter.round_done(WatcherReport(mode="inotify"), WorkReport(batches=4), clock_jumps=0)
    reporter.watcher_changed(WatcherReport(mode="polling", limit_reached=True))
    found = stored_report(database, time.time())
    assert found["watcher"]["mode"] == "polling"
    assert found["watcher"]["limit_reached"] is True
    assert found["work"]["batches"] == 4


def test_a_report_of_the_future_is_of_now(database: Database) -> None:
    """The clock was set back in between."""
    Reporter(database).watcher_changed(WatcherReport())
    assert stored_report(database, 0.0)["reported_seconds_ago"] == 0.0


def test_reports_from_several_threads_do_not_mix(database: Database) -> None:
    reporter = Reporter(database)

    def say(number: int) -> None:
        for _ in range(20):
            reporter.round_done(WatcherReport(scans=number), WorkReport(batches=number), number)

    threads = [threading.Thread(target=say, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = stored_report(database, time.time())
    assert found["watcher"]["scans"] == found["work"]["batches"] == found["clock_jumps"]
