"""Dropped disks and deleted folders, as scans and events find them."""

import os
import shutil
from pathlib import Path

import pytest

from index.base.paths import Roots
from index.database.engine import Database
from index.database.queries import places
from index.database.queries.places import HoldReason
from ingest.watching.removals import FEW_FILES
from ingest.watching.scan import Held, Scanner
from ingest.watching.walk import Walk
from tests.ingest.builders import Ingest
from tests.ingest.holding import HOUR, Library, drop_out


def test_a_small_folder_that_was_emptied_is_believed_at_once(library: Library) -> None:
    library.fill(FEW_FILES)
    library.scanner.scan()
    for path in library.inbox.iterdir():
        path.unlink()
    assert library.scanner.scan() == (0, FEW_FILES)
    assert library.names() == set()


def test_much_that_vanishes_is_held_told_once_and_goes_after_an_hour(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    library.fill(60, "keep")
    library.fill(60, "drop")
    library.scanner.scan()
    shutil.rmtree(library.inbox / "drop")
    assert library.scanner.scan() == (0, 0)
    assert library.scanner.held == Held(roots_missing=0, roots_held=1, removals_held=60)
    assert len(library.names()) == 120
    library.scanner.scan()
    told = [record for record in caplog.records if "scan.removals_held" in record.getMessage()]
    assert [record.levelname for record in told] == ["ERROR"]
    assert "missing=60 of=120" in told[0].getMessage()
    assert "drop" not in caplog.text  # a log holds no names
    library.wait(HoldReason.VANISHED)
    assert len(library.names()) == 60
    assert library.scanner.held == Held()


def test_a_restart_does_not_forget_a_hold_and_does_not_count_the_time_in_between(
    library: Library,
) -> None:
    library.fill(60)
    library.scanner.scan()
    shutil.rmtree(library.inbox)
    library.inbox.mkdir()
    library.scanner.scan()
    for _ in range(10):
        library.seconds += 100 * HOUR
        library.restart()
        library.scanner.scan()
    assert len(library.names()) == 60
    assert library.scanner.held.removals_held == 60


@pytest.mark.parametrize("count", [1, 60])
def test_an_empty_folder_in_the_roots_place_erases_nothing(library: Library, count: int) -> None:
    """What an unmounted disk leaves behind."""
    library.fill(count)
    library.scanner.scan()
    away = library.inbox.with_name("away")
    library.inbox.rename(away)
    library.inbox.mkdir()
    assert library.scanner.scan() == (0, 0)
    assert library.scanner.held.removals_held == count
    (library.inbox / "new.png").write_bytes(b"x")
    assert library.scanner.scan() == (1, 0)  # and what comes meanwhile is not lost either
    library.wait(HoldReason.VANISHED)
    assert len(library.names()) == count + 1
    shutil.rmtree(library.inbox)
    away.rename(library.inbox)
    library.scanner.scan()
    assert library.scanner.held.removals_held == 0
    assert len(library.names()) == count


def test_another_disk_for_good_is_believed_after_some_days(library: Library) -> None:
    library.fill(3)
    library.scanner.scan()
    library.inbox.rename(library.inbox.with_name("away"))
    library.inbox.mkdir()
    library.scanner.scan()
    library.wait(HoldReason.REPLACED)
    assert library.names() == set()


def test_an_operator_may_say_that_it_is_gone(library: Library) -> None:
    library.fill(60)
    library.scanner.scan()
    shutil.rmtree(library.inbox)
    library.scanner.scan()
    assert library.scanner.held == Held(roots_missing=1, roots_held=1, removals_held=60)
    assert not library.scanner.is_accepted()
    assert library.accept() == 60
    assert library.scanner.is_accepted()
    assert library.scanner.scan() == (0, 60)
    assert not library.scanner.is_accepted()


def test_an_operator_who_says_so_during_a_scan_is_heard(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.fill(60)
    library.scanner.scan()
    drop_out(library.inbox)
    library.scanner.scan()
    real = Walk.files

    def files(walk: Walk, folder: str, roots: Roots) -> object:
        yield from real(walk, folder, roots)
        assert library.accept() == 60

    monkeypatch.setattr(Walk, "files", files)
    assert library.scanner.scan() == (0, 60)


def test_what_is_left_of_a_root_that_was_taken_out_is_not_accepted_for_ever(
    library: Library, database: Database, tmp_path: Path
) -> None:
    """Or each round would scan everything, to remove what no scan looks at."""
    old = tmp_path / "old"
    old.mkdir()
    (old / "a.png").write_bytes(b"x")
    Scanner(database, Roots([library.inbox, old]), 0.0).scan()
    shutil.rmtree(old)
    Scanner(database, Roots([library.inbox, old]), 0.0).scan()
    assert library.accept() == 0
    with database.write() as connection:  # as earlier versions did
        places.accept(connection, places.held_below(connection, [str(old)]))
    assert not library.scanner.is_accepted()


def test_a_file_that_was_moved_to_another_root_is_not_gone_in_between(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    scanner = Scanner(ingest.database, Roots([ingest.inbox, other]), 0.0)
    path = ingest.drop("a.png", 1)
    scanner.scan()
    ingest.drain()
    path.rename(other / "a.png")
    real = Scanner.record

    def record(which: Scanner, *given: object) -> int:
        assert "a.png" in ingest.rows()
        return real(which, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Scanner, "record", record)
    assert scanner.scan() == (1, 1)


def test_a_deletion_that_events_tell_of_is_believed_at_once(library: Library) -> None:
    library.fill(60)
    library.fill(60, "in")
    library.scanner.scan()
    shutil.rmtree(library.inbox / "in")
    library.scanner.examine([str(library.inbox / "in")])
    assert len(library.names()) == 60


def test_events_out_of_a_root_that_was_replaced_erase_nothing(library: Library) -> None:
    """A disk falls out between a file's arrival and the look at it."""
    library.fill(3)
    library.scanner.scan()
    library.inbox.rename(library.inbox.with_name("away"))
    library.inbox.mkdir()
    library.scanner.examine([str(library.inbox / "0.png")])
    assert len(library.names()) == 3


def test_a_root_that_is_replaced_during_a_scan_is_judged_another_time(
    library: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    library.fill(1)
    library.fill(3, "in")
    library.scanner.scan()
    real = os.scandir

    def scandir(path: str) -> object:
        if path == str(library.inbox / "in"):
            library.inbox.rename(library.inbox.with_name("away"))
            library.inbox.mkdir()
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert library.scanner.scan() == (0, 0)
    assert len(library.names()) == 4
    assert "scan.root_changed_meanwhile" in caplog.text


def test_a_hold_does_not_end_because_nothing_can_be_read(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.fill(60)
    library.scanner.scan()
    away = library.inbox.with_name("away")
    library.inbox.rename(away)
    library.inbox.mkdir()
    library.scanner.scan()
    with monkeypatch.context() as patch:

        def scandir(_: str) -> object:
            raise OSError(5, "Input/output error")

        patch.setattr(os, "scandir", scandir)
        library.scanner.scan()
    assert library.scanner.held.removals_held == 60


def test_a_new_file_with_the_name_of_a_held_one_ends_no_hold(library: Library) -> None:
    library.fill(40)
    library.scanner.scan()
    drop_out(library.inbox)
    library.scanner.scan()
    for _ in range(2):
        (library.inbox / "0.png").write_bytes(b"new")
        library.scanner.scan()
    assert library.scanner.held.removals_held == 39
    assert len(library.names()) == 40
