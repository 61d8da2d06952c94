"""The API's documentation for people, in two languages, made from its OpenAPI description."""

from functools import lru_cache
from pathlib import Path

from tornado.httputil import split_host_and_port
from tornado.template import Loader

from index.base.settings import Settings
from index.counting.documents import Document
from service.contract.addresses import LOCAL_NAMES
from service.contract.outline import Outline, Say
from service.contract.translation import in_chinese

FOLDER = Path(__file__).resolve().parent / "templates"
LANGUAGES = {"zh": "中文", "en": "English"}
ENGLISH = "en"
MAX_WISHES = 20  # of an Accept-Language; browsers send a handful
CERTIFICATE = "data/tls.crt"  # the self-signed certificate, with the default settings


def docs_page(document: Document, settings: Settings, language: str, base: str, top: str) -> bytes:
    """The page as HTML; *top* leads from it to the service's first address."""
    say: Say = in_chinese if language != ENGLISH else str
    own = settings.tls and settings.tls_certificate is None and settings.public_url is None
    outline = Outline(document, say, base, CERTIFICATE if own else None)
    return (
        _templates()
        .load("docs.html")
        .generate(
            say=say,
            language=language,
            languages=LANGUAGES,
            version=document["info"]["version"],
            description=document["info"]["description"],
            base=base,
            top=top,
            self_signed=own,
            tokens=settings.tokens is not None,
            sections=tuple(outline.sections()),
            schemas=tuple(outline.schemas()),
        )
    )


@lru_cache(maxsize=1)
def _templates() -> Loader:
    return Loader(str(FOLDER), whitespace="single")


def language_of(asked: str, accepted: str) -> str:
    """The language to answer in: the one *asked* for, else the best of an Accept-Language."""
    if asked in LANGUAGES:
        return asked
    wishes = []
    for place, wish in enumerate(accepted.split(",", MAX_WISHES)[:MAX_WISHES]):
        name, _, weight = wish.partition(";")
        language = name.strip().lower().partition("-")[0]
        if language in LANGUAGES:
            wishes.append((-_quality(weight), place, language))
    return min(wishes)[2] if wishes else ENGLISH


def _quality(text: str) -> float:
    try:
        return float(text.strip().removeprefix("q=") or 1)
    except ValueError:
        return 0.0


def base_url(settings: Settings, host: str) -> str:
    """The URL of the service: its public one, or the one under *host*.

    It has https for other machines: their proxy speaks TLS.
    """
    if settings.public_url is not None:
        return settings.public_url.removesuffix("/")
    local = split_host_and_port(host.lower())[0] in LOCAL_NAMES
    return f"{'http' if local and not settings.tls else 'https'}://{host}"


def way_up(path: str) -> str:
    """The relative address of the service's first address, seen from *path*.

    A proxy may have put the service below a path that the service does not know.
    """
    return "../" * (path.count("/") - 1) or "./"
