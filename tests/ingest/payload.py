"""What code that a file smuggles into a decoder may try, and whether it gets through.

python -m tests.ingest.payload prints it for this kernel and user, as root for nobody as well.
"""

import ctypes
import json
import mmap
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from index.base.errors import UnreadableImageError
from index.base.kernel import c_library, control_process, system_call
from ingest.decoding.decoder_pool import Decoders
from tests.ingest.samples import SAMPLES

PHOTO = SAMPLES["png"]
NOBODY = 65534
SET_DUMPABLE = 4  # of prctl()
SECRET = b"a face of somebody"
MIB = 1 << 20
SHM_KEY = 0x70630000  # of what outlives the process; the low bits are the runner's process id
CALLS = {  # on x86_64 and aarch64
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "io_uring_setup": (425, 425),
    "add_key": (248, 217),
    "setxattr": (188, 5),
}


class Landlock(StrEnum):
    """What Landlock does about a deed where there is no seccomp."""

    REFUSES = "refused"
    LIMITS = "refused, but to root"  # a limit refuses it, which root may raise or does not have
    LETS = "works"


class Target(NamedTuple):
    """What may be harmed: a folder with a file "secret" in it, and a process."""

    folder: str
    pid: int
    address: int  # where SECRET is in its memory
    port: int  # where it listens

    @property
    def secret(self) -> str:
        return f"{self.folder}/secret"

    def new(self) -> str:
        return f"{self.folder}/{time.monotonic_ns()}"


def call(name: str, *words: object) -> int:
    return system_call(CALLS[name][os.uname().machine == "aarch64"], *words)


def raise_limits(_: Target) -> None:
    infinite = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    for kind, most in ((resource.RLIMIT_NOFILE, (1000, 1000)), (resource.RLIMIT_FSIZE, infinite)):
        try:
            resource.setrlimit(kind, most)
        except ValueError as error:  # beyond the hard limit
            raise PermissionError from error


def opened(path: str, flags: int) -> None:
    os.close(os.open(path, flags, 0o600))


def link(target: Target) -> None:
    os.link(target.secret, target.new())


def set_attribute(target: Target) -> None:
    value = b"value"
    call("setxattr", target.secret.encode(), b"user.name", value, ctypes.c_size_t(len(value)), 0)


def vector(address: int) -> object:
    return (ctypes.c_size_t * 2)(address, len(SECRET))


def touch_memory(name: str, target: Target) -> None:
    mine = ctypes.create_string_buffer(SECRET, len(SECRET))
    one, none = ctypes.c_ulong(1), ctypes.c_ulong(0)
    local, remote = vector(ctypes.addressof(mine)), vector(target.address)
    call(name, ctypes.c_int(target.pid), local, one, remote, one, none)


def trace(target: Target) -> None:
    library = c_library()
    seize, zero = ctypes.c_long(0x4206), ctypes.c_void_p(0)
    if library.ptrace(seize, ctypes.c_long(target.pid), zero, zero):
        raise OSError(ctypes.get_errno(), "ptrace")


def fork(_: Target) -> None:
    if number := os.fork():
        os.waitpid(number, 0)
    else:
        os._exit(0)


def start_program(_: Target) -> None:
    number = os.posix_spawn("/bin/true", ["true"], {})
    if os.waitpid(number, 0)[1]:
        raise PermissionError


def limit_other(target: Target) -> None:
    limits = resource.prlimit(target.pid, resource.RLIMIT_CPU)
    resource.prlimit(target.pid, resource.RLIMIT_CPU, limits)


def connect(family: socket.AddressFamily, address: object) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as made:
        made.connect(address)  # type: ignore[arg-type]  # a name or host and port


def listen(_: Target) -> None:
    with socket.create_server(("127.0.0.1", 0)):
        pass


def send_datagram(target: Target) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.sendto(SECRET, ("127.0.0.1", target.port))


def shared_memory(target: Target) -> None:
    key = SHM_KEY | target.pid & 0xFFFF
    if c_library().shmget(key, ctypes.c_size_t(MIB), 0o1600) < 0:
        raise OSError(ctypes.get_errno(), "shmget")


def message_queue(target: Target) -> None:
    if c_library().msgget(SHM_KEY | target.pid & 0xFFFF, 0o1600) < 0:
        raise OSError(ctypes.get_errno(), "msgget")


def key_ring(_: Target) -> None:
    process_keyring = ctypes.c_int(-2)
    call("add_key", b"user", b"name", SECRET, ctypes.c_size_t(len(SECRET)), process_keyring)


def io_uring(_: Target) -> None:
    os.close(call("io_uring_setup", 4, ctypes.create_string_buffer(120)))


def executable_memory(_: Target) -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC).close()


def own_namespace(_: Target) -> None:
    if c_library().unshare(0x10000000):  # CLONE_NEWUSER
        raise OSError(ctypes.get_errno(), "unshare")


def outlive(_: Target) -> None:
    import fcntl  # noqa: PLC0415 - it is loaded already

    fcntl.fcntl(0, fcntl.F_SETFL, 0)


class Deed(NamedTuple):
    """One try.

    Attributes:
        alone: what Landlock does about it without seccomp.
        since: the version of Landlock that does.
    """

    what: str
    alone: Landlock
    run: Callable[[Target], object]
    since: int = 1


_NO, _LIMITED, _YES = Landlock.REFUSES, Landlock.LIMITS, Landlock.LETS
WRITE = os.O_WRONLY | os.O_CREAT

# what changes the process itself for the deeds after it comes first and last
DEEDS = [
    Deed("raise its own limits", _LIMITED, raise_limits),
    Deed("read a file", _NO, lambda t: opened(t.secret, os.O_RDONLY)),
    Deed("overwrite a file", _NO, lambda t: opened(t.secret, os.O_WRONLY)),
    Deed("make a file", _NO, lambda t: opened(t.new(), WRITE)),
    Deed("truncate a file", _NO, lambda t: os.truncate(t.secret, len(SECRET)), since=3),
    Deed("rename a file", _NO, lambda t: os.rename(t.secret, t.secret)),
    Deed("remove a file", _NO, lambda t: os.unlink(f"{t.folder}/old")),
    Deed("make a folder", _NO, lambda t: os.mkdir(t.new())),
    Deed("remove a folder", _NO, lambda t: os.rmdir(f"{t.folder}/empty")),
    Deed("make a symbolic link", _NO, lambda t: os.symlink("x", t.new())),
    Deed("make a hard link", _NO, link),
    Deed("make a pipe or device", _NO, lambda t: os.mknod(t.new(), stat.S_IFIFO | 0o600)),
    Deed("list a folder", _NO, lambda t: os.listdir(t.folder)),
    Deed("change a file's mode", _YES, lambda t: os.chmod(t.secret, 0o600)),
    Deed("change a file's times", _YES, lambda t: os.utime(t.secret)),
    Deed("set an extended attribute", _YES, set_attribute),
    Deed("find out whether a file exists", _YES, lambda t: os.stat(t.secret)),
    Deed("read another process's memory", _NO, lambda t: touch_memory("process_vm_readv", t)),
    Deed("write another process's memory", _NO, lambda t: touch_memory("process_vm_writev", t)),
    Deed("open another process's memory", _NO, lambda t: opened(f"/proc/{t.pid}/mem", os.O_RDWR)),
    Deed(
        "read another process's environment",
        _NO,
        lambda t: opened(f"/proc/{t.pid}/environ", os.O_RDONLY),
    ),
    Deed("signal another process", _NO, lambda t: os.kill(t.pid, signal.SIGURG), since=6),
    Deed(
        "hold another process (pidfd)",
        _LIMITED,
        lambda t: os.close(call("pidfd_open", t.pid, 0)),
    ),
    Deed("trace another process", _NO, trace),  # from then on it stops at each signal
    Deed("set another process's limits", _YES, limit_other),
    Deed(
        "set another process's priority",
        _YES,
        lambda t: os.setpriority(os.PRIO_PROCESS, t.pid, os.getpriority(os.PRIO_PROCESS, t.pid)),
    ),
    Deed(
        "choose another process's cores",
        _YES,
        lambda t: os.sched_setaffinity(t.pid, os.sched_getaffinity(t.pid)),
    ),
    Deed("fork", _LIMITED, fork),
    Deed("start a program", _NO, start_program),
    Deed(
        "connect over TCP",
        _NO,
        lambda t: connect(socket.AF_INET, ("127.0.0.1", t.port)),
        since=4,
    ),
    Deed("listen on a TCP port", _NO, listen, since=4),
    Deed("send over UDP", _LIMITED, send_datagram),
    Deed(
        "connect to an abstract socket",
        _NO,
        lambda t: connect(socket.AF_UNIX, f"\0person-count-{t.pid}"),
        since=6,
    ),
    Deed(
        "connect to a socket in a folder",
        _LIMITED,
        lambda t: connect(socket.AF_UNIX, f"{t.folder}/socket"),
    ),
    Deed("take System V shared memory", _YES, shared_memory),
    Deed("make a System V message queue", _YES, message_queue),
    Deed(
        "take memory of a file without a name", _LIMITED, lambda _: os.close(os.memfd_create("x"))
    ),
    Deed("leave a key in the kernel", _YES, key_ring),
    Deed("use io_uring", _LIMITED, io_uring),
    Deed("make memory executable", _YES, executable_memory),
    Deed(
        "ignore the limit on computing",
        _YES,
        lambda _: signal.signal(signal.SIGXCPU, signal.SIG_IGN),
    ),
    Deed("outlive the program that started it", _YES, outlive),
    Deed("enter a user namespace of its own", _YES, own_namespace),
]


def attempts(target: Target) -> str:
    """A letter for each deed: w of what worked, r of what was refused."""

    def attempt(deed: Deed) -> str:
        try:
            deed.run(target)
        except OSError:
            return "r"
        except Exception as error:  # noqa: BLE001 - a fault of the test itself
            return f"?{error!r}"
        return "w"

    return "".join(map(attempt, DEEDS))


def table() -> list[str]:
    """The table in docs/security.md."""
    head = ["| it tries to | with both | seccomp alone | Landlock alone |", "|---|---|---|---|"]
    return head + [f"| {deed.what} | refused | refused | {deed.alone} |" for deed in DEEDS]


@contextmanager
def exposed() -> Iterator[Target]:
    """This process and a folder of its own, to be harmed."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        for name in ("secret", "old"):
            Path(folder, name).write_bytes(SECRET)
        Path(folder, "empty").mkdir()
        secret = ctypes.create_string_buffer(SECRET, len(SECRET))
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for name in (f"\0person-count-{os.getpid()}", f"{folder}/socket"):
            local = stack.enter_context(socket.socket(socket.AF_UNIX))
            local.bind(name)
            local.listen()
        stack.callback(remove_shared)
        yield Target(folder, os.getpid(), ctypes.addressof(secret), server.getsockname()[1])


def remove_shared() -> None:
    """What System V keeps; whoever has it removed is not asked."""
    library, key = c_library(), SHM_KEY | os.getpid() & 0xFFFF
    for get, control, words in (
        (library.shmget, library.shmctl, (ctypes.c_size_t(0), 0)),
        (library.msgget, library.msgctl, (0,)),
    ):
        if (found := get(key, *words)) >= 0:
            control(found, 0, None)


def order(target: Target) -> bytes:
    """A file that makes tests.ingest.hostile_decoder try everything."""
    return b"payload\n" + json.dumps(target).encode()


def outcomes(module: str, user: int) -> str:
    """attempts() from inside a decoder of this module; it and this process become *user*."""
    with exposed() as target, Decoders(module).decoder(10) as decoder:
        if user != os.geteuid():
            for path in (target.folder, *Path(target.folder).iterdir()):
                os.chown(path, user, user)
            os.setregid(user, -1)
            os.setreuid(user, -1)
        decoder.decode(PHOTO, None)  # it is there
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        control_process(SET_DUMPABLE, ctypes.c_ulong(1))  # as it was before
        try:
            decoder.decode(order(target), None)
        except UnreadableImageError as error:
            return str(error).removeprefix("told: ")
    raise AssertionError("it did not say what it tried")


MODULES = {
    "both": "tests.ingest.hostile_decoder",
    "seccomp": "tests.ingest.seccomp_alone",
    "landlock": "tests.ingest.landlock_alone",
    "nothing": "tests.ingest.unconfined",
}


def tried(way: str, user: int) -> str:
    """What outcomes() of a process of its own says, which may be harmed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.ingest.payload", way, str(user)],
        cwd=Path(__file__).parents[2],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def show() -> None:
    """Print what works, a line for each deed and a column for each way and user."""
    users = sorted({os.geteuid(), os.geteuid() or NOBODY})
    columns = {f"{way} {user}": tried(way, user) for way in MODULES for user in users}
    print(*columns, sep=" | ")  # noqa: T201
    for at, deed in enumerate(DEEDS):
        said = ["works" if found[at] == "w" else "refused" for found in columns.values()]
        print(deed.what, *said, sep=" | ")  # noqa: T201


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(outcomes(MODULES[sys.argv[1]], int(sys.argv[2])))  # noqa: T201
    else:
        show()
