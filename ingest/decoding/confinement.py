"""Confines a process before it touches untrusted bytes.

Limits bound the resources that it can use up, Landlock the files and processes that it can reach,
and seccomp the system calls that it can make. If the kernel lacks Landlock or seccomp, the others
still hold; see docs/security.md.
"""

import ctypes
import fcntl
import os
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path

from index.base import kernel
from ingest.decoding import allowed_calls, landlock, seccomp

PAGE_BYTES = resource.getpagesize()
OUT_OF_MEMORY_SCORE = 800  # of 1000: under pressure the kernel ends this process before others
ENDING_SECONDS = 5.0  # by the clock, on a busy machine
_PR_SET_NO_NEW_PRIVS = 38


def confine(memory_bytes: int, channel: int) -> bool:
    """Confine this process for good: after its imports, before the first untrusted byte.

    It can compute, and answer on *channel*. It can open no file and no socket, start no process,
    reach no other process, write no file, leave no core dump with pixels in it, and gain no
    privileges. It can start threads if there is seccomp, which tells them from processes.

    Args:
        memory_bytes: address space it may take on top of its present one.
        channel: the only socket that it can use.

    Returns: whether it can still start threads.

    Raises:
        OSError: the kernel refuses a means that it offers, or the process has several threads:
            Landlock and seccomp would not confine the others.
    """
    found = kernel.offer()
    if sys.platform == "linux":
        with suppress(OSError):  # some containers forbid it
            Path("/proc/self/oom_score_adj").write_bytes(b"%d" % OUT_OF_MEMORY_SCORE)
        _be_alone()
        kernel.control_process(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1))
        kernel.hide_memory()
        pages = int(Path("/proc/self/statm").read_bytes().split()[0])
        _limit(resource.RLIMIT_AS, pages * PAGE_BYTES + memory_bytes)
    if found.landlock:
        landlock.restrict(found.landlock)
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
        _limit(kind, 0)
    if found.seccomp:
        seccomp.restrict(allowed_calls.calls(channel), allowed_calls.unknown_calls())
        return True
    _limit(resource.RLIMIT_NPROC, 0)
    return sys.platform != "linux" or os.geteuid() == 0  # Linux counts threads as processes


def _be_alone() -> None:
    """Wait until ended threads are gone: the kernel lists them for a moment after their join.

    Raises:
        OSError: one has not ended.
    """
    until = time.monotonic() + ENDING_SECONDS
    while len(os.listdir("/proc/self/task")) > 1:
        if time.monotonic() > until:
            raise OSError("this process has threads, which would not be confined")
        time.sleep(0.001)


def _limit(kind: int, most: int) -> None:
    """Set a limit, or keep one that is lower already."""
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(kind, (most, most))


def grant_processor(seconds: int) -> None:
    """Let this process compute for *seconds* from now; then the kernel ends it (SIGXCPU)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    granted = int(used.ru_utime + used.ru_stime) + 1 + seconds
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (granted, hard))


def end_with(lifeline: int) -> None:
    """End this process as soon as the other end of the pipe *lifeline* is closed.

    This works even while a decoder is running: SIGIO ends a process that does not handle it. Never
    write to the pipe. Unlike PR_SET_PDEATHSIG it does not depend on the parent's thread.
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
