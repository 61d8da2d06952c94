"""Handlers for operators and machines: /status, /metrics, /healthz and /readyz."""

from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from index.base.errors import RequestError
from service.contract.addresses import PREFIX, SUFFIX
from service.handlers.base import BaseHandler


class StatusHandler(BaseHandler):
    """The status, for operators."""

    ROUTE = PREFIX + "status" + SUFFIX

    async def get(self) -> None:
        """Answer with counts and states; no file names."""
        self.send(await self.answerer.probe(self.status.document))


class HealthHandler(BaseHandler):
    """Is the process alive?"""

    ROUTE = PREFIX + "healthz" + SUFFIX
    SCOPE = None

    async def get(self) -> None:
        """Answer at once; reaching this is the proof."""
        self.send({"status": "ok"})


class ReadyHandler(BaseHandler):
    """Can it answer questions?"""

    ROUTE = PREFIX + "readyz" + SUFFIX
    SCOPE = None

    async def get(self) -> None:
        """Answer 200 if the service can answer questions, else 503 with the reason."""
        missing = await self.answerer.probe(self.status.missing)
        if missing:
            raise RequestError(
                HTTPStatus.SERVICE_UNAVAILABLE, f"not ready: {missing}", retry_after_seconds=5
            )
        self.send({"status": "ready"})


class MetricsHandler(BaseHandler):
    """The metrics, for Prometheus."""

    ROUTE = PREFIX + "metrics" + SUFFIX

    async def get(self) -> None:
        """Answer in Prometheus' text format."""
        found = await self.answerer.probe(self.metrics.text)
        self.set_header("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)
        self.finish(found)
