"""Connections whose request head may be too long: they get a 414, where Tornado just hangs up."""

import json
import socket
import ssl
from typing import Any

from tornado.iostream import IOStream, SSLIOStream, StreamClosedError, UnsatisfiableReadError
from tornado.netutil import ssl_wrap_socket

from index.documents import error_document

LINGER_SECONDS = 2.0  # for the client to finish sending; closing earlier would destroy the answer


def _refusal() -> bytes:
    body = json.dumps(error_document(414, "the request head is too long; use POST")).encode()
    head = (
        "HTTP/1.1 414 URI Too Long\r\n"
        "Content-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body


class _AnswersLongHeads(IOStream):
    """A stream that says why before it closes on a head that exceeds its limit."""

    _refused = False

    def close(self, exc_info: Any = False) -> None:  # noqa: ANN401 - tornado's signature
        """Close now; on a head too long answer first and let the client read it."""
        if not isinstance(exc_info, UnsatisfiableReadError):
            super().close(exc_info)
        elif not self._refused:
            self._refused = True
            try:
                self.write(_refusal()).add_done_callback(lambda done: done.exception())
            except StreamClosedError:
                return
            self.io_loop.call_later(LINGER_SECONDS, super().close)


class PlainStream(_AnswersLongHeads):
    """Without TLS."""


class TlsStream(_AnswersLongHeads, SSLIOStream):
    """With TLS."""


def make_stream(
    connection: socket.socket, context: ssl.SSLContext | None, max_buffer_bytes: int
) -> PlainStream | TlsStream:
    """A stream on an accepted *connection*; with a *context* the handshake follows."""
    if context is None:
        return PlainStream(connection, max_buffer_size=max_buffer_bytes)
    wrapped = ssl_wrap_socket(connection, context, server_side=True, do_handshake_on_connect=False)
    return TlsStream(wrapped, ssl_options=context, max_buffer_size=max_buffer_bytes)
