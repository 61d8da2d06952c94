"""What the service says of itself: /healthz, /readyz and /status."""

import time
from collections.abc import Callable
from dataclasses import asdict

import pytest

from index.base import kernel
from index.database.queries import processes
from index.database.queries.processes import Announced
from index.database.states import FileState
from index.library.ingest_report import IngestReport, WatcherReport, WorkReport, store_report
from tests.fakes import save_picture
from tests.index.builders import fake_generation
from tests.service.running import Service
from tests.waiting import wait_until


def test_healthz_says_that_it_lives(library: Service) -> None:
    answer = library.send("GET", "/healthz")
    assert (answer.status, answer.json) == (200, {"status": "ok"})


def test_readyz_is_503_before_anything_is_indexed_and_200_afterwards(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(never_ingested=True)
    assert service.send("GET", "/healthz").status == 200
    wait_until(lambda: service.thread.follower.ready, "the follower has looked")
    answer = service.send("GET", "/readyz")
    assert answer.status == 503
    assert answer.json == {"cord": 503, "error": "not ready: nothing has been indexed yet"}
    assert int(answer.headers["Retry-After"]) > 0
    with service.database.write() as connection:
        fake_generation(connection)
    wait_until(lambda: service.send("GET", "/readyz").status == 200, "it is ready")
    assert service.send("GET", "/readyz").json == {"status": "ready"}


def test_readyz_is_503_while_the_index_is_not_loaded(service: Service) -> None:
    wait_until(lambda: service.send("GET", "/readyz").status == 200, "it is ready")
    service.thread.follower.ready = False
    answer = service.send("GET", "/readyz")
    assert (answer.status, answer.json["cord"]) == (503, 503)
    assert "index" in answer.json["error"]


def test_questions_before_anything_is_indexed_get_a_503(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(never_ingested=True, wait_seconds=0.1)
    save_picture(service.settings.inbox / "a.png", 1)
    for path in ("/person_count", "/persons"):
        answer = service.ask("a.png", path=path)
        assert (answer.status, answer.json["cord"]) == (503, 503)
        assert int(answer.headers["Retry-After"]) > 0
    assert service.ask("none.png").status == 404


def test_status_tells_numbers_and_no_names(library: Service) -> None:
    answer = library.send("GET", "/status")
    assert answer.status == 200
    found = answer.json
    assert set(found) == {
        "files",
        "model",
        "profile",
        "profile_doubt",
        "calibration",
        "images",
        "faceless_images",
        "faces",
        "snapshot",
        "index",
        "confinement",
        "ingest",
        "watched",
        "processes",
    }
    assert found["files"] == {"pending": 0, "indexed": 12, "failed": 1, "no_photo": 0}
    assert (found["images"], found["faceless_images"], found["faces"]) == (11, 1, 13)
    assert found["model"] == "fake-1"
    assert found["snapshot"] is None
    assert found["index"] == {"ready": True, "faces": 13, "whole": True, "rebuilds": 0}
    assert found["confinement"] == kernel.offer()._asdict()
    assert found["ingest"] == {"process": "elsewhere"}
    assert "png" not in answer.body.decode()
    assert str(library.settings.inbox) not in answer.body.decode()


def test_status_passes_on_what_ingest_reports(library: Service) -> None:
    watcher = WatcherReport(mode="polling", limit_reached=True, removals_held=70)
    report = IngestReport(started_at=1.0, watcher=watcher, work=WorkReport(faces=13))
    store_report(library.database, report, time.time() - 60)
    found = library.send("GET", "/status").json["ingest"]
    assert found["process"] == "elsewhere"
    assert found["watcher"] == asdict(watcher)
    assert found["work"] == asdict(report.work)
    assert found["reported_seconds_ago"] >= 60


def test_status_before_anything_is_indexed(make_service: Callable[..., Service]) -> None:
    service = make_service(never_ingested=True)
    found = service.send("GET", "/status").json
    assert set(found) == {"files", "index", "confinement", "ingest", "watched", "processes"}
    assert found["files"] == dict.fromkeys(FileState, 0)


@pytest.mark.parametrize("name", ["status", "healthz", "readyz"])
def test_they_answer_below_the_base_url_and_with_a_slash_too(library: Service, name: str) -> None:
    for target in (f"/{name}", f"/{name}/", f"/person_count/{name}", f"/person_count/{name}/"):
        assert library.send("GET", target).status == 200


def test_the_processes_of_all_machines_are_told(service: Service) -> None:
    newer = Announced("new", "dream", "barn", "4567abcd", "99.0", "sleeps")
    with service.database.write() as connection:
        processes.sign(connection, newer)
        processes.count(connection, "new", 3, 4)
    document = service.send("GET", "/status").json
    (found,) = document["processes"]
    assert document["watched"] is False
    assert found.pop("started_at") <= time.time()
    assert 0 <= found.pop("seen_seconds_ago") < 60
    assert found == newer._asdict() | {"lost": False, "files": 3, "faces": 4}
