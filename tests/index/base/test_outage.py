"""A database that is full for a while: said once, nothing half done, and good afterwards."""

import logging

import pytest
from sqlalchemy.exc import DBAPIError

from index.base.errors import StoreUnavailableError
from index.base.outage import Outage
from index.database.engine import Database
from index.database.queries import stored_images
from index.database.queries.generations import GenerationRow
from tests.index.builders import ask, by_hand, full, image


def test_a_transaction_for_which_there_is_no_room_leaves_nothing(
    database: Database, generation: GenerationRow
) -> None:
    def record(images: int) -> None:
        with database.write() as connection:
            for number in range(images):
                stored_images.record_images(connection, generation.id, [image(str(number), 5)])

    with full(database):
        for _ in range(3):
            with pytest.raises(StoreUnavailableError, match="full"):
                record(200)
        assert ask(database, "SELECT count(*) FROM images") == [(0,)]
    record(1)
    assert ask(database, "SELECT count(*) FROM faces") == [(5,)]


def test_other_failures_of_the_database_are_not_taken_for_passing_ones(database: Database) -> None:
    with pytest.raises(DBAPIError):
        by_hand(database, "SELECT * FROM nothing")


def test_a_database_all_of_whose_connections_are_in_use_is_unavailable(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database._writer.pool, "_timeout", 0.01)
    with (
        database.write(),
        pytest.raises(StoreUnavailableError, match="every connection"),
        database.write(),
    ):
        pytest.fail("two wrote at once")
    with database.write():
        pass


def test_an_outage_is_said_once_and_its_end_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    outage = Outage("watcher")
    outage.end()
    for _ in range(3):
        outage.begin(StoreUnavailableError("the disk is full"))
    outage.begin(StoreUnavailableError("the disk fails"))
    outage.end()
    outage.end()
    said = [record.getMessage().partition(";")[0] for record in caplog.records]
    assert said == [
        "store.waits part=watcher reason=the disk is full",
        "store.waits part=watcher reason=the disk fails",
        "store.goes_on part=watcher",
    ]
