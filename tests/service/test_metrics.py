"""/metrics over TLS, read by Prometheus' own parser."""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, text

from index.figures import read_figures
from index.report import IngestReport, WatcherReport, WorkReport, store_report
from index.snapshot_writer import write_snapshot
from index.space import UNMEASURED, Space
from index.tokens import Scope, add_token
from service.handlers import HANDLERS
from service.keeper import Keeper
from service.metrics import Metrics
from service.openapi import path_of
from service.server import MAX_HEAD_BYTES
from service.state import ServiceState
from tests.service.running import Service
from tests.waiting import wait_until

Labels = dict[str, str]
PREFIX = "person_count_"


class Scrape:
    """One answer of /metrics."""

    def __init__(self, source: Service | bytes, **headers: str) -> None:
        if isinstance(source, bytes):
            self.body = source
        else:
            self.answer = source.send("GET", "/metrics", headers=headers)
            assert self.answer.status == 200, self.answer.body
            self.body = self.answer.body
        self.families = {
            family.name: family for family in text_string_to_metric_families(self.body.decode())
        }

    def all(self, name: str) -> list[tuple[Labels, float]]:
        samples = (sample for family in self.families.values() for sample in family.samples)
        return [(found.labels, found.value) for found in samples if found.name == name]

    def value(self, name: str, **labels: str) -> float:
        found = [value for given, value in self.all(PREFIX + name) if given == labels]
        assert len(found) == 1, (name, labels, self.all(PREFIX + name))
        return found[0]

    def has(self, name: str) -> bool:
        return bool(self.all(PREFIX + name))


def answers(scrape: Scrape, route: str, status: str) -> float:
    return scrape.value("http_responses_total", route=route, status=status)


def test_the_answer_is_prometheus_text(service: Service) -> None:
    scrape = Scrape(service)
    assert scrape.answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert scrape.answer.headers["Cache-Control"] == "no-store"
    assert scrape.value("database_up") == 1
    for route in ("/person_count/metrics", "/metrics/"):
        assert service.send("GET", route).status == 200
    assert service.send("POST", "/metrics").status == 405


@pytest.mark.usefixtures("brief_linger")
def test_what_is_refused_before_it_is_read_is_counted(service: Service) -> None:
    def count(status: str) -> float:
        found = Scrape(service).all(PREFIX + "http_responses_total")
        return sum(n for labels, n in found if labels == {"route": "other", "status": status})

    post = b"POST /person_count HTTP/1.1\r\nHost: x\r\n"
    for head, status in (
        (b"nonsense\r\n\r\n", "400"),
        (post + b"Content-Length: 99999999\r\n\r\n", "413"),
        (b"GET /" + b"x" * MAX_HEAD_BYTES, "414"),
    ):
        assert count(status) == 0
        assert service.exchange(head).startswith(b"HTTP/1.1 " + status.encode())
        assert count(status) == 1


def test_names_and_units_are_as_prometheus_wants_them(service: Service) -> None:
    for name, family in Scrape(service).families.items():
        assert name.startswith((PREFIX, "process_")), name
        assert family.documentation.endswith("."), name
        assert not name.endswith(("_milliseconds", "_ms", "_kb", "_mb")), name
        if family.type == "counter":
            assert all(s.name.endswith(("_total", "_created")) for s in family.samples), name


def test_files_by_state_and_faces_follow_ingest(service: Service) -> None:
    wait_until(lambda: Scrape(service).value("index_ready") == 1, "an index")
    before = Scrape(service)
    states = ("pending", "indexed", "failed")
    assert [before.value("files", state=state) for state in states] == [0, 0, 0]
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


def test_requests_are_counted_by_route_and_status_and_timed(service: Service) -> None:
    service.drop("a.png", 1)
    first = Scrape(service)
    assert answers(first, "/person_count", "200") == 0
    assert answers(first, "/person_count", "500") == 0
    for _ in range(2):
        assert service.ask("a.png").status == 200
    service.ask("no.png")
    service.ask("a.png", path="/persons")
    service.send("GET", "/no/such/place.jpg")
    wait_until(lambda: answers(Scrape(service), "other", "404") == 1, "the last answer counted")
    scrape = Scrape(service)
    assert answers(scrape, "/person_count", "200") == 2
    assert answers(scrape, "/person_count", "404") == 1
    assert answers(scrape, "/persons", "200") == 1
    assert answers(scrape, "/metrics", "200") >= 1
    labels = {"route": "/person_count", "status_class": "2xx"}
    assert scrape.value("http_request_duration_seconds_count", **labels) == 2
    assert scrape.value("http_request_duration_seconds_sum", **labels) > 0
    assert scrape.value("http_request_duration_seconds_bucket", **labels, le="+Inf") == 2


def test_labels_hold_words_of_ours_only(service: Service) -> None:
    """Whatever callers send, the number of series stays what it is."""
    geheim = "geheim%20%E5%BC%A0%E4%B8%89"
    for target in (f"/{geheim}", f"/person_count?filepath={geheim}", f"/status?{geheim}=1"):
        for method in ("GET", "POST", "BREW", geheim):
            service.send(method, target, headers={"X-Request-ID": "geheim"})
    scrape = Scrape(service)
    assert b"geheim" not in scrape.body
    routes = {path_of(handler) for handler in HANDLERS} | {"other"}
    for family in scrape.families.values():
        for sample in family.samples:
            assert set(sample.labels) <= {
                *("route", "status", "status_class", "le", "state", "stage", "model"),
                *("version", "python", "sqlite", "faiss"),
            }
            assert sample.labels.get("route", "other") in routes
            assert re.fullmatch("[1-5](xx|[0-9]{2})", sample.labels.get("status", "200"))


def test_two_applications_in_one_process_count_apart(make_service: Callable[..., Service]) -> None:
    one, other = make_service(), make_service()
    one.send("GET", "/status")
    wait_until(lambda: answers(Scrape(one), "/status", "200") == 1, "the answer is counted")
    assert answers(Scrape(other), "/status", "200") == 0


def test_a_scrape_needs_the_scope_of_a_reader(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    secret = add_token(tokens, "prometheus", Scope.READ)
    service = make_service(tokens=tokens)
    refused = service.send("GET", "/metrics")
    assert (refused.status, refused.json["cord"]) == (401, 401)
    Scrape(service, Authorization=f"Bearer {secret}")


REPORT = IngestReport(
    started_at=1000.0,
    watcher=WatcherReport(observer_restarts=2, lost_events=3, removals_held=4, roots_missing=1),
    work=WorkReport(files=10, images=9, faces=8, failed=1, stage_seconds={"read": 1.5}),
)


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
def child() -> Iterator[Keeper]:
    keeper = Keeper([sys.executable, "-S", "-E", "-c", "import time; time.sleep(60)"])
    yield keeper
    keeper.close()


def test_the_ingest_child_is_measured_while_it_lives(service: Service, child: Keeper) -> None:
    state = ServiceState(service.database, service.thread.follower, child)
    metrics = Metrics(HANDLERS, state)
    scrape = Scrape(metrics.text())
    assert scrape.value("ingest_up") == 0
    assert scrape.value("ingest_restarts_total") == 0
    assert not scrape.has("ingest_process_resident_memory_bytes")  # and not our own instead
    child.start()
    wait_until(lambda: child.pid, "a child")
    scrape = Scrape(metrics.text())
    assert scrape.value("ingest_up") == 1
    assert scrape.value("ingest_process_open_fds") > 0
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
        read_figures(connection, time.time())
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
    }
    assert list(scans) == ["SELECT count(*) AS count_1 FROM files"]
