"""Starts and ends the process that decodes, and makes the memory that both share."""

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from index.base.one_thread import ONE_THREAD

RELEASE_BYTES = 32 << 20  # memory kept from one file to the next, of each kind
ENVIRONMENT = {
    **ONE_THREAD,
    # glibc: freed memory stays with the process, which saves a quarter of its time in page faults
    "MALLOC_MMAP_THRESHOLD_": str(RELEASE_BYTES),
    "MALLOC_TRIM_THRESHOLD_": str(RELEASE_BYTES),
}
PASSED_ON = ("LD_LIBRARY_PATH",)  # some builds of Python find their libraries by it


def shared_memory(size: int) -> int:
    """A file descriptor of memory of a fixed size, which takes space only where it is written.

    The size is sealed: if the process could shrink it, our next read would kill us (SIGBUS).
    """
    made = os.memfd_create("photos", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(made, size)
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(made, fcntl.F_ADD_SEALS, seals)
    except OSError:
        os.close(made)
        raise
    return made


def start(module: str, words: Sequence[str], files: Sequence[int]) -> subprocess.Popen[bytes]:
    """Run *module*'s main() in a new interpreter without our environment.

    Its standard input is its lifeline: it ends when we do. It has its own session, so that a
    terminal's Ctrl-C does not reach it.
    """
    paths = [str(Path(__file__).resolve().parents[2]), *filter(None, sys.path)]
    code = f"import sys; sys.path[:] = {paths!r}; from {module} import main; main()"
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-I", "-c", code, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT | kept,
        cwd="/",
        pass_fds=files,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes], channel: socket.socket) -> None:
    """End the process, and close its channel and its pipes."""
    process.kill()
    channel.close()
    for stream in (process.stdin, process.stderr):
        if stream:
            stream.close()
    process.wait()
