"""Watches an accepted connection until its first request, and closes it if it stays silent."""

import logging
import socket
from collections.abc import Callable

from tornado.ioloop import IOLoop
from tornado.iostream import IOStream

from service.edge.streams import AnyStream
from service.guards.limits import SILENT_SECONDS
from service.guards.tally import Tally

log = logging.getLogger(__name__)

SHORTEST_METHOD = 3  # GET, PUT
_END_OF_A_READ = "Unsatisfiable read"  # a head is too long, which the refusal says as well


class Connection:
    """One accepted connection; it is closed if it stays silent.

    Attributes:
        accepted: Tornado's stream of it, whose socket *stream* takes over.
        stream: serves it, once the first byte has arrived.
    """

    def __init__(
        self, accepted: IOStream, network: str | None, gone: Callable[["Connection"], None]
    ) -> None:
        """Call *gone* once, when it has been closed."""
        self.accepted = accepted
        self.network = network
        self.stream: AnyStream | None = None
        self._gone = gone
        self._loop = IOLoop.current()
        self._alarm = self._loop.call_later(SILENT_SECONDS, self.hang_up)
        self._waits_for: socket.socket | None = None

    def when_readable(self, begin: Callable[[], None]) -> None:
        """Call *begin* once the first byte, or the end, has arrived."""
        waits_for: socket.socket = self.accepted.socket

        def arrived(_fd: object, _events: int) -> None:
            self._stop_waiting()
            begin()

        self._waits_for = waits_for
        self._loop.add_handler(waits_for, arrived, IOLoop.READ)

    def speaks_plain_http(self) -> bool:
        """Whether the first bytes could begin a method's name; they stay in the socket.

        A TLS handshake begins with byte 22 (RFC 8446, 5.1).
        """
        try:
            first: bytes = self.accepted.socket.recv(SHORTEST_METHOD, socket.MSG_PEEK)
        except OSError:
            return False  # nothing has come, or the peer is gone
        return first.isalpha() and first.isupper()

    def speaks(self) -> None:
        """Keep the connection from now on: the head of a request has arrived."""
        self._loop.remove_timeout(self._alarm)

    def leave(self) -> None:
        """Clean up after the socket has been closed."""
        self._loop.remove_timeout(self._alarm)
        self._gone(self)

    def hang_up(self) -> None:
        """Close now, in any state."""
        if self.stream is not None:
            self.stream.hang_up()
            return
        self._stop_waiting()
        self.accepted.close()
        self.leave()

    def _stop_waiting(self) -> None:
        if self._waits_for is not None:
            self._loop.remove_handler(self._waits_for)
            self._waits_for = None


class TornadosComplaints(logging.Filter):
    """Counts Tornado's log lines about what callers send, and logs the numbers once a minute.

    Every port scanner causes some, and an attacker can cause thousands a second.
    """

    def __init__(self) -> None:
        super().__init__()
        self._handshakes, self._requests = Tally(), Tally()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether *record* is about something else."""
        message = str(record.msg)
        if message.startswith("SSL Error"):
            if count := self._handshakes.add():
                log.warning("tls.handshakes_failed count=%d", count)
            return False
        if message.startswith("Malformed HTTP message"):
            if count := self._requests.add():
                log.warning("http.malformed_requests count=%d", count)
            return False
        return not message.startswith(_END_OF_A_READ)
