"""A worker of fake models in a process of its own: it says when it has files in hand, and waits.

Its input is the settings as JSON. After a line on standard input it goes on, and says what it did.
"""

import sys

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import generations, leases, queue
from ingest.jobs.worker import Worker
from ingest.networks.models import Models
from tests.fakes import DECODERS, BusyDetector, FakeEncoder

LEASE_SECONDS = 0.5


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def wait() -> None:
    say("in hand")
    sys.stdin.readline()


if __name__ == "__main__":
    queue.LEASE_SECONDS = leases.LEASE_SECONDS = LEASE_SECONDS
    leases.RENEW_SECONDS = LEASE_SECONDS / 5
    settings = Settings.model_validate_json(sys.argv[1]).model_copy(
        update={"database_url": Settings(database_url=sys.argv[2]).database_url}
    )
    with Database(settings.database_address) as database:
        with database.read() as connection:
            generation = generations.active(connection)
        assert generation is not None
        models = Models(BusyDetector(wait), FakeEncoder(), DECODERS)
        worker = Worker(database, settings, generation, models)
        say(f"committed {worker.step()}")
