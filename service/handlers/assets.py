"""Serves the page: its files, read once, and the policy for browsers."""

from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path

from tornado.web import HTTPError

from index.base.image_formats import ENDINGS, MEDIA_TYPES
from service.contract.addresses import PREFIX, SUFFIX
from service.handlers.base import BaseHandler

FOLDER = Path(__file__).resolve().parent.parent / "page"
INDEX = "index.html"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
# The page may run, show and fetch only files of this service; blob: is for pictures that it fetched
# with a token. Strings never become code or markup (trusted types).
POLICY = (
    "default-src 'none'; "
    "script-src 'self'; "
    "style-src 'self'; "
    "img-src 'self' blob:; "
    "connect-src 'self'; "
    "base-uri 'none'; "
    "form-action 'none'; "
    "frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # browsers check each time, so that an upgrade shows at once
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the page."""

    kind: str
    data: bytes


@lru_cache(maxsize=1)
def assets() -> dict[str, Asset]:
    """The page's files by name. A name from a caller never reaches the disk."""
    found = {}
    for path in sorted(FOLDER.iterdir()):
        if path.suffix in KINDS:
            data = path.read_bytes()
            if path.name == INDEX:  # the file dialog offers what uploads take
                data = data.replace(b"{accept}", ",".join((*MEDIA_TYPES, *ENDINGS)).encode())
            found[path.name] = Asset(KINDS[path.suffix], data)
    return found


class AssetHandler(BaseHandler):
    """The files of the page; they hold no data, so callers need no token for them."""

    ROUTE = PREFIX + "assets/(?P<name>[^/]+)" + SUFFIX
    SCOPE = None

    async def get(self, name: str) -> None:
        """Answer with a file."""
        asset = assets().get(name)
        if asset is None:
            raise HTTPError(HTTPStatus.NOT_FOUND)
        for header, value in HEADERS.items():
            self.set_header(header, value)
        self.send_bytes(asset.data, asset.kind)


class PageHandler(AssetHandler):
    """The page for people."""

    ROUTE = PREFIX  # /person_count/ itself belongs to the contract, whose handler comes first

    async def get(self, name: str = INDEX) -> None:
        """Answer with the page."""
        await super().get(name)
