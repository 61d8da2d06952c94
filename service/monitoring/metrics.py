"""The metrics for /metrics: requests are counted when answered, all else is read at a scrape.

Labels hold routes, statuses and other words of ours, never a text from a caller.
"""

import platform
from collections.abc import Iterable
from importlib import metadata
from typing import cast

import faiss
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector
from tornado.web import RequestHandler

from service.answering.people_keeper import PeopleKeeper
from service.contract.openapi import Route, path_of
from service.monitoring.collector import PeopleCollector, StatusCollector
from service.monitoring.service_status import ServiceStatus

OTHER = "other"  # the route of unknown addresses, and of requests refused before they are read
# answers take milliseconds; those that wait for files to be indexed, up to wait_seconds
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
FACES = (1, 10, 100, 1000, 10_000, 50_000)  # of one question
ROUNDS = (1, 2, 3, 5, 10)  # of the proof of one large question; five at most on real faces
EXPECTED = (200, 500, 503)  # counted from 0 on: without the 0, alerts would miss the first one


class Metrics:
    """The metrics of one application, in a registry of its own."""

    def __init__(self, routes: Iterable[Route], status: ServiceStatus) -> None:
        self._registry = CollectorRegistry()
        self._known: dict[tuple[type[RequestHandler], int], tuple[Counter, Histogram]] = {}
        self._seconds = Histogram(
            "person_count_http_request_duration_seconds",
            "From the request's head to the end of the answer.",
            ("route", "status_class"),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._answers = Counter(
            "person_count_http_responses",
            "Answers.",
            ("route", "status"),
            registry=self._registry,
        )
        for route in (*map(path_of, routes), OTHER):
            for code in EXPECTED:
                self._answers.labels(route, code)
        self._faces = Histogram(
            "person_count_question_faces",
            "Faces that counted in a question.",
            buckets=FACES,
            registry=self._registry,
        )
        self._rounds = Histogram(
            "person_count_proof_rounds",
            "Rounds until the count of a large question was proved.",
            buckets=ROUNDS,
            registry=self._registry,
        )
        build = Gauge(
            "person_count_build_info",
            "Always 1; what is running.",
            ("version", "python", "database", "faiss"),
            registry=self._registry,
        )
        build.labels(
            metadata.version("person-count"),
            platform.python_version(),
            status.database.version,
            faiss.__version__,
        ).set(1)
        self._registry.register(StatusCollector(status))
        ProcessCollector(registry=self._registry)

    def answered(self, handler: RequestHandler) -> None:
        """Count an answer that has just been given."""
        kind = handler.__class__, handler.get_status()
        if kind not in self._known:
            self._known[kind] = self._of(*kind)
        answers, seconds = self._known[kind]
        answers.inc()
        seconds.observe(handler.request.request_time())

    def _of(self, handler: type[RequestHandler], status: int) -> tuple[Counter, Histogram]:
        route = path_of(cast(Route, handler)) if hasattr(handler, "ROUTE") else OTHER
        answers = self._answers.labels(route, status)
        return answers, self._seconds.labels(route, f"{status // 100}xx")

    def counted(self, faces: int, proof_rounds: int) -> None:
        """Record a question that has been counted; *proof_rounds* is 0 for those without proof."""
        self._faces.observe(faces)
        if proof_rounds:
            self._rounds.observe(proof_rounds)

    def watch(self, people: PeopleKeeper) -> None:
        """Tell what is done about the library's people, too."""
        self._registry.register(PeopleCollector(people))

    def refused(self, status: int) -> None:
        """Count an answer that was given before any handler saw the request."""
        self._answers.labels(OTHER, int(status)).inc()

    def text(self) -> bytes:
        """Everything in Prometheus' text format. Reads the database, so not on the event loop."""
        return generate_latest(self._registry)
