"""Limits the connections and questions at one time, and the time for each question."""

import asyncio
import ipaddress
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Protocol

from index.base.errors import RequestError
from service.guards.tally import Tally

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 256
MAX_CONNECTIONS_OF_ONE = 64
MAX_SILENT = 128  # connections that have asked nothing so far, TLS handshakes included
SILENT_SECONDS = 5.0  # for the handshake and the first request's head
IPV6_PREFIX = 64  # of the network that one household or server gets: 2**64 addresses
MAX_QUESTIONS = 64
WORK_SECONDS = 60.0  # for the answer itself, after the wait for files to be indexed
SPARE_SECONDS = 15.0  # beyond the time of large questions, to gather and to explain


class Connection(Protocol):
    """A connection as its limit sees it.

    Attributes:
        network: the caller's network; see network_of(). None for a proxy, which is many callers.
    """

    network: str | None

    def speaks(self) -> None:
        """Record that the head of a request has arrived."""
        ...

    def hang_up(self) -> None:
        """Close now; the limit's leave() is called before this returns."""
        ...


def network_of(address: str) -> str:
    """The network that limits count: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address  # a Unix socket has none
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((int(known), IPV6_PREFIX), strict=False))


class Proxies:
    """The addresses of proxies, which carry the requests of many callers."""

    def __init__(self, given: Iterable[str]) -> None:
        """Each is an address or a network."""
        self._networks = [ipaddress.ip_network(text) for text in given]

    def has(self, address: str) -> bool:
        """Whether a connection from *address* is a proxy's."""
        try:
            known = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped is not None:
            known = known.ipv4_mapped
        return any(known in network for network in self._networks)


class ConnectionLimit:
    """Bounds the open connections, in all and by network; the silent ones are the first to go.

    A connection is silent until the head of its first request has arrived. Silence costs an
    attacker nothing. So when all places are taken, the connection that has been silent longest is
    closed for the new one.
    """

    def __init__(self) -> None:
        self._open: dict[Connection, None] = {}  # an ordered set, the oldest first
        self._silent: dict[Connection, None] = {}
        self._by_network: Counter[str | None] = Counter()
        self._refused = Tally()

    def connections(self) -> list[Connection]:
        """All open connections."""
        return list(self._open)

    def admit(self, connection: Connection) -> bool:
        """Whether *connection* may stay; if so, it counts until leave()."""
        if not self._make_room(connection.network):
            self._report()
            return False
        self._open[connection] = self._silent[connection] = None
        self._by_network[connection.network] += 1
        return True

    def speaks(self, connection: Connection) -> None:
        """Record that a request head has arrived on *connection*."""
        self._silent.pop(connection, None)
        connection.speaks()

    def leave(self, connection: Connection) -> None:
        """Record that *connection* has been closed; harmless for one that was not admitted."""
        if connection not in self._open:
            return
        del self._open[connection]
        self._silent.pop(connection, None)
        self._by_network[connection.network] -= 1
        if not self._by_network[connection.network]:
            del self._by_network[connection.network]

    def _make_room(self, network: str | None) -> bool:
        if network is not None and self._by_network[network] >= MAX_CONNECTIONS_OF_ONE:
            candidates = [one for one in self._silent if one.network == network]
        elif len(self._open) >= MAX_CONNECTIONS or len(self._silent) >= MAX_SILENT:
            candidates = list(self._silent)
        else:
            return True
        if candidates:
            self._report()
            candidates[0].hang_up()
        return bool(candidates)

    def _report(self) -> None:
        if count := self._refused.add():
            log.warning("limits.connections_refused count=%d", count)


class Caller:
    """The caller of one question, who may hang up before it is answered."""

    def __init__(self) -> None:
        self.is_gone = False
        self.patience: asyncio.Timeout | None = None  # of the question under way

    def hang_up(self) -> None:
        """Give the question up, since its caller is gone."""
        self.is_gone = True
        if self.patience is not None and not self.patience.expired():
            self.patience.reschedule(0.0)  # long ago


class QuestionLimit:
    """Limits the number of questions under way, and the time of each."""

    def __init__(self, seconds: float) -> None:
        """Give each question *seconds*."""
        self._seconds = seconds
        self._questions = 0

    @asynccontextmanager
    async def admit(self, caller: Caller) -> AsyncIterator[None]:
        """Let the question of *caller* be answered inside.

        Raises:
            RequestError: 503, too many questions are under way, or this one took too long; 408,
                the caller has hung up, and so does not see it.
        """
        if self._questions >= MAX_QUESTIONS:
            raise RequestError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{MAX_QUESTIONS} questions are being answered already; ask again later",
                retry_after_seconds=1,
            )
        self._questions += 1
        try:
            async with asyncio.timeout(self._seconds) as caller.patience:
                yield
        except TimeoutError as error:
            if caller.is_gone:
                raise RequestError(HTTPStatus.REQUEST_TIMEOUT, "the caller has hung up") from error
            raise RequestError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"the answer took longer than {self._seconds:.0f} s; ask about fewer files",
                retry_after_seconds=1,
            ) from error
        finally:
            caller.patience = None
            self._questions -= 1
