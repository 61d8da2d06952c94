"""The real command line with fake models, killed with SIGKILL at a named moment if one is given.

    python tests/crash/launcher.py [--die before:index.upkeep.backup:_switch:1] COMMAND…
    python tests/crash/launcher.py [--pace SECONDS] COMMAND…   # a face takes so long

The program itself has no hooks for this: the function of the moment is wrapped here, outside it.
"""

import functools
import importlib
import itertools
import os
import signal
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import MagicMock

PROJECT = Path(__file__).resolve().parent.parent.parent
if str(PROJECT) not in sys.path:
    sys.path.insert(0, str(PROJECT))

LEASE_SECONDS = 3.0
HASTY = "hasty"  # a model that takes every two people for one

# take seconds to import, and are never called here
_NETWORKS = (
    "torch",
    "torchvision",
    "torchvision.ops",
    "openvino",
    "openvino.preprocess",
    "openvino.utils",
    "facenet_pytorch",
    "facenet_pytorch.models",
    "facenet_pytorch.models.mtcnn",
)


def without_networks() -> None:
    """Keep torch and OpenVINO from being imported by this process, and numba from compiling.

    Compiling takes each process seconds; the few faces here are as well counted without.
    """
    os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
    for name in _NETWORKS:
        sys.modules.setdefault(name, MagicMock(name=name))


def models_of(model: str) -> Any:
    """The fake models that stand for *model*; others give other vectors."""
    from tests.fakes import fake_models, hasty_models

    if model == HASTY:
        return hasty_models()
    return fake_models(f"fake-{model}", zlib.crc32(model.encode()))


def fake_everything() -> None:
    """Put the fake models in their place, and make everything small and quick."""
    import index.database.queries.queue
    import index.upkeep.erasure_proof
    import index.vectors.chunks
    import ingest.jobs.process
    import ingest.jobs.reindex
    import ingest.networks.models
    import ingest.watching.watcher

    def load_models(_settings: object, model: str) -> Any:
        return models_of(model)

    for module in (ingest.networks.models, ingest.jobs.reindex):
        vars(module)["load_models"] = load_models
    vars(ingest.networks.models)["load_encoder"] = lambda *given: load_models(*given).encoder
    index.vectors.chunks.CHUNK_FACES = 3  # so that a snapshot has several chunks
    index.upkeep.erasure_proof.ROUND_SECONDS = 0.0
    ingest.jobs.reindex.REMOVE_FACES = 2
    ingest.jobs.process.HOUSEKEEPING_SECONDS = 0.3
    ingest.jobs.process.OUTAGE_SECONDS = 0.05
    ingest.watching.watcher.FIRST_PAUSE_SECONDS = 0.05
    index.database.queries.queue.CRASH_LIMIT = 1_000_000  # kills at random are no photo's fault
    shorten_leases()


def shorten_leases() -> None:
    """Have others take over from a lost process after seconds."""
    import index.database.sole_jobs
    import ingest.jobs.filling
    import ingest.jobs.standby
    from index.database.queries import image_batches, leases, queue

    for module in (queue, leases, image_batches):
        vars(module)["LEASE_SECONDS"] = LEASE_SECONDS
    leases.RENEW_SECONDS = LEASE_SECONDS / 5
    index.database.sole_jobs.LOOK_SECONDS = 0.2
    ingest.jobs.filling.LOOK_SECONDS = 0.1
    ingest.jobs.standby.LOOK_SECONDS = 0.5
    ingest.jobs.standby.OUTAGE_SECONDS = 0.05


def slow_down(seconds: float) -> None:
    """Have the fake encoder take some *seconds* for a face."""
    import tests.fakes

    original = tests.fakes.FakeEncoder.encode

    def encode(self: Any, crops: Any) -> Any:
        time.sleep(seconds * len(crops))
        return original(self, crops)

    vars(tests.fakes)["FakeEncoder"].encode = encode


def keep_faking() -> None:
    """Have the service start its ingest process through this launcher as well."""
    import service.children.ingest_keeper

    class FakingKeeper(service.children.ingest_keeper.IngestKeeper):
        def __init__(self, command: Sequence[str]) -> None:
            program = command.index("person_count")
            launcher = str(Path(__file__).resolve())
            super().__init__([command[0], launcher, *command[program + 1 :]])

    vars(service.children.ingest_keeper)["IngestKeeper"] = FakingKeeper
    service.children.ingest_keeper.FIRST_DELAY_SECONDS = 0.2
    service.children.ingest_keeper.LONGEST_DELAY_SECONDS = 0.2


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("dead processes do not go on")


def die_at(moment: str) -> None:
    """Wrap the function of a *moment*, before|after:module:name[:nth call]."""
    when, place, name, *nth = moment.split(":")
    *owners, last = name.split(".")
    owner: Any = functools.reduce(getattr, owners, importlib.import_module(place))
    original: Callable[..., Any] = getattr(owner, last)
    left = itertools.count(int(nth[0]) if nth else 1, -1)

    @functools.wraps(original)
    def fatal(*arguments: Any, **named: Any) -> Any:
        if when == "before" and next(left) == 1:
            die()
        result = original(*arguments, **named)
        if when == "after" and next(left) == 1:
            die()
        return result

    setattr(owner, last, fatal)


def main(arguments: Sequence[str]) -> None:
    """Run the command line, faked; does not return."""
    import person_count

    fake_everything()
    if arguments[0] == "--die":
        die_at(arguments[1])
        arguments = arguments[2:]
    if arguments[0] == "--pace":
        slow_down(float(arguments[1]))
        arguments = arguments[2:]
    if arguments[0] == "serve":
        keep_faking()
    sys.argv = ["person-count", *arguments]
    person_count.main()


def child(folder: Path, log: Path, arguments: Sequence[str]) -> None:
    """What a forked process does: main() in *folder*, everything it says going to *log*."""
    os.chdir(folder)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(handle, stream)
    main(arguments)


if __name__ == "__main__":
    without_networks()
    main(sys.argv[1:])
