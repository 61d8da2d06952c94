"""Runs the program in processes forked from one that has imported everything: imports take seconds.

What it does there is tests.crash.launcher's.
"""

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.crash import launcher

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.crash.preloaded"])


def start(folder: Path, log: Path, *arguments: str) -> BaseProcess:
    """Start the program in *folder*; everything it says is appended to *log*."""
    process = _processes.Process(target=launcher.child, args=(folder, log, arguments), daemon=True)
    with _project_on_path():
        process.start()
    return process


@contextmanager
def _project_on_path() -> Iterator[None]:
    """Let the process that is forked from find this project, wherever the test has gone."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(launcher.PROJECT)
    try:
        yield
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before
