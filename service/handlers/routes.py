"""The table of all routes, and the handlers that describe it: /openapi.json and /docs."""

from http import HTTPStatus

from tornado.web import HTTPError

from service.contract.addresses import PREFIX, SUFFIX
from service.contract.docs_page import base_url, docs_page, language_of, way_up
from service.contract.openapi import describe
from service.handlers.assets import HEADERS as PAGE_HEADERS
from service.handlers.assets import KINDS, AssetHandler, PageHandler
from service.handlers.base import BaseHandler
from service.handlers.files import FilesHandler, RetryHandler
from service.handlers.judgements import JudgementHandler, JudgementsHandler
from service.handlers.operations import (
    HealthHandler,
    MetricsHandler,
    ReadyHandler,
    StatusHandler,
)
from service.handlers.pictures import FaceHandler, PhotoHandler
from service.handlers.questions import (
    CompareHandler,
    PeopleHandler,
    PersonCountHandler,
    PersonsHandler,
)
from service.handlers.similar import PhotoSimilarHandler, SimilarHandler
from service.handlers.uploads import UploadHandler


class DescriptionHandler(BaseHandler):
    """The OpenAPI description of this service."""

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
        top = way_up(self.request.path)
        data = docs_page(document, self.settings_, language, base, top)  # 3 ms: not worth a thread
        for name, value in PAGE_HEADERS.items():
            self.set_header(name, value)
        self.set_header("Content-Language", language)
        self.add_header("Vary", "Accept-Language")
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
    CompareHandler,
    PeopleHandler,
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
    SimilarHandler,
    PhotoSimilarHandler,
    JudgementsHandler,
    JudgementHandler,
    FilesHandler,
    RetryHandler,
    UploadHandler,
)
