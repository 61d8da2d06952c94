"""A process of fake models: it says when it has something in hand, and waits.

Its input is what to do, and the settings as JSON. After a line on standard input it goes on, and
says what it did.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from index.base.settings import Settings
from index.database.engine import Database
from index.database.presence import Presence
from index.database.queries import generations, image_batches, leases, queue
from index.database.states import ProcessKind, ProcessState
from ingest.jobs import reindex
from ingest.jobs.filling import BatchReader
from ingest.jobs.reindex import Reindexer
from ingest.jobs.worker import Worker
from ingest.networks.models import Models
from tests.fakes import DECODERS, BusyDetector, FakeEncoder
from tests.index.builders import quiet

PROJECT = Path(__file__).resolve().parents[2]
LEASE_SECONDS = 0.5


@contextmanager
def at_work(kind: str, settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """A process with files in hand ("files"), or images ("batches", or by itself "reindex").

    Or one that has stored a batch ("stored").
    """
    url = settings.database_url
    assert url is not None
    given = settings.model_dump_json(exclude={"database_url"})
    with subprocess.Popen(
        [sys.executable, "-m", "tests.ingest.leasing", kind, given, url.get_secret_value()],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in hand\n"
        yield process
        process.kill()


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def wait() -> None:
    say("in hand")
    sys.stdin.readline()


def main(kind: str, given: str, url: str) -> None:
    queue.LEASE_SECONDS = leases.LEASE_SECONDS = LEASE_SECONDS
    image_batches.LEASE_SECONDS = LEASE_SECONDS
    leases.RENEW_SECONDS = LEASE_SECONDS / 5
    settings = Settings.model_validate_json(given).model_copy(
        update={"database_url": Settings(database_url=url).database_url}
    )
    encoder = FakeEncoder() if kind in ("files", "stored") else FakeEncoder("fake-2", salt=5)
    busy = (lambda: None) if kind == "stored" else wait
    models = Models(BusyDetector(busy), encoder, DECODERS)
    with Database(settings.database_address) as database:
        if kind == "reindex":
            reindex.load_models = lambda *_: models
            say(f"{Reindexer(database, settings, 'fake', threading.Event()).run(quiet)}")
            return
        with database.read() as connection:
            generation = generations.active(connection)
        assert generation is not None
        with Presence(database, settings.data, ProcessKind.WORK, ProcessState.WORKS) as presence:
            worker = Worker(database, settings, generation, models, name=presence.name)
            if kind == "batches":
                say(f"{BatchReader(database, settings).step(worker)}")
            elif kind == "stored":
                worker.step()
                wait()
            else:
                say(f"committed {worker.step()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
