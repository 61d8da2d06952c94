"""The queue in transactions of one step each."""

from index.database.engine import Database
from index.database.queries import queue, sightings
from index.database.queries.files import FileRow, rows_of
from index.database.queries.queue import Claim
from tests.index.builders import (
    sighting,
)

NOW = 1000.0


def note(database: Database, *paths: str, version: int = 1, priority: int = 0) -> int:
    with database.write() as connection:
        seen = [sighting(path, version, ready_at=NOW) for path in paths]
        return sightings.record(connection, seen, priority=priority)


def claim(database: Database, limit: int = 100, now: float = NOW) -> list[Claim]:
    with database.write() as connection:
        return queue.claim(connection, limit, now)


def paths_of(claims: list[Claim]) -> list[str]:
    return [each.path for each in claims]


def row(database: Database, path: str) -> FileRow:
    with database.read() as connection:
        return rows_of(connection, [path])[path]


def crash(database: Database, now: float = NOW) -> int:
    with database.write() as connection:
        return queue.release(connection, now)
