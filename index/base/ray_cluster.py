"""Joins a Ray cluster. Ray is an extra, and only this module imports it, when it is asked for.

Ray hands objects over by pickle, and runs what it is sent. So its ports are for a network in which
you trust everybody, and a Ray of our own listens on loopback and asks for a token.
"""

import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, TypeVar

from index.base.errors import ClusterError, ConfigError
from index.base.one_thread import ONE_THREAD

LOCAL = "local"
AUTO = "auto"
CLIENT = "ray://"
OBJECT_STORE_BYTES = 200 << 20  # of a Ray of our own, which holds it in /dev/shm
REACH_SECONDS = 5.0
# read when Ray is imported: no line of a worker is left out as a repetition, none is coloured
OUTPUT = {"RAY_DEDUP_LOGS": "0", "RAY_COLOR_PREFIX": "0"}

Shared = TypeVar("Shared")
Result = TypeVar("Result")
Handle = Any  # of an actor; Ray has no types without Ray
Call = Any  # the result of a call that may not have ended


class Cluster:
    """A cluster that this process has joined."""

    def __init__(self, ray: ModuleType) -> None:
        self._ray: Any = ray

    def actor(self, kind: type, *arguments: object) -> Handle:
        """An object of *kind* in a process of its own, which Ray starts again whenever it is lost.

        Ray counts one processor for it, and puts it where few others are. Three of its methods may
        run at once. A call of a method is lost with the process.
        """
        made = self._ray.remote(kind).options(
            num_cpus=1, max_restarts=-1, max_concurrency=3, scheduling_strategy="SPREAD"
        )
        return made.remote(*arguments)

    def ended(self, calls: Sequence[Call], seconds: float) -> list[Call]:
        """Those of *calls* that have ended, waiting up to *seconds* for the first one."""
        return list(self._ray.wait(list(calls), num_returns=1, timeout=seconds)[0])

    def is_lost(self, call: Call) -> bool:
        """Whether the process of the actor ended in the middle of the call, which has ended."""
        try:
            self._ray.get(call)
        except self._ray.exceptions.RayActorError:
            return True
        return False

    def result(self, call: Call) -> Any:  # noqa: ANN401 - whatever the method returns
        """The result of a call that has ended, or what it raised."""
        return self._ray.get(call)

    def blocks(
        self, work: Callable[[Shared, int, int], Result], shared: Shared, count: int, block: int
    ) -> list[Result]:
        """work(shared, start, stop) for every block of 0 to *count*, as a task each.

        *shared* goes to each machine once. Ray starts a task again whose process is lost.

        Returns: the results in order.

        Raises:
            ClusterError: *work* raised something, or a task was lost several times.
        """
        there = self._ray.put(shared)
        task = self._ray.remote(_block).options(num_cpus=1, scheduling_strategy="SPREAD")
        calls = [
            task.remote(work, there, start, min(start + block, count))
            for start in range(0, count, block)
        ]
        try:
            return list(self._ray.get(calls))
        except self._ray.exceptions.RayTaskError as error:
            raise ClusterError(_first_line(error.cause)) from error
        except self._ray.exceptions.RayError as error:
            raise ClusterError(_first_line(error)) from error


def _block(
    work: Callable[[Shared, int, int], Result], shared: Shared, start: int, stop: int
) -> Result:
    return work(shared, start, stop)


@contextmanager
def joined(address: str, processors: int) -> Iterator[Cluster]:
    """The cluster at *address*; "local" starts one for *processors*, which ends with the block.

    Args:
        address: "auto", HOST:PORT, ray://HOST:PORT or "local".

    Raises:
        ConfigError: Ray is not installed, or cannot be reached there.
    """
    try:
        checked_address(address)
    except ValueError as error:
        raise ConfigError(f"{address} {error}") from error
    os.environ.update(OUTPUT)
    if address == LOCAL:
        _prepare_local()
    else:  # a try to reach a cluster that is gone takes 40 s, and the default is 20 of them
        os.environ["RAY_NUM_REDIS_GET_RETRIES"] = "1"
    ray = _imported()
    _reach(address)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        _join(ray, address, processors)
    except (ray.exceptions.RayError, OSError, RuntimeError, ValueError, ImportError) as error:
        raise ConfigError(_not_joined(address, error)) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)  # Ray has put its own there
    try:
        yield Cluster(ray)
    finally:
        ray.shutdown()


def _join(ray: Any, address: str, processors: int) -> None:  # noqa: ANN401 - Ray has no types
    common = {"log_to_driver": True, "runtime_env": {"env_vars": ONE_THREAD}}
    if address == LOCAL:
        ray.init(
            LOCAL,  # without it Ray joins a cluster that it finds on this machine
            num_cpus=processors,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            configure_logging=False,
            **common,
        )
    else:
        ray.init(address, **common)


def _prepare_local() -> None:
    """What a Ray of our own reads before it is imported: a token, loopback, nothing to report."""
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # so it listens on loopback alone


def _imported() -> ModuleType:
    try:
        import ray  # noqa: PLC0415 - an extra, which takes a second
    except ImportError as error:
        raise ConfigError(
            "Ray is not installed; pip install 'person-count[cluster]' brings it"
        ) from error
    found: ModuleType = ray
    return found


def checked_address(given: str) -> str:
    """*given*, if it can name a cluster. Raises ValueError, it cannot."""
    host, port = _host_and_port(given)
    if given not in (AUTO, LOCAL) and not (host and port.isdecimal() and int(port) < 1 << 16):
        raise ValueError("is no address of Ray; write auto, local, HOST:PORT or ray://HOST:PORT")
    return given


def _host_and_port(address: str) -> tuple[str, str]:
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    return host, port


def _reach(address: str) -> None:
    """Raise ConfigError if nothing listens there: Ray itself would try for long."""
    if address in (AUTO, LOCAL):
        return
    host, port = _host_and_port(address)
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_SECONDS).close()
    except OSError as error:
        raise ConfigError(
            f"Ray cannot be reached at {address}: {error.strerror or error}"
        ) from error


def _not_joined(address: str, error: Exception) -> str:
    first = _first_line(error)
    if address == LOCAL:
        return f"Ray cannot be started here: {first}"
    return (
        f"Ray at {address} cannot be joined: {first}; auto and HOST:PORT need a node of the "
        "cluster on this machine, which `ray start` makes"
    )


def _first_line(error: Exception) -> str:
    """What Ray says first; more lines follow, with identifiers and advice."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
