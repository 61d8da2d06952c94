"""Puts the handlers together."""

import logging

from tornado.httputil import (
    ParseBodyConfig,
    ParseMultipartConfig,
    ParseUrlEncodedConfig,
    set_parse_body_config,
)
from tornado.web import Application, RequestHandler

from index.settings import Settings
from service.desk import Desk
from service.handlers import HANDLERS, NothingHandler
from service.state import StateOfAffairs

log = logging.getLogger(__name__)

SPARE_ARGUMENTS = 100  # beside the file paths; more than one too many still get our own error


def make_app(desk: Desk, settings: Settings, state: StateOfAffairs) -> Application:
    """The application; it owns nothing that needs closing."""
    # Tornado otherwise answers more than 1,000 arguments with a bare 400, also in a URL
    most = settings.max_request_files + SPARE_ARGUMENTS
    set_parse_body_config(
        ParseBodyConfig(
            multipart=ParseMultipartConfig(enabled=False),
            urlencoded=ParseUrlEncodedConfig(max_arguments=most),
        )
    )
    deps = {"desk": desk, "settings": settings, "state": state}
    return Application(
        [(handler.ROUTE, handler, deps) for handler in HANDLERS],
        default_handler_class=NothingHandler,
        default_handler_args=deps,
        log_function=log_request,
        serve_traceback=False,
    )


def log_request(handler: RequestHandler) -> None:
    """One line a request; never the query, which holds file names."""
    request = handler.request
    known = handler.__class__.__name__.removesuffix("Handler")
    milliseconds = 1000 * request.request_time()
    log.info(
        "service.request method=%s route=%s status=%d milliseconds=%.1f",
        request.method if request.method in handler.SUPPORTED_METHODS else "?",
        known,
        handler.get_status(),
        milliseconds,
    )
