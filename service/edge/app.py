"""Builds the application from the handlers and the parts that they share."""

import logging
from http import HTTPStatus
from typing import Any, cast

from tornado.http1connection import HTTP1Connection
from tornado.httputil import (
    HTTPConnection,
    HTTPMessageDelegate,
    ParseBodyConfig,
    ParseMultipartConfig,
    ParseUrlEncodedConfig,
    set_parse_body_config,
)
from tornado.web import Application, RequestHandler

from index.base.settings import Settings
from service.answering.answerer import Answerer
from service.children.picture_maker import Pictures
from service.edge.head_checks import HeadChecks
from service.edge.streams import AnyStream
from service.guards.auth import Guard
from service.guards.limits import SPARE_SECONDS, WORK_SECONDS, Proxies, QuestionLimit
from service.handlers.operations import HealthHandler, MetricsHandler, ReadyHandler
from service.handlers.routes import HANDLERS, NothingHandler
from service.monitoring.metrics import Metrics
from service.monitoring.service_status import ServiceStatus
from service.uploading.admission import Uploads

log = logging.getLogger(__name__)

MIN_PARAMETERS = 20_000  # accepted even if fewer files are allowed, so that the error counts them
_PROBES = (HealthHandler, ReadyHandler, MetricsHandler)  # machines ask these all day long
SPARE_PARAMETERS = 100  # besides the file paths, so that a few too many still get our own error


class GuardedApplication(Application):
    """An application that checks each request's head first."""

    def __init__(
        self,
        handlers: list[Any],
        guard: Guard,
        uploads: Uploads,
        most: int,
        metrics: Metrics,
        proxies: Proxies,
        **settings: Any,  # noqa: ANN401 - tornado's
    ) -> None:
        """Let in requests with at most *most* parameters."""
        super().__init__(handlers, **settings)
        self._guard = guard
        self._uploads = uploads
        self._most = most
        self.metrics = metrics
        self.proxies = proxies

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """Begin to receive a request."""
        inside = super().start_request(server_conn, request_conn)
        stream = cast(HTTP1Connection, request_conn).stream
        return HeadChecks(inside, cast(AnyStream, stream), self._guard, self._uploads, self._most)


def make_app(
    answerer: Answerer, settings: Settings, status: ServiceStatus, pictures: Pictures
) -> GuardedApplication:
    """Build the application; it has nothing that must be closed.

    Raises:
        ConfigError: the tokens file cannot be used.
    """
    # without this Tornado answers more than 1,000 arguments, even in a URL, with a bare 400
    most = max(settings.max_request_files, MIN_PARAMETERS) + SPARE_PARAMETERS
    set_parse_body_config(
        ParseBodyConfig(
            multipart=ParseMultipartConfig(enabled=False),
            urlencoded=ParseUrlEncodedConfig(max_arguments=most),
        )
    )
    guard = Guard(settings)
    question_limit = QuestionLimit(
        settings.wait_seconds + max(WORK_SECONDS, settings.max_request_seconds + SPARE_SECONDS)
    )
    uploads = Uploads(settings, guard)
    metrics = Metrics(HANDLERS, status)
    metrics.watch(answerer.people)
    deps = {
        "answerer": answerer,
        "settings": settings,
        "database": status.database,
        "status": status,
        "guard": guard,
        "question_limit": question_limit,
        "roots": answerer.roots,
        "pictures": pictures,
        "uploads": uploads,
        "metrics": metrics,
    }

    def answered(handler: RequestHandler) -> None:
        metrics.answered(handler)
        log_request(handler)

    return GuardedApplication(
        [(handler.ROUTE, handler, deps) for handler in HANDLERS],
        guard,
        uploads,
        most,
        metrics,
        Proxies(settings.proxies),
        default_handler_class=NothingHandler,
        default_handler_args=deps,
        log_function=answered,
        serve_traceback=False,
    )


def log_request(handler: RequestHandler) -> None:
    """Log one line for each request; never the query, which holds file names."""
    request = handler.request
    known = handler.__class__.__name__.removesuffix("Handler")
    milliseconds = 1000 * request.request_time()
    is_news = not (isinstance(handler, _PROBES) and handler.get_status() == HTTPStatus.OK)
    log.log(
        logging.INFO if is_news else logging.DEBUG,
        "service.request method=%s route=%s status=%d milliseconds=%.1f",
        request.method if request.method in handler.SUPPORTED_METHODS else "?",
        known,
        handler.get_status(),
        milliseconds,
    )
