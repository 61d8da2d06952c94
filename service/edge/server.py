"""Sockets, signals and the graceful stop."""

import asyncio
import gc
import logging
import signal
import ssl
import sys
import time
from collections.abc import Callable
from functools import partial

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream

from index.base.settings import Settings
from index.counting.agglomeration import compile_now
from index.database.engine import Database
from service.answering.answerer import Answerer
from service.answering.follower import Follower
from service.answering.threads import Threads
from service.children.ingest_keeper import IngestKeeper
from service.children.picture_maker import Pictures
from service.edge.app import GuardedApplication, make_app
from service.edge.connections import Connection, TornadosComplaints
from service.edge.head_checks import MAX_BODY_BYTES
from service.edge.listening import listen
from service.edge.streams import NO_TLS, make_stream
from service.guards.limits import ConnectionLimit, network_of
from service.monitoring.service_status import ServiceStatus
from service.uploading.drop_folder import sweep

log = logging.getLogger(__name__)

MIB = 1 << 20
MAX_HEAD_BYTES = 2 * MIB  # 5,000 paths of 400 bytes fit into a URL
MAX_BUFFER_BYTES = 16 * MIB
IDLE_SECONDS = 15
STOP_SECONDS = 7.0  # requests under way may take so long to finish
STOP_STEP_SECONDS = 0.05
JOIN_SECONDS = 1.0  # for work whose caller is gone
# the time for which a thread's Python code may hold up others; a tenth of Python's default
SWITCH_SECONDS = 0.0005

_COMPLAINTS = TornadosComplaints()


class Server(HTTPServer):
    """An HTTPServer with a limit on connections, and streams that give reasons for refusals."""

    def initialize(  # type: ignore[override]  # tornado's Configurable passes any arguments
        self, application: GuardedApplication, context: ssl.SSLContext | None
    ) -> None:
        """Set the limits; *context* None means plain HTTP."""
        self._context = context
        self._connection_limit = ConnectionLimit()
        self._proxies = application.proxies
        self._application = application
        logging.getLogger("tornado.general").addFilter(_COMPLAINTS)
        super().initialize(
            application,
            idle_connection_timeout=IDLE_SECONDS,
            body_timeout=IDLE_SECONDS,
            max_body_size=MAX_BODY_BYTES,
            max_buffer_size=MAX_BUFFER_BYTES,
            max_header_size=MAX_HEAD_BYTES,
            decompress_request=False,
        )

    def handle_stream(self, stream: IOStream, address: tuple[str, int]) -> None:
        """Serve a connection that was just accepted, or close it if there are too many."""
        network = None if self._proxies.has(address[0]) else network_of(address[0])
        connection = Connection(stream, network, self._connection_limit.leave)
        if not self._connection_limit.admit(connection):
            connection.hang_up()
            return
        if self._context is None:
            self._begin(connection, address)
        else:
            connection.when_readable(partial(self._begin, connection, address))

    def _begin(self, connection: Connection, address: tuple[str, int]) -> None:
        """Serve a connection whose first byte has arrived."""
        is_refused = self._context is not None and connection.speaks_plain_http()
        context = None if is_refused else self._context
        try:
            stream = make_stream(connection.accepted.socket, context, MAX_BUFFER_BYTES)
        except OSError:  # the client has hung up already
            connection.hang_up()
            return
        connection.stream = stream
        stream.gone = connection.leave
        stream.asked = partial(self._connection_limit.speaks, connection)
        stream.refused = self._application.metrics.refused
        if is_refused:
            stream.turn_away(NO_TLS)
        else:
            super().handle_stream(stream, address)

    async def close_all_connections(self) -> None:
        """Close all connections, including those that linger after a refusal."""
        for connection in self._connection_limit.connections():
            connection.hang_up()
        await super().close_all_connections()


async def serve(
    settings: Settings,
    context: ssl.SSLContext | None,
    database: Database,
    ingest: IngestKeeper | None,
    announce: Callable[[int], None],
) -> bool:
    """Serve until SIGTERM or SIGINT; then finish the requests under way.

    Args:
        context: TLS settings; None means plain HTTP.
        ingest: the ingest process to run beside the service; None when it runs elsewhere.
        announce: called with the port once connections are accepted.

    Returns: whether all threads have ended; else the process must end without waiting for them.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    follower = Follower(database, settings.distance, settings.vector_memory_mib)
    threads = Threads()
    sys.setswitchinterval(SWITCH_SECONDS)
    answerer = Answerer(database, settings, follower, threads)
    pictures = Pictures(settings)
    try:
        status = ServiceStatus(database, follower, ingest)
        server = Server(make_app(answerer, settings, status, pictures), context)
        sockets = listen(settings)
        if left := await asyncio.to_thread(sweep, str(settings.inbox)):
            log.info("service.swept partial_uploads=%d", left)
        server.add_sockets(sockets)
        threads.long.begin(_warm_up)  # while the index loads
        follower.start(loop)
        answerer.people.start()
        if ingest is not None:
            ingest.start()
        announce(sockets[0].getsockname()[1])
        await stop.wait()
        log.info("service.stopping")
        server.stop()
        if ingest is not None:
            ingest.ask_to_stop()  # it finishes its batch while we finish our requests
        await _finish(server, answerer)
    finally:
        if ingest is not None:
            ingest.close()
        answerer.people.close()
        follower.close()
        await pictures.close()
        has_ended = threads.close(JOIN_SECONDS)
    log.info("service.stopped")
    return has_ended


def _warm_up() -> None:
    compile_now()
    # imported and compiled objects stay for good: collecting them again and again held up all
    # requests for a tenth of a second
    gc.freeze()


async def _finish(server: HTTPServer, answerer: Answerer) -> None:
    """Let requests under way end, then close all connections."""
    deadline = time.monotonic() + STOP_SECONDS
    while answerer.in_hand and time.monotonic() < deadline:  # noqa: ASYNC110 - a counter, no event
        await asyncio.sleep(STOP_STEP_SECONDS)
    if answerer.in_hand:
        log.warning("service.requests_cut_off count=%d", answerer.in_hand)
    await server.close_all_connections()
