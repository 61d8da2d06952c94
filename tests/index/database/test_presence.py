"""A process shows others that it is at work, and takes its row away when it ends."""

import threading

import pytest

from index.base.settings import Settings
from index.database.engine import Database
from index.database.presence import Presence
from index.database.queries import processes
from index.database.queries.processes import ProcessRow
from index.database.states import ProcessKind, ProcessState
from tests.index.builders import ask, by_hand
from tests.waiting import wait_until

pytestmark = pytest.mark.engines


def rows(database: Database) -> list[ProcessRow]:
    with database.read() as connection:
        return processes.all_processes(connection)


def present(database: Database, settings: Settings) -> Presence:
    return Presence(database, settings.data, ProcessKind.WORK, ProcessState.WORKS)


def test_a_process_has_a_row_until_it_ends(database: Database, settings: Settings) -> None:
    with present(database, settings) as one, present(database, settings) as two:
        assert {row.told.name for row in rows(database)} == {one.name, two.name}
        (folder,) = {row.told.folder for row in rows(database)}
        assert str(settings.data) not in folder
    assert rows(database) == []


def test_a_process_that_fails_has_ended_too(database: Database, settings: Settings) -> None:
    with pytest.raises(ZeroDivisionError), present(database, settings):
        raise ZeroDivisionError
    assert rows(database) == []


def test_it_gives_signs_of_life_by_itself(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "SIGN_SECONDS", 0.01)
    with present(database, settings):
        by_hand(database, "UPDATE processes SET seen = 0")
        wait_until(lambda: not rows(database)[0].is_lost, "a sign of life")


def test_a_new_state_is_told_at_once(database: Database, settings: Settings) -> None:
    with present(database, settings) as presence:
        presence.says(ProcessState.SEES_NO_PHOTOS)
        wait_until(lambda: rows(database)[0].told.state == "sees_no_photos", "it is told")


@pytest.mark.engines("postgres")  # a file is written by one process after the other anyway
def test_signs_of_life_wake_no_reader_and_wait_for_no_writer(
    database: Database, settings: Settings
) -> None:
    with database.watch_commits() as counter, Database(settings.database_address) as other:
        before = counter.value()
        with database.write(), present(other, settings):
            assert len(rows(database)) == 1
        assert counter.value() == before + 1  # the write's


@pytest.mark.engines("sqlite")
def test_a_database_that_is_away_disturbs_nobody(
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(processes, "SIGN_SECONDS", 0.01)
    path = settings.database_path
    away = path.with_name("away.db")
    with present(database, settings) as presence:
        path.rename(away)
        wait_until(lambda: "process.gives_no_sign" in caplog.text, "it is told")
        assert any(thread.name == "presence" for thread in threading.enumerate())
        away.rename(path)
        by_hand(database, "UPDATE processes SET seen = 0")
        wait_until(lambda: not rows(database)[0].is_lost, "it goes on")
        path.rename(away)
        assert presence.name
    away.rename(path)
    assert caplog.text.count("gives_no_sign") >= 1
    assert len(ask(database, "SELECT * FROM processes")) == 1
