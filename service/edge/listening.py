"""Listens on the address of the settings."""

import errno
import socket

from tornado.netutil import bind_sockets

from index.base.errors import ConfigError
from index.base.settings import Settings

_CURES = {
    errno.EADDRINUSE: "; stop what listens there, perhaps a person-count that runs already, or set "
    "another port",
    errno.EACCES: "; ports below 1024 may need a right of the system: set another one, such as "
    "8022",
    errno.EADDRNOTAVAIL: "; setting host must be an address of this machine",
}


def listen(settings: Settings) -> list[socket.socket]:
    """Sockets that listen on the settings' host and port.

    Raises:
        ConfigError: the address cannot be listened on; the text names the cure, where one is known.
    """
    try:
        return bind_sockets(settings.port, settings.host)
    except (OSError, UnicodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no name of a host"
        cure = _CURES.get(getattr(error, "errno", None) or 0, "")
        raise ConfigError(
            f"cannot listen on {settings.host} port {settings.port}: {said}{cure}"
        ) from error
