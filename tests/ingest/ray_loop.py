"""`person-count …` in a process of its own whose workers on Ray have fake models.

Each worker makes a file in the folder GATE that is named by its process once it has a photo in
hand, and then waits for the file "open" there.
"""

import os
import sys
import threading
from functools import partial
from pathlib import Path

import person_count
from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import generations
from ingest.jobs import ray_workers, standby
from ingest.jobs.process import run_worker
from ingest.jobs.worker import Worker
from ingest.networks.models import Models
from tests.fakes import DECODERS, BusyDetector, FakeEncoder
from tests.waiting import wait_until

OPEN = "open"


def work(settings: Settings, stop: threading.Event, gate: Path) -> None:
    """The real loop; runs in an actor."""

    def wait() -> None:
        (gate / str(os.getpid())).touch()
        wait_until((gate / OPEN).exists, "the test opens the gate")

    def new_worker(database: Database, settings: Settings, name: str) -> Worker:
        with database.read() as connection:
            generation = generations.active(connection)
        assert generation is not None
        models = Models(BusyDetector(wait), FakeEncoder(), DECODERS)
        return Worker(database, settings, generation, models, name=name)

    standby.new_worker = new_worker
    run_worker(settings, stop)


if __name__ == "__main__":
    from tests.ingest import ray_loop  # by this name actors find it

    gate = Path(sys.argv.pop(1))
    loop = partial(ray_loop.work, gate=gate)
    ray_workers.run_on_ray = partial(ray_workers.run_on_ray, loop=loop)
    person_count.main()
