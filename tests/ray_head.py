"""A Ray cluster of one machine for tests: on loopback, with a token and two processors."""

import importlib.util
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.waiting import wait_until

PROJECT = str(Path(__file__).resolve().parent.parent)  # where Ray's processes find the tests
OBJECT_STORE_BYTES = 100 << 20


@dataclass(frozen=True)
class Head:
    """A running cluster: its address, and the environment of those who may join it."""

    address: str
    environment: dict[str, str]


def need_ray() -> None:
    """Tests skip where the extra is not installed, except in CI."""
    if importlib.util.find_spec("ray") is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs Ray; make install brings it")
        pytest.skip("the extra cluster is not installed")


@contextmanager
def ray_head(processors: int = 2) -> Iterator[Head]:
    """`ray start --head`, until the end of the block."""
    need_ray()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # it listens on loopback alone
    }
    command = [
        sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block",
        f"--port={port}", f"--num-cpus={processors}", "--include-dashboard=false",
        f"--object-store-memory={OBJECT_STORE_BYTES}", "--disable-usage-stats",
    ]  # fmt: skip
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            command,
            stdout=said,
            stderr=said,
            env=os.environ | environment | {"PYTHONPATH": PROJECT},
        ) as process,
    ):
        try:
            wait_until(lambda: process.poll() is not None or listens(port), "Ray listens")
            said.seek(0)
            assert process.poll() is None, said.read().decode()
            yield Head(f"127.0.0.1:{port}", environment)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
