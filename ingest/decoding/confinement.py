"""Limits that a process sets itself before it touches untrusted bytes.

The kernel of any Linux enforces them, without privileges or a new dependency. They bound how much
the process can use up and stop it from opening anything. They filter no system calls. See
docs/security.md.
"""

import ctypes
import fcntl
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

PAGE_BYTES = resource.getpagesize()
OUT_OF_MEMORY_SCORE = 800  # of 1000: under pressure the kernel ends this process before others
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38


def confine(memory_bytes: int, *, open_files: int = 0) -> None:
    """Limit this process for good: after its imports, before the first foreign byte.

    It keeps the files it has open. It can open no other file and no socket, start no process or
    thread (unless it runs as root), write no file, leave no core dump with pixels in it, and gain
    no privileges.

    Args:
        memory_bytes: address space it may take on top of its present one.
        open_files: file descriptors have to be below this number; 0: nothing new can be opened.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # some containers forbid it
            Path("/proc/self/oom_score_adj").write_bytes(b"%d" % OUT_OF_MEMORY_SCORE)
        libc = ctypes.CDLL(None, use_errno=True)
        for option, value in ((_PR_SET_NO_NEW_PRIVS, 1), (_PR_SET_DUMPABLE, 0)):
            if libc.prctl(option, value, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "prctl refused")
        pages = int(Path("/proc/self/statm").read_bytes().split()[0])
        _limit(resource.RLIMIT_AS, pages * PAGE_BYTES + memory_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NPROC, 0)
    _limit(resource.RLIMIT_NOFILE, open_files)


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
