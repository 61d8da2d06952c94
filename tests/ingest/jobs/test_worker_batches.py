"""Which files the worker takes, when, and how many at a time; and what it logs of them."""

import logging
import os

import pytest

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import queue
from index.database.queries.generations import GenerationRow
from tests.ingest.builders import Ingest

pytestmark = pytest.mark.engines


def test_batches_are_no_larger_than_the_settings_say(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    settings = settings.model_copy(update={"batch_files": 3})
    ingest = Ingest(database, settings, generation)
    for number in range(7):
        ingest.drop(f"{number}.png", number)
    ingest.scanner.scan()
    assert [ingest.worker.step() for _ in range(4)] == [3, 3, 1, 0]
    ingest.check()


def test_the_answer_does_not_depend_on_batch_sizes(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    ingest = Ingest(database, settings.model_copy(update={"batch_files": 1}), generation)
    names = [f"{number}.png" for number in range(12)]
    for number, name in enumerate(names):
        ingest.drop(name, number % 5, 100 + number % 3, seed=number)
    ingest.index()
    assert ingest.persons(*names) == ingest.persons(*reversed(names)) == 8


def test_files_that_somebody_waits_for_come_first(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    ingest = Ingest(database, settings.model_copy(update={"batch_files": 1}), generation)
    for number in range(5):
        ingest.drop(f"{number}.png", number)
    ingest.scanner.scan()
    with database.write() as connection:
        queue.prioritise(connection, [str(ingest.inbox / "3.png")])
    ingest.worker.step()
    assert [name for name, state in ingest.states().items() if state == "indexed"] == ["3.png"]


def test_a_file_is_not_touched_before_it_has_settled(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    ingest = Ingest(database, settings.model_copy(update={"settle_seconds": 5.0}), generation)
    ingest.drop("a.png", 1)
    ingest.scanner.scan()
    assert not ingest.worker.is_due()
    assert ingest.worker.step() == 0
    ingest.clock.advance(4.9)
    assert ingest.worker.step() == 0
    ingest.clock.advance(0.2)
    assert ingest.worker.step() == 1
    ingest.check()


def test_a_file_from_the_future_is_read_after_settling(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    ingest = Ingest(database, settings.model_copy(update={"settle_seconds": 5.0}), generation)
    path = ingest.drop("a.png", 1)
    os.utime(path, (4e9, 4e9))
    ingest.scanner.scan()
    assert ingest.drain() == 0
    ingest.clock.advance(6)
    ingest.scanner.scan()
    assert ingest.drain() == 1
    ingest.check()


def test_a_file_of_a_time_that_no_database_can_hold_stops_nobody(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1)
    ingest.drop("b.png", 2)
    year_2300 = 330 * 31_557_600
    os.utime(path, (year_2300, year_2300))
    for _ in range(2):
        ingest.index()
        assert ingest.states() == {"a.png": "indexed", "b.png": "indexed"}
    assert ingest.images_seen == 2
    path.unlink()
    ingest.index()
    assert ingest.states() == {"b.png": "indexed"}
    ingest.drop_orphans()
    ingest.check()


def test_a_batch_waits_to_fill_unless_somebody_waits_for_it(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    changes = {"batch_wait_seconds": 10.0, "batch_files": 3}
    ingest = Ingest(database, settings.model_copy(update=changes), generation)
    ingest.clock.advance(1)  # no file is newer than the clock
    assert not ingest.worker.is_due()
    ingest.drop("a.png", 1)
    ingest.scanner.scan()
    assert not ingest.worker.is_due()
    ingest.clock.advance(10.1)
    assert ingest.worker.is_due()
    ingest.drain()
    ingest.drop("b.png", 2)
    ingest.scanner.scan()
    assert not ingest.worker.is_due()
    with database.write() as connection:
        queue.prioritise(connection, [str(ingest.inbox / "b.png")])
    assert ingest.worker.is_due()
    ingest.drain()
    for number in range(3):
        ingest.drop(f"{number}.png", number)
    ingest.scanner.scan()
    assert ingest.worker.is_due()


def test_the_log_holds_numbers_and_no_names(
    ingest: Ingest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ingest.drop("geheim.png", 1)
    (ingest.inbox / "geheim.jpg").write_text("no image")
    ingest.index()
    batches = [r.getMessage() for r in caplog.records if "ingest.batch" in r.getMessage()]
    assert len(batches) == 1
    assert batches[0].startswith("ingest.batch files=2 images=1 faces=1 failed=1 ")
    assert "geheim" not in caplog.text
