"""The HTTP handlers, each with its route beside it. They parse, ask the desk and write JSON."""

from functools import partial
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from tornado.web import HTTPError

from index.base.errors import RequestError
from index.counting.documents import count_document
from index.counting.question import Question
from service.answering.persons_document import persons_document
from service.contract.addresses import PREFIX, SUFFIX
from service.contract.docs_page import base_url, docs_page, language_of
from service.contract.openapi import describe
from service.handlers.assets import HEADERS as PAGE_HEADERS
from service.handlers.assets import KINDS, AssetHandler, PageHandler
from service.handlers.base import BaseHandler
from service.handlers.files import FilesHandler, RetryHandler
from service.handlers.pictures import FaceHandler, PhotoHandler
from service.handlers.uploads import UploadHandler


class PersonCountHandler(BaseHandler):
    """How many different key persons appear in exactly these files?"""

    ROUTE = PREFIX + "person_count" + SUFFIX

    async def get(self) -> None:
        """Answer a question in the query string."""
        await self._answer(self.question_of_query())

    async def post(self) -> None:
        """Answer a question in a JSON body: for lists too long for a URL."""
        await self._answer(self.question_of_body())

    async def _answer(self, question: Question) -> None:
        async with self.question_limit.admit(self.caller):
            reply = await self.desk.count(question)
        self.send(count_document(question, reply.answer.person_num))


class PersonsHandler(BaseHandler):
    """The same question, with the answer explained."""

    ROUTE = PREFIX + "persons" + SUFFIX

    async def get(self) -> None:
        """Answer a question in the query string."""
        await self._answer(self.question_of_query())

    async def post(self) -> None:
        """Answer a question in a JSON body."""
        await self._answer(self.question_of_body())

    async def _answer(self, question: Question) -> None:
        async with self.question_limit.admit(self.caller):
            reply = await self.desk.explain(question)
            explain = partial(persons_document, question, reply)
            document = await self.desk.run(explain, is_long=reply.is_long)
        self.send(document)


class StatusHandler(BaseHandler):
    """What the operator wants to know."""

    ROUTE = PREFIX + "status" + SUFFIX

    async def get(self) -> None:
        """Counts and states; no file names."""
        self.send(await self.desk.probe(self.state.status))


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
        """200 when everything an answer needs is there, else 503 with what is missing."""
        missing = await self.desk.probe(self.state.missing)
        if missing:
            raise RequestError(
                HTTPStatus.SERVICE_UNAVAILABLE, f"not ready: {missing}", retry_after_seconds=5
            )
        self.send({"status": "ready"})


class MetricsHandler(BaseHandler):
    """What Prometheus wants to know."""

    ROUTE = PREFIX + "metrics" + SUFFIX

    async def get(self) -> None:
        """Answer in Prometheus' text format."""
        found = await self.desk.probe(self.metrics.text)
        self.set_header("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)
        self.finish(found)


class DescriptionHandler(BaseHandler):
    """What can be asked here, in OpenAPI's words."""

    ROUTE = PREFIX + r"openapi\.json" + SUFFIX
    SCOPE = None

    async def get(self) -> None:
        """Answer with the description of HANDLERS."""
        self.send(describe(HANDLERS, self.settings_))


class DocsHandler(BaseHandler):
    """The same for people who write programs, in two languages."""

    ROUTE = PREFIX + "docs" + SUFFIX
    SCOPE = None

    async def get(self) -> None:
        """Answer in the language that ?lang= or Accept-Language asks for."""
        asked = self.get_query_argument("lang", "")
        language = language_of(asked, self.request.headers.get("Accept-Language", ""))
        base = base_url(self.settings_, self.request.host)
        document = describe(HANDLERS, self.settings_)
        data = docs_page(document, self.settings_, language, base)  # 3 ms: not worth a thread
        for name, value in PAGE_HEADERS.items():
            self.set_header(name, value)
        self.set_header("Content-Language", language)
        self.set_header("Vary", "Accept-Language")
        self.send_bytes(data, KINDS[".html"])


class NothingHandler(BaseHandler):
    """Every other address."""

    def prepare(self) -> None:
        """Refuse."""
        super().prepare()
        raise HTTPError(HTTPStatus.NOT_FOUND)


HANDLERS = (
    PersonCountHandler,
    PersonsHandler,
    StatusHandler,
    MetricsHandler,
    HealthHandler,
    ReadyHandler,
    DescriptionHandler,
    DocsHandler,
    PageHandler,
    AssetHandler,
    FaceHandler,
    PhotoHandler,
    FilesHandler,
    RetryHandler,
    UploadHandler,
)
