"""Keeps pages of other sites from changing or guessing anything through a visitor's browser.

Without tokens, every program that reaches the address may put files into the folder and ask about
them. So could any web page that a user of this machine opens. Browsers tell for each request which
page sent it.
"""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from index.base.errors import RequestError, bad_request
from index.base.settings import Settings
from index.base.web_addresses import web_address

CURE = "the operator allows an origin with the setting cors_origins"
_OWN = ("same-origin", "none")  # "none": a person typed the address


class Sites:
    """Which web pages may use the service through a visitor's browser.

    Its own may, and those of the origins that the operator has named.
    """

    def __init__(self, settings: Settings) -> None:
        public = settings.public_url
        self._public_origin = None if public is None else web_address(public).origin
        self._allowed = frozenset(settings.cors_origins)

    def allowed_origin(self, headers: Mapping[str, str]) -> str | None:
        """The request's Origin, if the operator has named it; browsers let no page invent one."""
        origin = headers.get("Origin")
        return origin if origin in self._allowed else None

    def check_same_origin(self, headers: Mapping[str, str]) -> None:
        """Return if no other site's page can have sent this request.

        Programs such as curl send neither header. A browser always sends Origin with a PUT or POST.
        It also asks first whether a PUT is allowed; the service says so to named origins alone.

        Raises:
            RequestError: 403.
        """
        if self.allowed_origin(headers) is not None:
            return
        origin = headers.get("Origin")
        if _is_foreign(headers) or not (origin is None or self._is_own(origin, headers)):
            raise _refusal()

    def check_not_embedded(self, headers: Mapping[str, str]) -> None:
        """Return unless another site's page, of no named origin, loads this into itself.

        The page could not read the answer. But it would see whether an <object> loads, and how long
        anything takes, and learn from that which files exist. Links from other sites are allowed.

        Raises:
            RequestError: 400, as for other requests that a page made a browser send.
        """
        if self.allowed_origin(headers) is not None:
            return
        place = headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest")
        if _is_foreign(headers) and place != ("navigate", "document"):
            raise bad_request(f"pages of other sites may not load this into themselves; {CURE}")

    def _is_own(self, origin: str, headers: Mapping[str, str]) -> bool:
        """Whether *origin* is the service's: a proxy may have put another Host into the request."""
        if origin.strip().lower() == self._public_origin:
            return True
        return _place(origin) == headers.get("Host", "").lower()


def _is_foreign(headers: Mapping[str, str]) -> bool:
    site = headers.get("Sec-Fetch-Site")
    return site is not None and site.strip().lower() not in _OWN


def _place(origin: str) -> str | None:
    """Host and port of an origin; None if it has none, such as "null"."""
    try:
        parts = urlsplit(origin.strip().lower())
    except ValueError:
        return None
    return parts.netloc if parts.scheme in ("http", "https") and parts.netloc else None


def _refusal() -> RequestError:
    return RequestError(
        HTTPStatus.FORBIDDEN, f"pages of other sites may not change anything here; {CURE}"
    )
