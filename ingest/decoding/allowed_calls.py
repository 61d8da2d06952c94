"""The system calls that a decoder makes once it is confined, and no others.

They were measured with strace: every format in tests/ingest/samples.py, whole and cut off, small
and of 20 megapixels, to the end of memory and to abort(). That was on glibc 2.36 and musl 1.2.3 for
x86-64, and on glibc 2.36 for aarch64 under qemu; musl for aarch64 was not measured. A new format
needs a new measurement: tests decode every sample in a process that dies of any other call.
"""

import os
import platform
import resource
from collections.abc import Mapping, Sequence

from ingest.decoding.seccomp import Only

# by name the numbers on x86_64 (asm/unistd_64.h) and aarch64 (asm-generic/unistd.h)
_MACHINES = ("x86_64", "aarch64")
NUMBERS = {
    "recvfrom": (45, 207),
    "sendto": (44, 206),
    "getrusage": (98, 165),
    "prlimit64": (302, 261),
    "brk": (12, 214),
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "mprotect": (10, 226),
    "madvise": (28, 233),
    "futex": (202, 98),
    "clone": (56, 220),
    "clone3": (435, 435),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "set_tid_address": (218, 96),
    "rt_sigprocmask": (14, 135),
    "exit": (60, 93),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "tgkill": (234, 131),
    "tkill": (200, 130),
    "exit_group": (231, 94),
    "clock_gettime": (228, 113),
}
_PROT_EXEC = 4
_MADV = (4, 8, 14)  # DONTNEED, FREE, HUGEPAGE; root's HWPOISON (100) takes memory from all programs
_FUTEX_WAIT, _FUTEX_WAKE, _FUTEX_REQUEUE, _FUTEX_WAIT_BITS, _FUTEX_WAKE_BITS = 0, 1, 3, 9, 10
_FUTEX_FLAGS = 0x180  # private to the process, and the choice of clock
# glibc starts a thread with these flags; musl adds one that has no effect
_A_THREAD, _CLONE_DETACHED = 0x3D0F00, 0x400000


def calls(channel: int) -> Mapping[int, Sequence[Only]]:
    """The allowed calls, by number; *channel* is the socket that questions come from."""
    is_own_process = Only(0, (os.getpid(),))
    executes_nothing = Only(2, (0,), ignoring=~_PROT_EXEC)
    futexes = (_FUTEX_WAIT, _FUTEX_WAKE, _FUTEX_REQUEUE, _FUTEX_WAIT_BITS, _FUTEX_WAKE_BITS)
    allowed: dict[str, Sequence[Only]] = {
        # questions and answers, and the time that each may take
        "recvfrom": [Only(0, (channel,))],
        "sendto": [Only(0, (channel,))],
        "getrusage": [],
        "prlimit64": [Only(0, (0,)), Only(1, (resource.RLIMIT_CPU,))],
        # memory, but none that is executable
        "brk": [],
        "mmap": [executes_nothing],
        "munmap": [],
        "mremap": [],
        "mprotect": [executes_nothing],
        "madvise": [Only(2, _MADV)],
        # libde265 always decodes HEIC in a thread of its own
        "clone": [Only(0, (_A_THREAD,), ignoring=_CLONE_DETACHED)],
        "futex": [Only(1, futexes, ignoring=_FUTEX_FLAGS)],
        "set_robust_list": [],
        "rseq": [],
        "set_tid_address": [],
        "rt_sigprocmask": [],
        "exit": [],
        # ending; abort() sends a signal to itself
        "getpid": [],
        "gettid": [],
        "tgkill": [is_own_process],
        "tkill": [is_own_process],
        "exit_group": [],
        # on machines where reading the clock needs the kernel
        "clock_gettime": [],
    }
    return {_number(name): conditions for name, conditions in allowed.items()}


def unknown_calls() -> list[int]:
    """The calls that seem to be missing: clone3 hides its flags; without it glibc tries clone."""
    return [_number("clone3")]


def _number(name: str) -> int:
    return NUMBERS[name][_MACHINES.index(platform.machine())]
