"""A confined process can use up only so much, and open nothing."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
HEAD = """
import json, mmap, os, resource, signal, socket, sys, threading, time
from ingest.decoding.confinement import confine, end_with, grant_processor
def try_to(deed):
    try:
        deed()
    except (OSError, MemoryError, RuntimeError, ValueError) as error:
        return type(error).__name__
    return "done"
"""

AS_NOBODY = """
import ctypes
if os.geteuid() == 0:  # root keeps rights that limits do not touch
    os.setuid(65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
"""


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
    """What *code* prints as JSON."""
    done = run(code)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_opens_neither_files_nor_sockets() -> None:
    code = """
confine(1 << 28)
print(json.dumps([try_to(lambda: open("/etc/passwd")), try_to(socket.socket), try_to(os.pipe)]))
"""
    assert told(code) == ["OSError"] * 3


def test_it_opens_so_many_files_as_it_was_told() -> None:
    code = """
before = os.dup(0)
os.close(before)
confine(1 << 28, open_files=before + 2)
print(json.dumps([try_to(lambda: os.dup(0)) for _ in range(3)]))
"""
    assert told(code) == ["done", "done", "OSError"]


def test_it_takes_no_more_memory_than_it_was_told() -> None:
    code = """
confine(1 << 28)
print(json.dumps([try_to(lambda: bytearray(n << 20)) for n in (200, 300)]))
"""
    assert told(code) == ["done", "MemoryError"]


def test_it_starts_neither_processes_nor_threads() -> None:
    code = f"""{AS_NOBODY}
confine(1 << 28)
print(json.dumps([try_to(os.fork), try_to(threading.Thread(target=print).start)]))
"""
    assert told(code) == ["BlockingIOError", "RuntimeError"]


def test_it_writes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    done = run(f"""
out = os.open({str(path)!r}, os.O_WRONLY)
confine(1 << 28)
os.write(out, b"x")
""")
    assert done.returncode in {1, -signal.SIGXFSZ}
    assert path.read_bytes() == b""


def test_it_leaves_no_core_and_gains_no_rights() -> None:
    code = """
import ctypes
confine(1 << 28)
libc = ctypes.CDLL(None)
core = resource.getrlimit(resource.RLIMIT_CORE)
print(json.dumps([core, libc.prctl(3), libc.prctl(39, 0, 0, 0, 0)]))
"""
    assert told(code) == [[0, 0], 0, 1]  # PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS


def test_the_limits_cannot_be_raised_again() -> None:
    code = f"""{AS_NOBODY}
confine(1 << 28)
kinds = [resource.RLIMIT_AS, resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_CORE]
def more(kind):
    limit = resource.getrlimit(kind)[0] + 1
    resource.setrlimit(kind, (limit, limit))
print(json.dumps([try_to(lambda: more(kind)) for kind in kinds]))
"""
    assert told(code) == ["ValueError"] * 4


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


@pytest.mark.parametrize("busy", ["time.sleep(1000)", "while True: pass"])
def test_it_ends_when_its_lifeline_does(busy: str) -> None:
    code = f"{HEAD}\nend_with(0)\nconfine(1 << 28)\nprint('ready', flush=True)\n{busy}\n"
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
