"""Finds the kernel's means of confining a process, and hides a process's own memory.

It makes the system calls itself. PyPI's packages for Landlock and seccomp (landlock, pyseccomp)
have had no release for years or only trial ones, and pyseccomp needs libseccomp, which few machines
have.
"""

import ctypes
import errno
import os
import platform
import resource
import sys
from functools import cache
from typing import NamedTuple

from index.base.choices import Confinement
from index.base.errors import ConfigError

# the kernel's numbers of machines for a filter (linux/audit.h); each machine has its own filter
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
CREATE_RULESET = 444  # of Landlock, on every machine
_ASK_VERSION = 1
_PR_SET_DUMPABLE = 4
SET_SECCOMP, BY_FILTER = 22, 2  # an option of prctl() and its first word


class Offer(NamedTuple):
    """The means of confining a decoder, besides its limits.

    Attributes:
        landlock: the version of Landlock's interface, 0 without it. From 3 on it protects files
            from being truncated, from 4 on it blocks the network, from 6 on signals and abstract
            sockets.
        seccomp: system calls can be filtered here.
    """

    landlock: int
    seccomp: bool

    @property
    def is_full(self) -> bool:
        """Whether the kernel has both."""
        return self.landlock > 0 and self.seccomp

    @property
    def lacking(self) -> str:
        """The names of the missing ones, for people."""
        missing = {"Landlock": not self.landlock, "seccomp": not self.seccomp}
        return " and ".join(name for name, lacks in missing.items() if lacks)


@cache
def c_library() -> ctypes.CDLL:
    """The C library that this process runs on; its calls leave their error in get_errno()."""
    return ctypes.CDLL(None, use_errno=True)


def system_call(number: int, *words: object) -> int:
    """Make a system call that the C library has no function for.

    Raises:
        OSError: the kernel refuses.
    """
    found: int = c_library().syscall(ctypes.c_long(number), *words)
    if found < 0:
        raise OSError(ctypes.get_errno(), f"system call {number} refused")
    return found


def control_process(option: int, *words: object) -> None:
    """Call prctl().

    Raises:
        OSError: the kernel refuses.
    """
    padded = [*words, *[ctypes.c_ulong(0)] * (4 - len(words))]
    if c_library().prctl(option, *padded):
        raise OSError(ctypes.get_errno(), f"prctl {option} refused")


def hide_memory() -> None:
    """Let no other process of this user read this one's memory or environment, nor trace it.

    So an attacker in one process cannot go on to another. Root can still do it.
    """
    if sys.platform == "linux":
        control_process(_PR_SET_DUMPABLE, ctypes.c_ulong(0))


def guard_process() -> None:
    """Keep what this process and its children know of faces to themselves: memory, cores, files."""
    # a core dump would hold vectors, and no erasure looks there; children inherit the limit
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    os.umask(0o077)  # what it writes is about faces, wherever it writes
    hide_memory()  # keys, tokens and vectors are in it


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def offer() -> Offer:
    """The means that this kernel has. A decoder that then cannot use them does not start."""
    if sys.platform != "linux":
        return Offer(0, seccomp=False)
    return Offer(_landlock_version(), seccomp=_can_filter())


def check_confinement(wanted: Confinement) -> Offer:
    """The means that this kernel has.

    Raises:
        ConfigError: both are required, and one is missing.
    """
    found = offer()
    if wanted is Confinement.REQUIRED and not found.is_full:
        raise ConfigError(
            f"setting confinement: this machine has no {found.lacking} to confine decoders with; "
            "use another kernel, allow it in the container, or set auto"
        )
    return found


def _landlock_version() -> int:
    try:
        return system_call(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION))
    except OSError:  # an older kernel, one without Landlock, or a container that forbids the call
        return 0


def _can_filter() -> bool:
    """Whether the kernel takes filters: then it tries to read one, even at a null address."""
    if platform.machine() not in MACHINES or sys.maxsize < 1 << 32:
        return False
    try:
        control_process(SET_SECCOMP, ctypes.c_ulong(BY_FILTER), None)
    except OSError as error:
        return error.errno == errno.EFAULT
    return False
