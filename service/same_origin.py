"""Keeps pages of other sites from changing anything here through a visitor's browser.

Without tokens whoever reaches the address may put files into the folder, and so could any page that
a user of this machine looks at. Browsers say of each request which page sent it.
"""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from index.errors import RequestError

_OWN = ("same-origin", "none")  # "none": a person typed the address


def check_same_origin(headers: Mapping[str, str]) -> None:
    """Return if no other site's page can have sent this.

    Programs such as curl send neither header. A browser never omits Origin from a PUT or POST,
    and asks first whether a PUT is welcome, which nobody here ever confirms.

    Raises:
        RequestError: 403.
    """
    site = headers.get("Sec-Fetch-Site")
    origin = headers.get("Origin")
    if site is not None and site.strip().lower() not in _OWN:
        raise _refusal()
    if origin is not None and _place(origin) != headers.get("Host", "").lower():
        raise _refusal()


def _place(origin: str) -> str | None:
    """Host and port of an origin; None for "null" and whatever else is none."""
    try:
        parts = urlsplit(origin.strip().lower())
    except ValueError:
        return None
    return parts.netloc if parts.scheme in ("http", "https") and parts.netloc else None


def _refusal() -> RequestError:
    return RequestError(HTTPStatus.FORBIDDEN, "pages of other sites may not change anything here")
