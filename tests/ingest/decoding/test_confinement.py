"""A confined process can use up only so much, and open nothing."""

import json
import platform
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from index.base import kernel
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
needs_seccomp = pytest.mark.skipif(not kernel.offer().seccomp, reason="no seccomp")
HEAD = """
import json, mmap, os, resource, signal, socket, sys, threading, time
from index.base import kernel
from ingest.decoding import seccomp
from ingest.decoding.confinement import confine, end_with, grant_processor
def try_to(deed):
    try:
        deed()
    except (OSError, MemoryError, RuntimeError, ValueError) as error:
        return type(error).__name__
    return "done"
"""
CHANNEL = """
channel = socket.socket(fileno=0)
def told(what):
    channel.send(json.dumps(what).encode())
"""

AS_NOBODY = """
import ctypes
if os.geteuid() == 0:  # root keeps rights that limits do not touch
    os.setuid(65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
"""
WITHOUT_SECCOMP = "kernel._can_filter = lambda: False"


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run *code* in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", HEAD + code],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


def told(code: str) -> object:
    """What *code* tells over its channel, the one thing that it can still write to."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with (
        ours,
        subprocess.Popen(
            [sys.executable, "-c", HEAD + CHANNEL + code],
            cwd=ROOT,
            stdin=theirs,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        theirs.close()
        answer = ours.recv(10_000)
        assert process.stderr is not None
        assert answer, process.stderr.read()
        return json.loads(answer)


@pytest.mark.parametrize("before", ["", WITHOUT_SECCOMP])
def test_it_opens_neither_files_nor_sockets(before: str) -> None:
    code = f"""{before}
confine(1 << 28, 0)
told([try_to(lambda: open("/etc/passwd")), try_to(socket.socket), try_to(os.pipe)])
"""
    assert set(told(code)) <= {"OSError", "PermissionError"}  # type: ignore[call-overload]


def test_it_takes_no_more_memory_than_it_was_told() -> None:
    code = """
confine(1 << 28, 0)
told([try_to(lambda: bytearray(n << 20)) for n in (200, 300)])
"""
    assert told(code) == ["done", "MemoryError"]


def test_without_seccomp_it_starts_neither_processes_nor_threads() -> None:
    code = f"""{AS_NOBODY}
{WITHOUT_SECCOMP}
may = confine(1 << 28, 0)
told([may, try_to(os.fork), try_to(threading.Thread(target=id, args=[0]).start)])
"""
    assert told(code) == [False, "BlockingIOError", "RuntimeError"]


@needs_seccomp
def test_with_seccomp_it_starts_threads_but_no_processes() -> None:
    """libde265 decodes in a thread."""
    code = """
said = [confine(1 << 28, 0)]
thread = threading.Thread(target=lambda: said.append("a thread"))
thread.start()
thread.join()
told([try_to(os.fork), *said])
"""
    assert told(code) == ["PermissionError", True, "a thread"]


@pytest.mark.parametrize("before", ["", WITHOUT_SECCOMP])
def test_it_writes_no_file(tmp_path: Path, before: str) -> None:
    path = tmp_path / "file"
    path.touch()
    done = run(f"""{before}
out = os.open({str(path)!r}, os.O_WRONLY)
confine(1 << 28, 0)
os.write(out, b"x")
""")
    assert done.returncode in {1, -signal.SIGXFSZ}
    assert path.read_bytes() == b""


def test_it_leaves_no_core_and_gains_no_rights() -> None:
    code = f"""{WITHOUT_SECCOMP}
import ctypes
confine(1 << 28, 0)
libc = ctypes.CDLL(None)
told([resource.getrlimit(resource.RLIMIT_CORE), libc.prctl(3), libc.prctl(39, 0, 0, 0, 0)])
"""
    assert told(code) == [[0, 0], 0, 1]  # PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS


@pytest.mark.parametrize("before", ["", WITHOUT_SECCOMP])
def test_the_limits_cannot_be_raised_again(before: str) -> None:
    code = f"""{AS_NOBODY}
{before}
confine(1 << 28, 0)
kinds = [resource.RLIMIT_AS, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE]
told([try_to(lambda: resource.setrlimit(kind, (1 << 40, 1 << 40))) for kind in kinds])
"""
    assert set(told(code)) <= {"ValueError", "PermissionError", "OSError"}  # type: ignore[call-overload]


def test_threads_that_have_ended_are_waited_for() -> None:
    """As those in which libde265 decodes the sample that warms up."""
    code = """
threading.Thread(target=time.sleep, args=[0.3], daemon=True).start()
told(try_to(lambda: confine(1 << 28, 0)))
"""
    assert told(code) == "done"


def test_a_process_with_threads_is_not_confined_by_half() -> None:
    code = """
from ingest.decoding import confinement
confinement.ENDING_SECONDS = 0.1
threading.Thread(target=time.sleep, args=[60], daemon=True).start()
told(try_to(lambda: confine(1 << 28, 0)))
"""
    assert told(code) == "OSError"


@needs_seccomp
@pytest.mark.parametrize(
    "call", ["mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)", "os.kill(os.getpid(), 0)"]
)
def test_calls_are_refused_for_their_arguments(call: str) -> None:
    code = f"""
confine(1 << 28, 0)
told([try_to(lambda: {call}), try_to(lambda: mmap.mmap(-1, 4096))])
"""
    assert told(code) == ["PermissionError", "done"]


@needs_seccomp
def test_calls_of_32_bits_do_not_lead_around_the_list() -> None:
    if platform.machine() != "x86_64":
        pytest.skip("only x86_64 has them")
    # mov eax, 20 (getpid of 32 bits); int 0x80; ret
    done = run("""
import ctypes
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex("b814000000cd80c3"))
jump = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
jump()
print("before", flush=True)
confine(1 << 28, 0)
jump()
""")
    if not done.stdout:
        pytest.skip("this kernel has none")
    assert (done.stdout, done.returncode) == ("before\n", -signal.SIGSYS)


def test_the_processor_is_granted_from_now_on() -> None:
    done = run("""
while time.process_time() < 1.2:
    pass
grant_processor(1)
while time.process_time() < 1.9:
    pass
print("alive", flush=True)
while True:
    pass
""")
    assert done.returncode == -signal.SIGXCPU
    assert done.stdout == "alive\n"


@pytest.mark.parametrize("busy", ["threading.Event().wait()", "while True: pass"])
def test_it_ends_when_its_lifeline_does(busy: str) -> None:
    code = f"{HEAD}\nend_with(0)\nprint('ready', flush=True)\nconfine(1 << 28, 1)\n{busy}\n"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert process.poll() is None
        process.stdin.close()
        wait_until(lambda: process.poll() is not None, "the process has ended")
        assert process.returncode == -signal.SIGIO
