"""The OpenAPI description of the routes: their parameters, answers and refusals."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from index.base.choices import DEFAULT_THRESHOLD
from index.base.parameters import Parameter
from index.base.settings import Settings
from index.base.tokens import Scope
from index.counting.documents import Document, error_document
from index.counting.question import FILEPATH
from index.counting.question import PARAMETERS as QUESTION_PARAMETERS
from service.contract.addresses import PREFIX, SUFFIX
from service.contract.descriptions import PARAMETERS
from service.contract.json_schemas import (
    INTEGER,
    PATH_PARTS,
    TEXT,
    filepath_schema,
    reference,
    schemas,
)
from service.contract.list_parameters import (
    JUDGEMENT_PARAMETERS,
    LIST_PARAMETERS,
    PAGE_PARAMETERS,
    PEOPLE_PARAMETERS,
    PHOTO_PARAMETERS,
    SIMILAR_PARAMETERS,
)
from service.contract.translation import with_chinese

OPENAPI = "3.1.0"
VERSION = "1.0.0"  # of the contract, not of the program
# in ASCII: generators make the names of packages from it
TITLE = "Key-person counting"
DESCRIPTION = (
    "关键人员计数: how many different people appear in exactly these photos? One GET request gives "
    "the answer; you need no client library. HEAD is answered wherever GET is."
)
JSON = "application/json"
JPEG = "image/jpeg"
_UPLOADED = "application/octet-stream"  # and image/*, which generators do not know
_GROUP = re.compile(r"\(\?P<(\w+)>[^)]*\)")  # a part of an address that callers choose

_MEANING = {
    400: "the request is malformed, or addressed to another host; `error` says what is wrong",
    401: "the token is missing or wrong",
    403: "a page of another site sent this",
    404: "a file does not exist, or requests may not name it",
    405: "this method is not allowed here",
    409: "too many files have that name",
    411: "the Content-Length is missing",
    413: "too many files or faces, or too large a body",
    414: "the request head is too long; use POST",
    415: "the body is no image",
    422: "a file exists but is no readable image",
    500: "the server failed; see its log",
    507: "the disk is full",
    503: "not possible at present; if Retry-After is sent, ask again after that many seconds",
}
_SIZE = ("X-Photo-Width", "X-Photo-Height")  # in pixels, upright
_ASSETS = (JSON, "text/html", "text/javascript", "text/css", "image/svg+xml", "image/png")
_BYTES: Document = {"type": "string", "format": "binary"}
# copied from the contract; tests send each to the service
FILES = ["a.jpg", "b.jpg"]
_QUESTION = {"filepaths": FILES, "threshold": DEFAULT_THRESHOLD}
_LISTS = {"a": FILES, "b": FILES[1:], "threshold": DEFAULT_THRESHOLD}
_COUNT = {"errcode": 1, **_QUESTION, "person_num": 2}
_JUDGING = {"judgements": [{"verdict": "different", "faces": [1, 2], "note": "brothers"}]}
# an example of a body, by its schema
_SENT: dict[str, Document] = {
    "Question": _QUESTION,
    "PagedQuestion": _QUESTION,
    "Comparison": _LISTS,
    "Judging": _JUDGING,
}
_REFUSALS = {
    400: error_document(400, "filepath is missing; give it once for each image"),
    404: error_document(404, "File does not exist"),
}
_ALWAYS = (400, 405, 413, 414, 500)
_HEADERS = {401: "WWW-Authenticate", 405: "Allow", 503: "Retry-After"}


class Route(Protocol):
    """The parts of a handler's class that are needed here."""

    @property
    def ROUTE(self) -> str:  # noqa: N802 - a class attribute
        """The regular expression of its address."""

    @property
    def SCOPE(self) -> Scope | None:  # noqa: N802 - likewise
        """The scope that a caller's token needs."""


@dataclass(frozen=True, slots=True)
class Operation:
    """The common part of the methods of one path.

    Attributes:
        name: with the method before it the operation's id, of which generators make names.
        tag: the group of operations, of which generators make modules.
        answer: the schema of status 200; None for this description itself and for other *kinds*.
        kinds: the media types of status 200.
        headers: more headers of status 200.
        body: the schema of the body of POST.
        lists: it takes the parameters of a list.
        more: further parameters.
        created: it may answer 201 as well as 200.
        example: an answer.
        refusals: more statuses than those that every path has.
        meanings: of refusals, where they mean something of their own here.
        asks: it takes a question.
        post: the operation of POST, if it is not the same as that of GET.
        one_photo: it takes one filepath.
    """

    name: str
    tag: str
    summary: str
    answer: str | None
    refusals: tuple[int, ...] = ()
    asks: bool = False
    kinds: tuple[str, ...] = (JSON,)
    headers: tuple[str, ...] = ()
    body: str = "Question"
    lists: bool = False
    more: tuple[Parameter, ...] = ()
    created: bool = False
    description: str = ""
    example: Document | None = None
    meanings: Mapping[int, str] = field(default_factory=dict)
    post: "Operation | None" = None
    one_photo: bool = False


OPERATIONS = {
    "/person_count": Operation(
        "PersonCount",
        "counting",
        "How many different key persons appear in exactly these files?",
        "Count",
        (401, 404, 422, 503),
        asks=True,
        description="Files that are not indexed yet are indexed first, so the request may wait. "
        "A file without a face counts 0; the same file twice counts once. For long lists use POST.",
        example=_COUNT,
    ),
    "/persons": Operation(
        "Persons",
        "counting",
        "The same count, explained.",
        "Persons",
        (401, 503),
        asks=True,
        body="PagedQuestion",
        more=PAGE_PARAMETERS,
        description="Counts the files that have been read; `complete` and `files` say what is "
        "missing. With a `limit` it lists a page of each of the lists persons, files and left_out; "
        "all else is about the whole question.",
    ),
    "/persons/compare": Operation(
        "PersonsCompare",
        "counting",
        "Who is in both of two lists of files, and who only in one?",
        "Compared",
        (401, 404, 422, 503),
        body="Comparison",
        description="Counts both lists as one question, so a person is one person in both and the "
        "numbers agree. min_photos counts the photos of both lists together.",
    ),
    "/people": Operation(
        "People",
        "counting",
        "Who is in the whole library?",
        "People",
        (401, 503),
        more=PEOPLE_PARAMETERS,
        description="The persons of all photos, the most photographed first. They are counted in "
        "the background while nothing else is to be done, and kept until photos change; `state` "
        "says how far that is, `as_of` which change of the library the persons are of.",
    ),
    "/status": Operation(
        "Status", "operations", "Counts and states for operators.", "Status", (401,)
    ),
    "/metrics": Operation(
        "Metrics",
        "operations",
        "LibraryStatus for Prometheus.",
        None,
        (401,),
        kinds=("text/plain",),
    ),
    "/healthz": Operation(
        "Health", "operations", "Is the process alive?", "Health", example={"status": "ok"}
    ),
    "/readyz": Operation(
        "Readiness",
        "operations",
        "Can it answer questions?",
        "Readiness",
        (503,),
        example={"status": "ready"},
    ),
    "/openapi.json": Operation("Description", "documentation", "This description.", None),
    "/docs": Operation(
        "Docs",
        "documentation",
        "This documentation, in Chinese and English.",
        None,
        kinds=("text/html",),
    ),
    "/": Operation("Page", "page", "The web page.", None, kinds=("text/html",)),
    "/faces/{face}.jpg": Operation(
        "Face", "faces", "A face's picture.", None, (401, 404, 503), kinds=(JPEG,), headers=_SIZE
    ),
    "/faces/{face}/photo.jpg": Operation(
        "FacePhoto",
        "faces",
        "The photo that a face is on.",
        None,
        (401, 404, 503),
        kinds=(JPEG,),
        headers=_SIZE,
    ),
    "/faces/{face}/similar": Operation(
        "FaceSimilar",
        "faces",
        "Where else in the library is this person?",
        "Similar",
        (401, 404, 503),
        more=SIMILAR_PARAMETERS,
        description="Searches all faces of the library, the nearest first. Nearness alone decides; "
        "a count weighs all faces together.",
    ),
    "/similar": Operation(
        "Similar",
        "faces",
        "Where else in the library are the persons of a photo?",
        "PhotoSimilar",
        (401, 404, 422, 503),
        one_photo=True,
        more=PHOTO_PARAMETERS,
        description="The same search for each face of one photo that counts. A photo that is not "
        "indexed yet is indexed first; upload others with PUT /files/NAME.",
    ),
    "/judgements": Operation(
        "Judgements",
        "judgements",
        "What people said about faces, newest first.",
        "Judgements",
        (401, 404, 503),
        more=JUDGEMENT_PARAMETERS,
        post=Operation(
            "Judgements",
            "judgements",
            "Say that two faces are the same person, that they are different, or that one is not "
            "a person.",
            "Judged",
            (401, 403, 404, 409, 503),
            body="Judging",
            description="All are added or none. They hold in every later count. A judgement that "
            "is there already is not added twice. A token needs the scope judge.",
            meanings={
                404: "there is no such face",
                409: "earlier judgements, which `error` names, contradict one of these",
            },
        ),
    ),
    "/judgements/{judgement}": Operation(
        "Judgement",
        "judgements",
        "Undo a judgement.",
        "Judgement",
        (401, 403, 404, 409, 503),
        description="It is kept, with when and by whom it was undone. A token needs the scope "
        "judge.",
        meanings={404: "there is no such judgement", 409: "it was undone already"},
    ),
    "/files": Operation(
        "Files",
        "files",
        "The files that requests may name, newest first.",
        "Files",
        (401, 503),
        lists=True,
    ),
    "/files/retry": Operation(
        "FilesRetry", "files", "Read failed files again.", "Queued", (401, 403), body="Retry"
    ),
    "/files/{name}": Operation(
        "File",
        "files",
        "Upload a photo into the drop folder; 201 if it is new there.",
        "Uploaded",
        (401, 403, 409, 411, 415, 503, 507),
        created=True,
        description="Send its bytes, as curl -T does. The type may be missing, "
        "application/octet-stream or the image's own.",
    ),
    "/assets/{name}": Operation(
        "Asset", "page", "A file of the page.", None, (404,), kinds=_ASSETS
    ),
}


def path_of(route: Route) -> str:
    """The plain spelling of a handler's address."""
    plain = route.ROUTE.removeprefix(PREFIX).removesuffix(SUFFIX).replace("\\", "")
    return "/" + _GROUP.sub(r"{\1}", plain)


def describe(routes: Iterable[Route], settings: Settings) -> Document:
    """The description of *routes* under *settings*.

    Raises:
        KeyError: a route is not in OPERATIONS.
    """
    found = {
        "openapi": OPENAPI,
        "info": {"title": TITLE, "version": VERSION, "description": DESCRIPTION},
        "servers": _servers(settings),
        "paths": {path_of(route): _path(route, settings) for route in routes},
        "components": {
            "schemas": schemas(settings),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }
    return with_chinese(found)


def _servers(settings: Settings) -> list[Document]:
    """The second is the documented base URL, which ends in the first part of the path."""
    first = settings.public_url or "/"
    # generators put paths, which begin with a slash, behind it
    return [{"url": first.removesuffix("/") or "/"}, {"url": first + "person_count"}]


def _path(route: Route, settings: Settings) -> Document:
    operation = OPERATIONS[path_of(route)]
    security: list[Document] = [{"token": []}] if settings.tokens and route.SCOPE else []
    common = _common(operation, security)
    found: Document = {}
    if chosen := _chosen(path_of(route)):
        found["parameters"] = chosen
    if "get" in route.__dict__:
        found["get"] = (
            common | _id("get", operation) | {"parameters": _parameters(operation, settings)}
        )
    if "post" in route.__dict__:
        post = operation.post or operation
        content = _json(reference(post.body), _SENT.get(post.body))
        body = {"required": True, "content": content}
        found["post"] = _common(post, security) | _id("post", post) | {"requestBody": body}
    if "put" in route.__dict__:
        body = {"required": True, "content": {_UPLOADED: {"schema": _BYTES}}}
        found["put"] = common | _id("put", operation) | {"requestBody": body}
    if "delete" in route.__dict__:
        found["delete"] = common | _id("delete", operation)
    return found


def _common(operation: Operation, security: list[Document]) -> Document:
    return {
        "tags": [operation.tag],
        "summary": operation.summary,
        **({"description": operation.description} if operation.description else {}),
        "responses": _responses(operation),
        "security": security,
    }


def _id(method: str, operation: Operation) -> Document:
    return {"operationId": method + operation.name}


def _parameters(operation: Operation, settings: Settings) -> list[Document]:
    files: Document = {
        "name": FILEPATH,
        "in": "query",
        "required": True,
        "description": PARAMETERS[FILEPATH],
    }
    files |= {"schema": filepath_schema(settings), "example": FILES}
    optional: tuple[Parameter, ...] = QUESTION_PARAMETERS if operation.asks else ()
    optional += LIST_PARAMETERS if operation.lists else ()
    optional += operation.more
    one = files | {"schema": files["schema"]["items"], "example": FILES[0]}
    one |= {"description": PARAMETERS["photo"]}
    named = [files] if operation.asks else [one] if operation.one_photo else []
    return named + [
        {
            "name": parameter.name,
            "in": "query",
            "required": False,
            "description": parameter.english,
            "schema": parameter.schema(settings),
        }
        for parameter in optional
    ]


def _chosen(path: str) -> list[Document]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PARAMETERS[name],
            "schema": PATH_PARTS[name],
        }
        for name in re.findall(r"{(\w+)}", path)
    ]


def _responses(operation: Operation) -> Document:
    answer = reference(operation.answer) if operation.answer else {"type": "object"}
    content: Document = {
        kind: {"schema": _BYTES if kind.startswith("image/") else TEXT} for kind in operation.kinds
    }
    if JSON in content:
        content |= _json(answer, operation.example)
    answered: Document = {"description": "the answer", "content": content}
    if operation.headers:
        answered["headers"] = {name: {"schema": INTEGER} for name in operation.headers}
    found: dict[str, Any] = {"200": answered} | ({"201": answered} if operation.created else {})
    for status in sorted({*_ALWAYS, *operation.refusals}):
        content = _json(reference("Error"), _REFUSALS.get(status))
        meaning = operation.meanings.get(status, _MEANING[status])
        refused: Document = {"description": meaning, "content": content}
        if status in _HEADERS:
            refused["headers"] = {_HEADERS[status]: {"schema": {"type": "string"}}}
        found[str(status)] = refused
    return found


def _json(schema: Document, example: Document | None = None) -> Document:
    return {JSON: {"schema": schema} | ({"example": example} if example else {})}
