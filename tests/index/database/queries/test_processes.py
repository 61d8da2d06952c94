"""Which processes use a library, which of them are lost, and how much each has stored."""

from contextlib import suppress

import pytest

from index.database.engine import Database
from index.database.engines import engine_of
from index.database.queries import processes
from index.database.queries.processes import KEPT_SECONDS, LOST_SECONDS, Announced, ProcessRow
from index.database.states import ProcessKind, ProcessState
from tests.index.builders import by_hand

pytestmark = pytest.mark.engines

ONE = Announced("one", ProcessKind.WORK, "box", "0123abcd", "1.0", ProcessState.WORKS)


@pytest.fixture(autouse=True)
def at_hand(database: Database) -> None:
    sign(database, ONE)


def sign(database: Database, told: Announced) -> None:
    with database.write_aside() as connection:
        processes.sign(connection, told)


def rows(database: Database) -> dict[str, ProcessRow]:
    with database.read() as connection:
        return {row.told.name: row for row in processes.all_processes(connection)}


def seen_before(database: Database, name: str, seconds: float) -> None:
    """As if the last sign of life had been some time ago."""
    by_hand(
        database,
        "UPDATE processes SET started = started - :seconds, seen = seen - :seconds "
        "WHERE name = :name",
        name=name,
        seconds=seconds,
    )


def clean(database: Database) -> list[str]:
    with database.write() as connection:
        processes.remove_lost(connection)
    return sorted(rows(database))


def test_a_process_is_shown_as_it_tells_and_by_the_clock_of_the_database(
    database: Database,
) -> None:
    with database.read() as connection:
        now = engine_of(connection).clock(connection)
    found = rows(database)["one"]
    assert found.told == ONE
    assert (found.files, found.faces, found.is_lost) == (0, 0, False)
    assert found.started_at <= now
    assert found.silent_seconds >= 0


def test_a_later_sign_changes_the_state_and_nothing_else(database: Database) -> None:
    with database.write() as connection:
        processes.count(connection, "one", 3, 4)
    seen_before(database, "one", 2 * LOST_SECONDS)
    before = rows(database)["one"]
    assert before.is_lost
    changed = ONE._replace(state=ProcessState.WATCHES)
    sign(database, changed)
    after = rows(database)["one"]
    assert (after.told, after.started_at) == (changed, before.started_at)
    assert (after.files, after.faces, after.is_lost) == (3, 4, False)


def test_what_is_rolled_back_is_not_counted(database: Database) -> None:
    with suppress(ZeroDivisionError), database.write() as connection:
        processes.count(connection, "one", 3, 4)
        raise ZeroDivisionError
    assert rows(database)["one"].files == 0


def test_a_process_without_a_sign_is_lost_and_keeps_its_numbers_for_a_day(
    database: Database,
) -> None:
    with database.write() as connection:
        processes.count(connection, "one", 3, 4)
    seen_before(database, "one", LOST_SECONDS + 1)
    assert clean(database) == ["one"]
    found = rows(database)["one"]
    assert (found.is_lost, found.files, found.faces) == (True, 3, 4)
    seen_before(database, "one", KEPT_SECONDS)
    assert clean(database) == []


def test_a_lost_process_leaves_when_another_is_started_in_its_place(database: Database) -> None:
    seen_before(database, "one", LOST_SECONDS + 1)
    others = {
        "another kind": ONE._replace(kind=ProcessKind.SCAN),
        "another machine": ONE._replace(machine="barn"),
        "another folder": ONE._replace(folder="4567abcd"),
    }
    for name, told in others.items():
        sign(database, told._replace(name=name))
    assert clean(database) == [*sorted(others), "one"]
    sign(database, ONE._replace(name="two"))
    assert clean(database) == [*sorted(others), "two"]


def test_a_process_that_was_started_before_takes_no_place(database: Database) -> None:
    """Two workers of one data folder cannot be, but two services can."""
    sign(database, ONE._replace(name="two"))
    seen_before(database, "two", LOST_SECONDS + 1)
    by_hand(database, "UPDATE processes SET started = started - 1000")
    assert clean(database) == ["one", "two"]


def test_a_row_of_another_version_is_shown_with_its_words(database: Database) -> None:
    newer = Announced("new", "answers_only", "box", "0123abcd", "99.0", "dreams")
    sign(database, newer)
    assert rows(database)["new"].told == newer


def test_a_process_that_lives_stays_when_another_is_started_beside_it(database: Database) -> None:
    """Two services may use one data folder."""
    seen_before(database, "one", LOST_SECONDS / 2)
    sign(database, ONE._replace(name="two"))
    assert clean(database) == ["one", "two"]
