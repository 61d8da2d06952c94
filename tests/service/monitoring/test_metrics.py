"""What /metrics says of requests, and how it says everything."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from index.base.tokens import Scope, add_token
from service.contract.openapi import path_of
from service.edge.server import MAX_HEAD_BYTES
from service.handlers.routes import HANDLERS
from tests.service.running import Service
from tests.service.scraping import PREFIX, Scrape, answers
from tests.waiting import wait_until


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
                *("version", "python", "database", "faiss"),
                *("process", "mechanism"),
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
