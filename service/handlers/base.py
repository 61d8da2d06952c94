"""The common part of all handlers: checks, one error shape, and reading questions."""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from tornado.web import HTTPError, RequestHandler

from index.base.errors import (
    DatabaseReplacedError,
    RequestError,
    StoreUnavailableError,
    bad_request,
)
from index.base.parameters import JsonNumber
from index.base.paths import Roots
from index.base.settings import Settings
from index.base.tokens import Scope
from index.counting.documents import Document, error_document
from index.counting.question import FILEPATH, PARAMETERS, Question, build_question, decode_text
from index.database.engine import Database
from service.answering.answerer import Answerer
from service.answering.library_reader import Reply
from service.children.picture_maker import Pictures
from service.contract.addresses import METHODS
from service.contract.list_parameters import PAGE_PARAMETERS
from service.contract.refusals import common_headers, headers_of, wrong_kind
from service.guards.auth import Guard
from service.guards.limits import Caller, QuestionLimit
from service.guards.same_origin import CURE
from service.monitoring.metrics import Metrics
from service.monitoring.service_status import ServiceStatus
from service.uploading.admission import Uploads

log = logging.getLogger(__name__)

_DECLARED = {parameter.name: parameter for parameter in (*PARAMETERS, *PAGE_PARAMETERS)}
_JSON = json.JSONEncoder(ensure_ascii=False)

REMEMBERED_SECONDS = 600  # by browsers, of what a page of another site may send
_FROM_PAGES = "Authorization, Content-Type, X-Request-ID"  # headers that such a page may set
MAX_ETAGS = 20  # of an If-None-Match; browsers send one
MAX_BRACKETS = 100_000  # in a body, names included; parsing millions takes seconds
_SENTENCES = {
    HTTPStatus.BAD_REQUEST: "the request is malformed",
    HTTPStatus.NOT_FOUND: "there is nothing at this address",
    HTTPStatus.METHOD_NOT_ALLOWED: "this method is not allowed here",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the request is too large",
}


class BaseHandler(RequestHandler):
    """Gives all errors one shape, and keeps file names out of the log."""

    answerer: Answerer
    settings_: Settings
    database: Database
    status: ServiceStatus
    guard: Guard
    question_limit: QuestionLimit
    roots: Roots
    pictures: Pictures
    uploads: Uploads
    metrics: Metrics
    ROUTE: ClassVar[str]
    SCOPE: ClassVar[Scope | None] = Scope.READ  # of the token that callers need; None: no token
    CHANGES: ClassVar[Scope | None] = None  # the same for what changes anything, if that is more
    token_name: str | None = None  # of the caller's token; None where no tokens are asked for

    def initialize(
        self,
        answerer: Answerer,
        settings: Settings,
        database: Database,
        status: ServiceStatus,
        guard: Guard,
        question_limit: QuestionLimit,
        roots: Roots,
        pictures: Pictures,
        uploads: Uploads,
        metrics: Metrics,
    ) -> None:
        """Keep the parts from make_app, and count the request as under way."""
        self.answerer = answerer
        self.settings_ = settings
        self.database = database
        self.status = status
        self.guard = guard
        self.question_limit = question_limit
        self.roots = roots
        self.pictures = pictures
        self.uploads = uploads
        self.metrics = metrics
        self.caller = Caller()
        self.answerer.in_hand += 1

    def set_default_headers(self) -> None:
        """Set the headers of every answer."""
        self.clear_header("Server")
        for name, value in common_headers().items():
            self.set_header(name, value)

    def prepare(self) -> Awaitable[None] | None:
        """Refuse requests for another host or without a right to ask, before any look-up."""
        self.guard.check_host(self.request.headers)
        # a browser asks for another site's page without that page's token
        if self.SCOPE is not None and self.request.method != "OPTIONS":
            looks = self.request.method in ("GET", "HEAD")
            scope = self.SCOPE if looks or self.CHANGES is None else self.CHANGES
            self.token_name = self.guard.check_token(self.request.headers, scope)
            if looks:  # browsers check other methods before they send them
                self.guard.sites.check_not_embedded(self.request.headers)
        return None

    def head(self, *parts: str, **named: str) -> Awaitable[None] | None:
        """Answer as to GET; Tornado sends the headers alone."""
        return self.get(*parts, **named)

    def options(self, *_: str, **__: str) -> None:
        """Tell a browser what a page of another site may send here (CORS).

        Raises:
            HTTPError: 405, no browser asks.
            RequestError: 405, the page's origin is not one that the operator has named.
        """
        headers = self.request.headers
        if "Origin" not in headers or "Access-Control-Request-Method" not in headers:
            raise HTTPError(HTTPStatus.METHOD_NOT_ALLOWED)
        if self.guard.sites.allowed_origin(headers) is None:
            raise RequestError(
                HTTPStatus.METHOD_NOT_ALLOWED, f"pages of this origin may not ask; {CURE}"
            )
        self.clear_header("Content-Type")
        self.set_header("Access-Control-Allow-Methods", ", ".join(self.allowed_methods()))
        self.set_header("Access-Control-Allow-Headers", _FROM_PAGES)
        self.set_header("Access-Control-Max-Age", str(REMEMBERED_SECONDS))
        self.set_status(HTTPStatus.NO_CONTENT)
        self.finish()

    def on_connection_close(self) -> None:
        """Make room for others after the caller has hung up."""
        super().on_connection_close()  # ends the wait for the rest of a body
        self.caller.hang_up()

    def on_finish(self) -> None:
        """Count the request as done."""
        self.answerer.in_hand -= 1

    def note_count(self, reply: Reply) -> None:
        """Record the size of a question that has been counted."""
        self.metrics.counted(len(reply.answer.faces), reply.proof_rounds)

    def send(self, document: Document) -> None:
        """Answer with *document*."""
        self.finish(_JSON.encode(document))

    def send_bytes(self, data: bytes, kind: str) -> None:
        """Answer with *data*, or with 304 if the caller has it already."""
        self.set_header("Content-Type", kind)
        etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        self.set_header("Etag", etag)
        known = self.request.headers.get("If-None-Match", "").split(",", MAX_ETAGS)[:MAX_ETAGS]
        if etag in (tag.strip().removeprefix("W/") for tag in known):
            self.set_status(HTTPStatus.NOT_MODIFIED)
            self.finish()
        else:
            self.finish(data)

    def write_error(self, status_code: int, **kwargs: Any) -> None:  # noqa: ANN401 - tornado's
        """Turn any exception into the contract's error document."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, StoreUnavailableError):
            replaced = isinstance(error, DatabaseReplacedError)
            sentence = "was moved, deleted or replaced" if replaced else "cannot be used at present"
            error = RequestError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"the database {sentence}; ask again later",
                retry_after_seconds=5,
            )
        sentence = _SENTENCES.get(HTTPStatus(status_code), "the server failed; see its log")
        if isinstance(error, RequestError):
            status_code, sentence = error.status, str(error)
            self.set_status(status_code)
            for name, value in headers_of(error).items():
                self.set_header(name, value)
        if status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            self.set_header("Allow", ", ".join(self.allowed_methods()))
        self.send(error_document(status_code, sentence))

    def compute_etag(self) -> None:
        """Set no ETag: answers are not cached."""

    def check_etag_header(self) -> bool:
        """Whether the caller has the answer already; Tornado would also look without an ETag."""
        return "Etag" in self._headers and super().check_etag_header()

    def allowed_methods(self) -> list[str]:
        """The methods that this handler defines itself, and HEAD beside GET."""
        own = [method.upper() for method in METHODS if method in self.__class__.__dict__]
        return [
            one for method in own for one in ([method, "HEAD"] if method == "GET" else [method])
        ]

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:  # noqa: ANN401 - tornado's
        """Log unforeseen errors, but not callers' mistakes."""
        if isinstance(value, StoreUnavailableError):
            log.error("service.store_unavailable reason=%s", value)
        elif not isinstance(value, HTTPError | RequestError):
            log.error("service.failed", exc_info=(typ, value, tb))

    def question_of_query(self) -> Question:
        """The question in the query string. Raises RequestError, whose text names the mistake."""
        return build_question(self.query(), self.settings_)

    def query(self) -> dict[str, list[str]]:
        """The query's parameters, each with all its values. Raises RequestError, 400.

        Tornado's get_arguments() would strip names and replace characters in them.
        """
        return {
            decode_text(name.encode("latin-1"), "a parameter's name"): [
                decode_text(value, name) for value in values
            ]
            for name, values in self.request.query_arguments.items()
        }

    def question_of_body(self) -> Question:
        """The question in a JSON body. Raises RequestError, whose text names the mistake."""
        return build_question(self.members(), self.settings_, in_json=True)

    def members(self) -> dict[str, Sequence[str]]:
        """The parameters in a JSON body, each with all its values. Raises RequestError, 400."""
        found = self.json_body()
        lists = [name for name in ("filepaths", FILEPATH) if name in found]
        if len(lists) > 1:
            raise bad_request("give the list as filepaths or as filepath, not both")
        filepaths = found.pop(lists[0]) if lists else []
        if not isinstance(filepaths, list) or not all(isinstance(name, str) for name in filepaths):
            raise bad_request(f"{lists[0]} must be a list of strings")
        return {FILEPATH: filepaths, **texts_of(found)}

    def json_body(self) -> dict[str, Any]:
        """The object in a JSON body; the URL may have no parameters. Raises RequestError, 400."""
        if self.request.query_arguments:
            raise bad_request("give parameters in the body, not the URL")
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise wrong_kind(kind)
        # a thread would not help: parsing holds Python's lock all the time
        if self.request.body.count(b"[") + self.request.body.count(b"{") > MAX_BRACKETS:
            raise bad_request("the body is more than a list of files")
        try:
            found = json.loads(
                self.request.body,
                object_pairs_hook=_each_once,
                parse_float=JsonNumber,
                parse_int=JsonNumber,
            )
        except (ValueError, RecursionError) as error:
            raise bad_request("the body is not valid JSON") from error
        if not isinstance(found, dict):
            raise bad_request("the body must be a JSON object")
        return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object without repeated members; of those Python would silently keep the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        times = Counter(name for name, _ in pairs)
        name, number = times.most_common(1)[0]
        raise bad_request(f"{name[:40]!r} is given {number} times")
    return found


def texts_of(members: dict[str, Any]) -> dict[str, Sequence[str]]:
    """The *members* of a JSON body as the parameters of a request. Raises RequestError, 400."""
    return {name: [_text(name, value)] for name, value in members.items()}


def _text(name: str, value: object) -> str:
    if name in _DECLARED:
        return _DECLARED[name].text_of(value)
    if not isinstance(value, str):
        raise bad_request(f"{name[:40]!r} must be a string")
    return value
