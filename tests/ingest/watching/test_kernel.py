"""Limits of inotify and disks that drop out, by a real kernel: in a namespace of our own.

Nothing of the machine's is changed: limits and mounts are those of a user namespace that ends with
its process.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROBE = "mount -t tmpfs none /mnt && test -w /proc/sys/user/max_inotify_watches"


@pytest.fixture(scope="module")
def confine() -> list[str]:
    """The command that runs another one in a namespace of its own."""
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare")
    command = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*command, "sh", "-c", PROBE], check=False, capture_output=True).returncode:
        pytest.skip("this system allows no user namespaces")
    return command


def tell(confine: list[str], story: str, folder: Path) -> dict[str, dict[str, Any]]:
    """Run a story of confined.py. Returns what it saw, by step."""
    done = subprocess.run(
        [*confine, sys.executable, "-W", "error", "-m", "tests.ingest.confined", story, folder],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    return {step.pop("step"): step for step in steps}


def test_watches_that_are_used_up_later_are_noticed_and_used_again(
    confine: list[str], tmp_path: Path
) -> None:
    seen = tell(confine, "limit", tmp_path)
    assert seen["polling"]["limit_reached"] is True
    assert seen["polling"]["files"] == 9
    assert seen["inotify again"]["mode"] == "inotify"
    assert seen["inotify again"]["files"] == 10


def test_fewer_watches_than_folders_are_noticed_at_the_start(
    confine: list[str], tmp_path: Path
) -> None:
    assert tell(confine, "at-once", tmp_path)["polling"]["files"] == 1


def test_a_disk_that_drops_out_erases_nothing_and_is_watched_when_it_is_back(
    confine: list[str], tmp_path: Path
) -> None:
    """A disk over the drop folder itself, then one below it."""
    seen = tell(confine, "mount", tmp_path)
    assert (seen["inbox dropped"]["files"], seen["inbox dropped"]["held"]) == (1, 1)
    assert (seen["inbox back"]["files"], seen["inbox back"]["held"]) == (2, 0)
    assert (seen["disk dropped"]["files"], seen["disk dropped"]["held"]) == (3, 1)
    assert (seen["disk back"]["files"], seen["disk back"]["held"]) == (4, 0)
