"""What the kernel offers to confine decoders with, and memory that other processes cannot read."""

import subprocess
import sys
from pathlib import Path

import pytest

from index.base import kernel
from index.base.choices import Confinement
from index.base.errors import ConfigError
from index.base.kernel import Offer, check_confinement, offer

# a parent that hides its memory or does not, and a child of the same user that reads it
READING = """
import ctypes, os, sys
from index.base.kernel import c_library, control_process, hide_memory
if os.geteuid() == 0:
    os.setresgid(*[65534] * 3)
    os.setresuid(*[65534] * 3)
control_process(4, ctypes.c_ulong(1))
if "hide" in sys.argv:
    hide_memory()
if os.fork():
    raise SystemExit(os.waitstatus_to_exitcode(os.wait()[1]))
control_process(4, ctypes.c_ulong(1))
for name in ("environ", "mem", "maps"):
    try:
        os.close(os.open(f"/proc/{os.getppid()}/{name}", os.O_RDONLY))
        print(name, "read")
    except PermissionError:
        print(name, "refused")
"""


@pytest.mark.parametrize(("words", "expected"), [([], "read"), (["hide"], "refused")])
def test_hidden_memory_is_not_read_by_the_same_user(words: list[str], expected: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READING, *words],
        cwd=Path(__file__).parents[3],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:-1] == [
        f"{name} {expected}" for name in ("environ", "mem", "maps")
    ]


def test_what_is_lacking_is_named() -> None:
    assert Offer(7, seccomp=True).is_full
    assert Offer(7, seccomp=True).lacking == ""
    assert Offer(0, seccomp=True).lacking == "Landlock"
    assert Offer(0, seccomp=False).lacking == "Landlock and seccomp"


@pytest.mark.parametrize(("place", "value"), [("_landlock_version", 0), ("_can_filter", False)])
def test_required_confinement_is_refused_where_one_is_missing(
    monkeypatch: pytest.MonkeyPatch, place: str, value: object
) -> None:
    monkeypatch.setattr(kernel, "_landlock_version", lambda: 7)
    monkeypatch.setattr(kernel, "_can_filter", lambda: True)
    assert check_confinement(Confinement.REQUIRED).is_full
    monkeypatch.setattr(kernel, place, lambda: value)
    assert not check_confinement(Confinement.AUTO).is_full
    with pytest.raises(ConfigError, match="setting confinement: this machine has no "):
        check_confinement(Confinement.REQUIRED)


def test_a_processor_without_a_list_has_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert not offer().seccomp


def test_calls_that_are_not_there_mean_no_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on an older kernel."""
    monkeypatch.setattr(kernel, "CREATE_RULESET", 100_000)
    assert offer().landlock == 0


def test_looking_changes_nothing() -> None:
    offer()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    assert "Seccomp_filters:\t0" in status or "Seccomp_filters" not in status
