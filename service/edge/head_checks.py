"""Checks a request's head before its query is parsed and its body is read."""

import logging
import re
import secrets
from collections.abc import Awaitable
from http import HTTPStatus
from typing import cast

from tornado.httputil import (
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)

from index.base.errors import RequestError, bad_request
from index.base.logs import request_id
from index.base.tokens import Scope
from service.contract.refusals import MULTIPART, REQUEST_ID, reader, wrong_kind
from service.edge.streams import AnyStream
from service.guards.auth import Guard
from service.uploading.admission import Uploads, content_length

log = logging.getLogger(__name__)

MIB = 1 << 20
MAX_BODY_BYTES = 8 * MIB
FEW_PARAMETERS = 100  # to parse more takes time, so the token is checked first
# Tornado would parse the first, and refuse the second, before any handler
FORMS = ("application/x-www-form-urlencoded", MULTIPART)
_ABSOLUTE = re.compile(r"https?://(?P<host>[^/?#]*)(?P<rest>.*)", re.IGNORECASE)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")  # goes into logs and answers unchanged


class HeadChecks(HTTPMessageDelegate):
    """Refuses requests that would cost memory or time; passes others on to *inside*."""

    def __init__(
        self,
        inside: HTTPMessageDelegate,
        stream: AnyStream,
        guard: Guard,
        uploads: Uploads,
        max_parameters: int,
    ) -> None:
        self._inside = inside
        self._stream = stream
        self._guard = guard
        self._uploads = uploads
        self._max_parameters = max_parameters

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Refuse, or let the request in."""
        line = _in_origin_form(cast(RequestStartLine, start_line), headers)
        request_id.set(_id_of(headers))  # in this connection's task; its handlers' tasks copy it
        reader.set(self._guard.sites.allowed_origin(headers))
        try:
            _check_framing(line.version, headers)
            self._check(line.method, line.path, headers)
        except RequestError as error:
            self._stream.refusal = error
            log.info("service.refused status=%d", error.status)
            # Tornado answers this with a 400, which our stream replaces
            raise HTTPInputError("refused before it was read") from error
        return self._inside.headers_received(line, headers)

    def _check(self, method: str, target: str, headers: HTTPHeaders) -> None:
        number = target.count("&") + 1
        if number > self._max_parameters:
            raise _too_large(f"{number} parameters are more than any question may have")
        self._stream.refusal = None
        if self._uploads.is_upload(method, target):
            self._uploads.check(target, headers)
            return
        if (content_length(headers) or 0) > MAX_BODY_BYTES:
            raise _too_large(
                f"the body is larger than {MAX_BODY_BYTES} bytes; "
                "a photo itself is sent with PUT /files/NAME"
            )
        if "Transfer-Encoding" in headers:
            sentence = f"the body is malformed or larger than {MAX_BODY_BYTES} bytes"
            self._stream.refusal = bad_request(sentence)
        has_body = "Transfer-Encoding" in headers or headers.get("Content-Length", "0") != "0"
        if has_body or number > FEW_PARAMETERS:  # only questions have these
            self._guard.check_host(headers)
            self._guard.check_token(headers, Scope.READ)
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if has_body and kind in FORMS:
            raise wrong_kind(kind)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Pass it on."""
        return self._inside.data_received(chunk)

    def finish(self) -> None:
        """Pass it on: the body was read and is well-formed."""
        self._stream.refusal = None
        self._inside.finish()
        request_id.set(None)
        reader.set(None)

    def on_connection_close(self) -> None:
        """Pass it on."""
        self._inside.on_connection_close()


def _check_framing(version: str, headers: HTTPHeaders) -> None:
    """Refuse a body whose end two programs could see in different places (RFC 9112, 6.1 and 6.3).

    Raises:
        RequestError: 400.
    """
    if len(headers.get_list("Content-Length")) > 1 or "," in headers.get("Content-Length", ""):
        raise bad_request("the Content-Length is given more than once")
    if version == "HTTP/1.0" and "Transfer-Encoding" in headers:
        raise bad_request("HTTP/1.0 knows no Transfer-Encoding")


def _in_origin_form(line: RequestStartLine, headers: HTTPHeaders) -> RequestStartLine:
    """Replace an absolute address by its path, and the Host header by the host that it names.

    RFC 9112, 3.2.2 requires this of servers. From HTTP/1.1 on there must still be one Host header
    (3.2). Both http and https are accepted: a proxy may have removed the TLS.
    """
    found, hosts = _ABSOLUTE.fullmatch(line.path), len(headers.get_list("Host"))
    if found is None or hosts > 1 or (not hosts and line.version != "HTTP/1.0"):
        return line
    headers["Host"] = found["host"]
    rest = found["rest"]
    return line._replace(path=rest if rest.startswith("/") else f"/{rest}")


def _id_of(headers: HTTPHeaders) -> str:
    """The request's id: the caller's, if it is short and plain; else a new one."""
    given = headers.get(REQUEST_ID, "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def _too_large(sentence: str) -> RequestError:
    return RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)
