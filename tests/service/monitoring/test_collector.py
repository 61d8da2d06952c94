"""What /metrics says of the database, the index and the ingest process."""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, text

from index.base import kernel
from index.database.queries import processes
from index.database.queries.processes import Announced
from index.database.states import FileState, ProcessKind, ProcessState
from index.library.ingest_report import IngestReport, WatcherReport, WorkReport, store_report
from index.library.status import read_status
from index.vectors.snapshot_writer import write_snapshot
from index.vectors.space import Space
from service.children.ingest_keeper import IngestKeeper
from service.handlers.routes import HANDLERS
from service.monitoring.metrics import Metrics
from service.monitoring.service_status import ServiceStatus
from tests.service.running import Service
from tests.service.scraping import Scrape, answers
from tests.spaces import UNMEASURED
from tests.waiting import wait_until


def test_files_by_state_and_faces_follow_ingest(service: Service) -> None:
    wait_until(lambda: Scrape(service).value("index_ready") == 1, "an index")
    before = Scrape(service)
    assert [before.value("files", state=state) for state in FileState] == [0, 0, 0, 0]
    names = [service.drop("a.png", 1), service.drop("b.png", 1, 2, seed=1)]
    (service.settings.inbox / "c.jpg").write_text("no image")
    assert service.ask(*names).status == 200
    assert service.ask("c.jpg").status == 422
    wait_until(lambda: Scrape(service).value("index_faces") == 3, "three faces in the index")
    after = Scrape(service)
    assert after.value("files", state="indexed") == 2
    assert after.value("files", state="failed") == 1
    assert after.value("queue_ready_files") == 0
    assert not after.has("queue_oldest_ready_timestamp_seconds")
    assert after.value("index_unapplied_changes") == 0
    assert after.value("index_rebuilds_total") == 0
    assert after.value("model_info", model="fake-1") == 1


def test_the_queue_shows_how_long_its_oldest_file_has_waited(service: Service) -> None:
    service.worker.hold()
    before = time.time()
    name = service.drop("a.png", 1)
    explained = service.ask(name, "b.png", path="/person_count")
    assert explained.status == 404  # and a.png is queued now
    scrape = Scrape(service)
    assert scrape.value("queue_ready_files") == 1
    assert scrape.value("files", state="pending") == 1
    oldest = scrape.value("queue_oldest_ready_timestamp_seconds")
    assert before - 5 <= oldest <= time.time()
    service.worker.let_go()
    wait_until(lambda: Scrape(service).value("queue_ready_files") == 0, "an empty queue")


REPORT = IngestReport(
    started_at=1000.0,
    open_files=12,
    open_files_limit=64,
    confinement={"landlock": 7, "seccomp": False},
    watcher=WatcherReport(observer_restarts=2, lost_events=3, removals_held=4, roots_missing=1),
    work=WorkReport(files=10, images=9, faces=8, failed=1, stage_seconds={"read": 1.5}),
)


@pytest.mark.parametrize("version", [0, 7])
def test_what_decoders_are_confined_by_is_shown(
    service: Service, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "_landlock_version", lambda: version)
    alone = Scrape(service)
    assert alone.value("confinement", process="service", mechanism="landlock") == (version > 0)
    assert {labels["process"] for labels, _ in alone.all("person_count_confinement")} == {"service"}
    store_report(service.database, REPORT, 2000.0)
    told = Scrape(service)
    assert told.value("confinement", process="ingest", mechanism="landlock") == 1
    assert told.value("confinement", process="ingest", mechanism="seccomp") == 0


def test_the_ingest_process_is_shown_as_it_last_reported(service: Service) -> None:
    silent = Scrape(service)
    assert not silent.has("ingest_report_timestamp_seconds")
    assert not silent.has("ingest_images_total")  # not known is not 0
    store_report(service.database, REPORT, 2000.0)
    told = Scrape(service)
    assert told.value("ingest_report_timestamp_seconds") == 2000
    assert told.value("ingest_files_total") == 10
    assert told.value("ingest_images_total") == 9
    assert told.value("ingest_faces_total") == 8
    assert told.value("ingest_failed_total") == 1
    assert told.value("ingest_process_open_fds") == 12
    assert told.value("ingest_process_max_fds") == 64
    assert told.value("ingest_stage_seconds_total", stage="read") == 1.5
    assert told.value("observer_restarts_total") == 2
    assert told.value("lost_events_total") == 3
    assert told.value("removals_held") == 4
    assert told.value("roots_missing") == 1
    more = replace(REPORT, work=WorkReport(images=20))
    store_report(service.database, more, 2010.0)
    assert Scrape(service).value("ingest_images_total") == 20


def test_a_snapshot_shows_its_age_and_what_it_lacks(service: Service) -> None:
    assert not Scrape(service).has("snapshot_written_timestamp_seconds")
    assert service.ask(service.drop("a.png", 1, 2)).status == 200
    service.worker.hold()
    generation = service.worker.worker.generation
    space = Space(UNMEASURED, service.settings.distance)
    assert write_snapshot(service.database, generation.id, space, 3000.0)
    scrape = Scrape(service)
    assert scrape.value("snapshot_written_timestamp_seconds") == 3000
    assert scrape.value("snapshot_faces") == 2
    assert scrape.value("snapshot_missing_changes") == 0
    service.worker.let_go()
    assert service.ask(service.drop("b.png", 3)).status == 200
    assert Scrape(service).value("snapshot_missing_changes") == 1


def test_changes_that_the_follower_has_not_seen_are_the_lag(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert service.ask(service.drop("a.png", 1)).status == 200
    wait_until(lambda: Scrape(service).value("index_unapplied_changes") == 0, "an index up to date")
    monkeypatch.setattr(service.thread.follower, "_update", lambda: None)  # it sleeps
    service.drop("b.png", 2, 3)
    service.ask("b.png", "none.png")  # 404, but b.png is queued
    wait_until(lambda: Scrape(service).value("index_unapplied_changes") == 2, "a lag of two faces")


def test_an_unreadable_database_is_said_and_the_rest_is_still_there(
    make_service: Callable[..., Service], caplog: pytest.LogCaptureFixture
) -> None:
    service = make_service(never_ingested=True)
    service.send("GET", "/healthz")
    with service.database.write() as connection:
        connection.execute(text("ALTER TABLE files RENAME TO lost"))
    scrape = Scrape(service)
    assert "metrics.database_unreadable" in caplog.text
    assert scrape.value("database_up") == 0
    assert not scrape.has("files")
    assert answers(scrape, "/healthz", "200") == 1
    assert scrape.all("process_resident_memory_bytes")[0][1] > 1e6


def test_before_ingest_ever_ran_nothing_is_made_up(make_service: Callable[..., Service]) -> None:
    scrape = Scrape(make_service(never_ingested=True))
    assert scrape.value("index_faces") == 0
    assert scrape.value("index_unapplied_changes") == 0
    for name in ("model_info", "snapshot_faces", "ingest_up", "ingest_report_timestamp_seconds"):
        assert not scrape.has(name)


@pytest.fixture
def child() -> Iterator[IngestKeeper]:
    keeper = IngestKeeper([sys.executable, "-S", "-E", "-c", "import time; time.sleep(60)"])
    yield keeper
    keeper.close()


def test_the_ingest_child_is_measured_while_it_lives(service: Service, child: IngestKeeper) -> None:
    state = ServiceStatus(service.database, service.thread.follower, child)
    metrics = Metrics(HANDLERS, state)
    scrape = Scrape(metrics.text())
    assert scrape.value("ingest_up") == 0
    assert scrape.value("ingest_restarts_total") == 0
    assert not scrape.has("ingest_process_resident_memory_bytes")  # and not our own instead
    child.start()
    wait_until(lambda: child.pid, "a child")
    scrape = Scrape(metrics.text())
    assert scrape.value("ingest_up") == 1
    assert scrape.value("ingest_process_resident_memory_bytes") > 0
    assert not scrape.has("ingest_process_open_fds")  # which only the process itself may count
    assert child.pid is not None
    os.kill(child.pid, 9)
    wait_until(
        lambda: Scrape(metrics.text()).value("ingest_restarts_total") == 1, "a restart counted"
    )


def test_a_scrape_looks_at_no_file_that_needs_no_work(service: Service) -> None:
    """The plans of its queries: all rows of the files table are only counted, as a whole."""
    assert service.ask(service.drop("a.png", 1)).status == 200
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, sql: str, given: Any, *_: Any) -> None:
        if not sql.startswith("EXPLAIN"):
            asked.append((sql, given))

    with service.database.read() as connection:
        event.listen(connection, "before_cursor_execute", note)
        read_status(connection, time.time())
        plans = {
            sql: [
                str(row[3])
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", given)
            ]
            for sql, given in asked
        }
    scans = {
        " ".join(sql.split()): plan
        for sql, plans_of in plans.items()
        for plan in plans_of
        if re.match("SCAN (files|images|faces|analyses|changelog)", plan)
        and "ix_files_claim" not in plan  # which holds only the files that need work
    }
    assert list(scans) == ["SELECT count(*) AS count_1 FROM files"]


WORK = Announced("one", ProcessKind.WORK, "box", "0123abcd", "1.0", ProcessState.WORKS)
PLACE = {"kind": "work", "machine": "box", "folder": "0123abcd"}


def test_processes_are_told_by_kind_machine_and_folder(service: Service) -> None:
    others = [
        WORK._replace(name="scanner", kind=ProcessKind.SCAN, state=ProcessState.WATCHES),
        WORK._replace(name="newer", kind="dream", version="99.0", state="sleeps"),
    ]
    with service.database.write() as connection:
        for told in (WORK, *others):
            processes.sign(connection, told)
        processes.count(connection, "one", 3, 4)
    scrape = Scrape(service)
    assert scrape.value("watched") == 1
    for kind in ("work", "scan", "dream"):
        assert scrape.value("processes", **PLACE | {"kind": kind}) == 1
    assert scrape.value("process_silent_seconds", **PLACE) >= 0
    assert scrape.value("process_files_total", **PLACE) == 3
    assert scrape.value("process_faces_total", **PLACE) == 4
    assert len(scrape.all("person_count_process_files_total")) == 1  # the others store none


def test_a_lost_process_counts_as_none_until_another_is_started_in_its_place(
    service: Service,
) -> None:
    with service.database.write() as connection:
        processes.sign(connection, WORK._replace(state=ProcessState.WATCHES))
        processes.count(connection, "one", 3, 4)
        connection.execute(text("UPDATE processes SET started = started - 99, seen = seen - 99"))
    lost = Scrape(service)
    assert (lost.value("watched"), lost.value("processes", **PLACE)) == (0, 0)
    assert lost.value("process_silent_seconds", **PLACE) >= 99
    assert lost.value("process_files_total", **PLACE) == 3
    with service.database.write() as connection:
        processes.sign(connection, WORK._replace(name="two"))
    again = Scrape(service)
    assert again.value("processes", **PLACE) == 1
    assert again.value("process_silent_seconds", **PLACE) < 99
    assert again.value("process_files_total", **PLACE) == 0  # from 0, as counters do


def test_nobody_watches_a_library_without_processes(service: Service) -> None:
    scrape = Scrape(service)
    assert scrape.value("watched") == 0
    assert not scrape.has("processes")
