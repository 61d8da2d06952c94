"""Connections that give a reason before they close, where Tornado gives little or none."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from traceback import walk_tb
from typing import Any

from tornado.concurrent import Future, future_set_exception_unless_cancelled
from tornado.httputil import HTTPInputError
from tornado.iostream import IOStream, SSLIOStream, StreamClosedError, UnsatisfiableReadError
from tornado.netutil import ssl_wrap_socket

from index.base.errors import RequestError, bad_request
from service.contract.refusals import raw_answer

MAX_HEAD_LINES = 200  # parsing 400,000 of them would hold up all requests for two seconds
MAX_HEADER_BYTES = 1 << 15  # besides the request line; browsers send at most some 8 KiB of cookies
LINGER_SECONDS = 2.0  # for the client to finish sending; closing earlier would destroy the answer
WRITE_SECONDS = 60.0  # for the client to read an answer
DISCARDED_BYTES = 1 << 16

_TORNADOS_REFUSAL = b"HTTP/1.1 400 Bad Request\r\n\r\n"
_MALFORMED = RequestError(HTTPStatus.BAD_REQUEST, "the request is malformed")
_TOO_LONG = RequestError(HTTPStatus.REQUEST_URI_TOO_LONG, "the request head is too long; use POST")
_TOO_MUCH_HEADER = RequestError(
    HTTPStatus.REQUEST_URI_TOO_LONG,
    f"the request's headers have more than {MAX_HEAD_LINES} lines or {MAX_HEADER_BYTES} bytes; "
    "only its address may be longer",
)
NO_TLS = bad_request("this port speaks TLS: ask with https:// in the address")


class _LongHeadError(HTTPInputError):
    """A head is longer than MAX_HEADER_BYTES, which its first line may make it."""


class _RefusingStream(IOStream):
    """A stream that sends refusals in the contract's shape, and limits heads and waiting times.

    Attributes:
        refusal: sent in place of Tornado's own 400; None: a general one is sent.
        gone: called once, when the connection is closed.
        asked: called once, when the first request head has arrived.
        refused: called with the status of each answer that the stream sends itself.
    """

    refusal: RequestError | None = None
    gone: Callable[[], None] | None = None
    asked: Callable[[], None] | None = None
    refused: Callable[[int], None] | None = None
    _limit: RequestError | None = None  # of what is being read; None: there is another way to read
    _lingers = False

    async def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> bytes:
        """Read a request's head: its first line of at most *max_bytes*, then lines that match.

        The limit of the headers holds while they arrive. Tornado searches all that it has at each
        piece, and two megabytes of one header would hold up other callers for 400 ms.

        Raises:
            HTTPInputError: the head is too long or has too many lines; `refusal` says which.
        """
        self._limit = None
        try:
            head = await super().read_until_regex(regex, MAX_HEADER_BYTES)
        except _LongHeadError:
            head = await self._read_long_head(regex, max_bytes)
        if self.asked is not None:
            self.asked()
            self.asked = None
        if head.count(b"\n") > MAX_HEAD_LINES:
            self.refusal = _TOO_MUCH_HEADER
            raise HTTPInputError("too many lines")
        return head

    async def _read_long_head(self, regex: bytes, max_bytes: int | None) -> bytes:
        """Read a head of more than MAX_HEADER_BYTES: most of it must be its first line."""
        self._limit = _TOO_LONG
        head = await self.read_until(b"\n", max_bytes)
        if not head.strip():  # one empty line may precede a request (RFC 9112, 2.2)
            head += await self.read_until(b"\n", max_bytes)
        if head.strip():
            self._limit = _TOO_MUCH_HEADER
            no_headers = rb"\A\r?\n"
            head += await super().read_until_regex(no_headers + b"|" + regex, MAX_HEADER_BYTES)
        return head

    def write(self, data: bytes | memoryview) -> "Future[None]":
        """Write, and close the connection if the client does not read it."""
        if data == _TORNADOS_REFUSAL:
            self._lingers = self.refusal is not None
            data = self._refuse(self.refusal or _MALFORMED)
        written = super().write(data)
        if not written.done():
            alarm = self.io_loop.call_later(WRITE_SECONDS, super().close)
            written.add_done_callback(lambda _: self.io_loop.remove_timeout(alarm))
        return written

    def close(self, exc_info: Any = False) -> None:  # noqa: ANN401 - tornado's signature
        """Close now, or after a refusal once the client has had time to read it."""
        if isinstance(exc_info, UnsatisfiableReadError) and self._limit is None:
            self._fail_read(_LongHeadError("longer than most"))
        elif isinstance(exc_info, UnsatisfiableReadError):
            self.refusal = self._limit
            self._fail_read(HTTPInputError("too long"))
        elif self._lingers:
            self._lingers = False
            self.io_loop.add_callback(self._discard)
            self.io_loop.call_later(LINGER_SECONDS, super().close)
        else:
            super().close(exc_info)

    def _fail_read(self, error: HTTPInputError) -> None:
        """End the read that waits with *error*; Tornado would search again at each further byte."""
        waiting, self._read_future = self._read_future, None
        self._read_regex = self._read_delimiter = self._read_max_bytes = None
        if waiting is not None:
            future_set_exception_unless_cancelled(waiting, error)

    def _refuse(self, error: RequestError) -> bytes:
        if self.refused is not None:
            self.refused(error.status)
        return raw_answer(error)

    def turn_away(self, error: RequestError) -> None:
        """Answer with *error* before anything was read, and close."""
        self._lingers = True
        with suppress(StreamClosedError):
            self.write(self._refuse(error))
        self.close()

    def hang_up(self) -> None:
        """Close now, even after a refusal."""
        super().close()

    async def _discard(self) -> None:
        """Read and discard the rest of the request, so that the client comes to read the answer."""
        with suppress(StreamClosedError):
            while True:
                await self.read_bytes(DISCARDED_BYTES, partial=True)
                await asyncio.sleep(0)  # bytes that are there already are read without a pause

    def close_fd(self) -> None:
        """Close the socket, and call `gone`."""
        super().close_fd()
        if self.gone is not None:
            self.gone()


class PlainStream(_RefusingStream):
    """Without TLS."""


class TlsStream(_RefusingStream, SSLIOStream):
    """With TLS."""


AnyStream = PlainStream | TlsStream


def make_stream(
    connection: socket.socket, context: ssl.SSLContext | None, max_buffer_bytes: int
) -> AnyStream:
    """A stream on an accepted *connection*; with a *context* the handshake follows.

    Raises:
        OSError: the peer is gone, and the socket is closed.
    """
    if context is None:
        return PlainStream(connection, max_buffer_size=max_buffer_bytes)
    try:
        wrapped = ssl_wrap_socket(
            connection, context, server_side=True, do_handshake_on_connect=False
        )
    except OSError as error:
        _close_lost(error)
        raise
    return TlsStream(wrapped, ssl_options=context, max_buffer_size=max_buffer_bytes)


def _close_lost(error: OSError) -> None:
    """Close the socket that ssl took over before it failed; only the traceback still holds it."""
    for frame, _ in walk_tb(error.__traceback__):
        lost = frame.f_locals.get("self")
        if isinstance(lost, ssl.SSLSocket):
            lost.close()
