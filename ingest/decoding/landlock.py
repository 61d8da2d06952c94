"""Landlock: lets this process reach no file, no port and no other process from now on.

https://docs.kernel.org/userspace-api/landlock.html; the numbers are those of linux/landlock.h.
"""

import ctypes
import os
import struct

from index.base.kernel import CREATE_RULESET, system_call

_RESTRICT_SELF = 446
# the number of rights over files that each version knows; a right that is handled but granted for
# no path is taken away everywhere
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
_NETWORK_SINCE, _NETWORK_RIGHTS = 4, 0b11  # to bind and to connect TCP sockets
_SCOPES_SINCE, _SCOPES = 6, 0b11  # abstract Unix sockets and signals stay inside


def restrict(version: int) -> None:
    """Take all rights away that Landlock of *version* knows, from this thread for good.

    Raises:
        OSError: the kernel refuses, for example because the process may still gain privileges.
    """
    files = max(count for since, count in _FILE_RIGHTS.items() if since <= version)
    network = _NETWORK_RIGHTS if version >= _NETWORK_SINCE else 0
    scopes = _SCOPES if version >= _SCOPES_SINCE else 0
    attributes = struct.pack("=QQQ", (1 << files) - 1, network, scopes)
    rules = system_call(
        CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)
    )
    try:
        system_call(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0))
    finally:
        os.close(rules)
