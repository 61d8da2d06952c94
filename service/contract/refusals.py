"""Refusals as they are sent: the contract's document and its headers."""

import json
from contextvars import ContextVar
from http import HTTPStatus

from index.base.errors import RequestError, bad_request
from index.base.logs import request_id
from index.counting.documents import error_document

REQUEST_ID = "X-Request-ID"
MULTIPART = "multipart/form-data"  # forms with a file in them send it
# answers are about faces: no cache may keep them, no browser guess their type
HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}

# what pages of other sites may read besides the body
_READABLE = "Retry-After, X-Photo-Height, X-Photo-Width, X-Request-ID"
# the origin whose pages may read the answer to this request
reader: ContextVar[str | None] = ContextVar("reader", default=None)


def wrong_kind(kind: str) -> RequestError:
    """The refusal of a body whose media type is *kind*, in lower case."""
    sentence = 'send JSON such as {"filepaths": ["a.jpg"]}, with Content-Type application/json'
    if kind == MULTIPART:
        sentence += "; a photo itself is sent with PUT /files/NAME"
    return bad_request(sentence)


def common_headers() -> dict[str, str]:
    """The headers of every answer."""
    answered, origin = request_id.get(), reader.get()
    found = dict(HEADERS)
    if answered is not None:
        found[REQUEST_ID] = answered
    if origin is not None:
        found["Access-Control-Allow-Origin"] = origin
        found["Access-Control-Expose-Headers"] = _READABLE
        found["Vary"] = "Origin"
    return found


def headers_of(error: RequestError) -> dict[str, str]:
    """The headers that an *error* needs besides those of every answer."""
    found: dict[str, str] = {}
    if error.retry_after_seconds is not None:
        found["Retry-After"] = str(error.retry_after_seconds)
    if error.status is HTTPStatus.UNAUTHORIZED:
        found["WWW-Authenticate"] = "Bearer"
    return found


def raw_answer(error: RequestError) -> bytes:
    """A whole answer, for connections on which no handler can answer; it closes them."""
    body = json.dumps(error_document(error.status, str(error)), ensure_ascii=False).encode()
    headers = {
        **common_headers(),
        **headers_of(error),
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {error.status.value} {error.status.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
