"""The disk fails or is full: one clear line, nothing lost or answered wrongly, and on it goes."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.crash.home import Home, wait_until
from tests.crash.processes import children
from tests.crash.soaking import LAUNCHER, FakedService
from tests.fakes import save_picture

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

KIB = 1 << 10


# --- system calls that fail, by strace -----------------------------------------------------------


@pytest.fixture(scope="module")
def strace() -> str:
    """Where strace is; skips where nothing can be traced."""
    path = shutil.which("strace")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs strace")
        pytest.skip("there is no strace")
    tried = subprocess.run(
        [path, "-qq", "-e", "inject=fsync:error=EIO", "true"], capture_output=True, check=False
    )
    if tried.returncode:
        pytest.skip("no process may be traced here")
    return path


@pytest.mark.parametrize(
    "fault",
    [
        "fsync,fdatasync:error=EIO:when=1",
        "fsync,fdatasync:error=EIO:when=4",
        "fsync,fdatasync:error=EIO:when=7..12",
        "pwrite64:error=ENOSPC:when=1",
        "pwrite64:error=ENOSPC:when=12..15",
        "pwrite64:error=EIO:when=30",
    ],
)
def test_calls_that_fail_cost_a_line_in_the_log_and_no_file(
    strace: str, fault: str, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home", batch_files=2)
    home.prepare({"a.png": (1,), "b.png": (2, 3)})
    for number in range(6):
        home.drop(f"new{number}.png", number, number + 10)
    home.delete("a.png")
    trace = tmp_path / "trace"
    # -D makes strace the child, so that our child is the program itself
    options = ["-D", "-f", "--seccomp-bpf", "-qq", "-o", str(trace)]
    options += ["-e", "trace=fsync,fdatasync,pwrite64", "-e", f"inject={fault}"]
    with home.log.open("w") as log:
        process = subprocess.Popen(
            [strace, *options, sys.executable, str(LAUNCHER), "watch"], cwd=home.folder, stderr=log
        )
    try:
        wait_until(lambda: home.is_done() or process.poll() is not None, "all is indexed")
    finally:
        process.terminate()
        status = process.wait()
    said = home.said()
    assert "INJECTED" in trace.read_text()
    assert "traceback" not in said.lower()
    if status:  # it could not even begin: the keeper would start it again
        assert said.splitlines()[-1].startswith("person-count: the database cannot be used"), said
        home.watch()
    else:
        assert "store.waits" in said
    home.check()


# --- a full disk ---------------------------------------------------------------------------------

Fault = Callable[[FakedService], Callable[[], None]]


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of a few MiB at *folder*."""
    folder.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("nothing may be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(service: FakedService) -> Callable[[], None]:
    """Leave no free byte beside the database. Returns what frees them again."""
    ballast = service.folder / "data" / "ballast"
    with open(ballast, "wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(KIB))
        except OSError:
            pass
    return ballast.unlink


def forbid(service: FakedService) -> Callable[[], None]:
    """Let no file of the service and of its ingest process grow. Returns what lifts that."""
    assert service.process is not None
    pids = [service.process.pid, *children(service.process.pid)]

    def limit(most: int) -> None:
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    limit(64 * KIB)
    return lambda: limit(resource.RLIM_INFINITY)


@pytest.mark.parametrize("fault", [fill, forbid])
def test_a_full_disk_stops_nothing_but_new_files_and_only_while_it_lasts(
    fault: Fault, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        if fault is fill:
            stack.enter_context(small_disk(tmp_path / "data"))
        service = FakedService(tmp_path, settle_seconds=0.0, batch_files=4, wait_seconds=0.5)
        stack.callback(lambda: service.process and service.kill())
        old = {"a.png": (1,), "b.png": (2, 3), "c.png": (1, 4)}
        new = {f"new{number:02}.png": (number, 40 + number, 80) for number in range(40)}
        for name, people in old.items():
            save_picture(service.inbox / name, *people)
        service.start()
        service.wait_indexed(len(old))
        end = fault(service)
        for name, people in new.items():
            save_picture(service.inbox / name, *people)
        wait_until(lambda: "store.waits" in service.log.read_text(), "it waits")
        for _ in range(5):
            assert service.count(list(old))[1].get("person_num") == 4
            status, answer = service.count([*old, *new])
            assert status == 503, answer
        ingest = service.get("/status")[1]["ingest"]
        assert (ingest["process"], ingest["restarts"]) == ("running", 0)
        end()
        service.wait_indexed(len(old) + len(new))
        everybody = {person for people in (*old.values(), *new.values()) for person in people}
        status, answer = service.count([*old, *new], linkage="single")
        assert (status, answer["person_num"]) == (200, len(everybody))
        assert service.get("/status")[1]["ingest"]["restarts"] == 0
        said = service.log.read_text()
        assert "traceback" not in said.lower()
        assert said.count("store.waits") <= 6  # one for each part and way in which it shows
        assert "store.goes_on" in said
        assert service.run("verify").returncode == 0
        service.stop()
