"""The addresses of web sites, as operators and browsers write them."""

import ipaddress
import re
from dataclasses import dataclass

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LARGEST_PORT = 65535
_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[a-z0-9._~-]+)*/?)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class WebAddress:
    """The address of a site, or of a part of it.

    Attributes:
        host: in lower case; an IPv6 address is in brackets.
        origin: scheme, host and port, as browsers write them into the header Origin.
        path: begins and ends with a slash.
    """

    host: str
    origin: str
    path: str


def web_address(text: str) -> WebAddress:
    """Take *text* apart.

    Raises:
        ValueError: it is no address of a site, or has more than scheme, host, port and path.
    """
    found = _ADDRESS.fullmatch(text)
    steps = found["path"].split("/") if found else []
    port = int(found["port"]) if found and found["port"] else None
    if found is None or "." in steps or ".." in steps or (port or 0) > _LARGEST_PORT:
        raise ValueError("is no address such as https://photos.example or https://nas:8443/faces/")
    scheme, host = found["scheme"].lower(), found["host"].lower()
    shown = "" if port in (None, _DEFAULT_PORTS[scheme]) else f":{port}"
    path = found["path"] if found["path"].endswith("/") else found["path"] + "/"
    return WebAddress(host, f"{scheme}://{host}{shown}", path)


def one_spelling(text: str) -> str:
    """The one spelling of a service's public address: it ends with a slash. Raises ValueError."""
    found = web_address(text)
    return found.origin + found.path


def exact_origins(given: tuple[str, ...]) -> tuple[str, ...]:
    """The origins of *given* as browsers write them. Raises ValueError, also for *."""
    found = []
    for text in given:
        try:
            address = web_address(text)
        except ValueError:
            address = None
        if address is None or address.path != "/":
            raise ValueError(f"{text!r} is no origin such as https://app.example; each is exact")
        found.append(address.origin)
    return tuple(found)


def check_networks(given: tuple[str, ...]) -> tuple[str, ...]:
    """Return *given* if each is an address or a network. Raises ValueError."""
    for text in given:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            raise ValueError(f"{text!r} is no address such as 10.0.0.2 or 10.0.0.0/24") from error
    return given
