"""Decides by a request's head whether to accept an upload."""

import re
import time
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from index.base.errors import RequestError, bad_request
from index.base.ignoring import Ignored
from index.base.settings import Settings
from index.base.tokens import Scope
from index.counting.question import decode_text
from service.contract.addresses import PREFIX
from service.guards.auth import Guard
from service.uploading.drop_folder import check_name

ROUTE = PREFIX + "files/(?P<name>[^/]+)"
MAX_UPLOADS = 4  # at once
CLOSED_SECONDS = 10.0  # then the drop folder is tried again
MAX_LENGTH_DIGITS = 19  # of a Content-Length; zeros before a number may be any number

# types that say nothing of a body: of curl -T, of curl --data-binary, and of browsers for HEIC and
# JPEG 2000 where their system does not know them; the name says what it is
_UNSAID = ("", "application/x-www-form-urlencoded", "application/octet-stream")
_TARGET = re.compile(ROUTE)


def content_length(headers: Mapping[str, str]) -> int | None:
    """The length of the body by the head; None if that is no plain number.

    Raises:
        RequestError: 400, it has more digits than any length.
    """
    length = headers.get("Content-Length", "")
    if len(length) > MAX_LENGTH_DIGITS:
        raise bad_request("the Content-Length is no length")
    return int(length) if length.isascii() and length.isdecimal() else None


class Uploads:
    """Counts the uploads under way, and decides whether to accept another.

    Attributes:
        under_way: the number of files being received.
    """

    def __init__(self, settings: Settings, guard: Guard) -> None:
        self._guard = guard
        self._ignored = Ignored(settings.ignore)
        self._max_bytes = settings.max_file_bytes
        self._max_mib = settings.max_file_mib
        self._closed: tuple[RequestError, float] | None = None
        self.under_way = 0

    def is_upload(self, method: str, target: str) -> bool:
        """Whether a request sends a file; all others send questions."""
        return method == "PUT" and _TARGET.fullmatch(target.partition("?")[0]) is not None

    def check(self, target: str, headers: Mapping[str, str]) -> int:
        """Return the length of an upload's body if the upload is accepted.

        Raises:
            RequestError: it is not.
        """
        self._guard.check_host(headers)
        self._guard.check_token(headers, Scope.ADMIN)
        self._guard.sites.check_same_origin(headers)
        path, asks, _ = target.partition("?")
        name = path.rpartition("/")[2]
        name = check_name(decode_text(unquote_to_bytes(name), "the name"))
        if self._ignored.entry(name):
            raise bad_request("the setting ignore names files called so, and they are not read")
        if asks:
            raise bad_request("an upload takes no parameters")
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if not kind.startswith("image/") and kind not in _UNSAID:
            raise RequestError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "send the bytes of the image alone, as Content-Type image/jpeg or as curl -T does",
            )
        length = self._length(headers)
        if self.under_way >= MAX_UPLOADS:
            raise RequestError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{MAX_UPLOADS} files are being uploaded already; send this one later",
                retry_after_seconds=1,
            )
        if self._closed is not None and time.monotonic() < self._closed[1]:
            raise self._closed[0]
        return length

    def note(self, failure: RequestError) -> None:
        """Accept no uploads for a while if *failure* will last (has no time to retry)."""
        is_lasting = failure.retry_after_seconds is None
        if failure.status == HTTPStatus.SERVICE_UNAVAILABLE and is_lasting:
            self._closed = failure, time.monotonic() + CLOSED_SECONDS

    def _length(self, headers: Mapping[str, str]) -> int:
        length = content_length(headers)
        if "Transfer-Encoding" in headers or not headers.get("Content-Length"):
            raise RequestError(
                HTTPStatus.LENGTH_REQUIRED, "say how long the file is: Content-Length"
            )
        if not length:
            raise bad_request("the file is empty, or its length no number")
        if length > self._max_bytes:
            raise RequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the file is larger than {self._max_mib} MiB (max_file_mib)",
            )
        return length
