"""The command ingest: given files, now, until they are done."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection

from index.base.errors import ConfigError
from index.base.lock import exclusive
from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import snapshots
from index.database.queries.files import FileRow
from index.database.queries.generations import GenerationRow
from ingest.jobs import drain as module
from ingest.jobs.drain import Summary, collect
from tests.fakes import save_picture
from tests.ingest.builders import Ingest
from tests.ingest.draining import Draining
from tests.ingest.samples import jpeg
from tests.waiting import wait_until

# --- which files ---------------------------------------------------------------------------------


def collected(settings: Settings, *paths: Path) -> set[str]:
    found = collect(settings.resolve_roots(), paths)
    return {os.path.relpath(path, settings.inbox) for path, _ in found}


def test_files_and_folders_are_collected(settings: Settings) -> None:
    inbox = settings.inbox
    for name in ("a.png", "b.png", "in/c.png", "in/deep/d.png", "in/.e.png", "in/f.tmp"):
        (inbox / name).parent.mkdir(parents=True, exist_ok=True)
        (inbox / name).write_bytes(b"x")
    assert collected(settings, inbox / "a.png") == {"a.png"}
    assert collected(settings, inbox / "in") == {"in/c.png", "in/deep/d.png"}
    assert collected(settings, inbox / "a.png", inbox / "in/deep") == {"a.png", "in/deep/d.png"}
    assert collected(settings, inbox) == {"a.png", "b.png", "in/c.png", "in/deep/d.png"}


def test_relative_paths_start_where_the_user_is(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.inbox / "in").mkdir()
    (settings.inbox / "in/a.png").write_bytes(b"x")
    monkeypatch.chdir(settings.inbox)
    assert collected(settings, Path()) == {"in/a.png"}
    assert collected(settings, Path("in")) == {"in/a.png"}
    assert collected(settings, Path("in/a.png")) == {"in/a.png"}
    monkeypatch.chdir(settings.inbox / "in")
    assert collected(settings, Path("../in/a.png")) == {"in/a.png"}
    assert collected(settings, Path("..")) == {"in/a.png"}


def test_a_path_through_a_link_to_the_drop_folder_works(settings: Settings) -> None:
    (settings.inbox / "a.png").write_bytes(b"x")
    link = settings.inbox.with_name("link")
    link.symlink_to(settings.inbox)
    assert collected(settings, link / "a.png") == {"a.png"}


@pytest.mark.parametrize("name", ["none.png", "none/a.png", "a.png/b.png"])
def test_a_path_that_is_not_there_is_a_clear_error(settings: Settings, name: str) -> None:
    (settings.inbox / "a.png").write_bytes(b"x")
    with pytest.raises(ConfigError, match=f"there is no .*{name}"):
        collected(settings, settings.inbox / name)


def test_a_path_outside_the_drop_folder_is_a_clear_error(settings: Settings) -> None:
    outside = save_picture(settings.inbox.parent / "outside.png", 1)
    with pytest.raises(ConfigError, match=r"outside\.png lies outside the drop folder"):
        collected(settings, outside)
    with pytest.raises(ConfigError, match="lies outside the drop folder"):
        collected(settings, settings.inbox.parent)


@pytest.mark.parametrize("name", [".a.png", ".in", ".in/a.png", "a.png.part", "b.tmp/a.png"])
def test_a_path_that_is_ignored_is_a_clear_error(settings: Settings, name: str) -> None:
    """Indexed, it would be removed again by the next scan, and no question could name it."""
    for made in (".a.png", ".in/a.png", "a.png.part", "b.tmp/a.png"):
        (settings.inbox / made).parent.mkdir(exist_ok=True)
        (settings.inbox / made).write_bytes(b"x")
    with pytest.raises(ConfigError, match=f"{name} is ignored"):
        collected(settings, settings.inbox / name)
    assert collected(settings, settings.inbox) == set()


def test_a_linked_folder_is_not_entered(settings: Settings) -> None:
    outside = settings.inbox.parent / "outside"
    outside.mkdir()
    save_picture(outside / "a.png", 1)
    (settings.inbox / "link").symlink_to(outside)
    assert collected(settings, settings.inbox) == {"link"}
    assert collected(settings, settings.inbox / "link") == {"link"}
    with pytest.raises(ConfigError, match="lies outside the drop folder"):
        collected(settings, settings.inbox / "link/a.png")


# --- ingest --------------------------------------------------------------------------------------


def test_everything_is_indexed_and_summed_up(draining: Draining) -> None:
    ingest, inbox = draining.ingest, draining.inbox
    for number in range(4):
        ingest.drop(f"in/{number}.png", number)
    ingest.drop("in/wall.png")
    (inbox / "in/copy.png").write_bytes((inbox / "in/0.png").read_bytes())
    (inbox / "in/bad.jpg").write_text("no image")
    (inbox / "in/link.png").symlink_to("0.png")
    ingest.drop("elsewhere.png", 9)
    summary = draining.run(inbox / "in")
    assert (summary.indexed, summary.no_face, summary.pending) == (5, 1, 0)
    failed = {Path(path).name: reason for path, reason in summary.failed}
    assert set(failed) == {"bad.jpg", "link.png"}
    assert "it is a text" in failed["bad.jpg"]
    assert "symbolic link" in failed["link.png"]
    assert "elsewhere.png" not in ingest.rows()
    ingest.check()


def test_progress_ends_with_the_whole(draining: Draining) -> None:
    for number in range(4):
        draining.ingest.drop(f"{number}.png", number)
    draining.run(draining.inbox)
    assert draining.reports[0] == (0, 4)
    assert draining.reports[-1] == (4, 4)


def test_what_is_done_is_not_asked_for_again(
    draining: Draining, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the cost of many files would grow with the square of their number."""
    asked: list[int] = []
    known = module.rows_of

    def rows_of(connection: Connection, paths: Sequence[str]) -> dict[str, FileRow]:
        asked.append(len(paths))
        return known(connection, paths)

    settings = draining.ingest.settings
    draining.ingest.settings = settings.model_copy(update={"batch_files": 1})
    monkeypatch.setattr(module, "rows_of", rows_of)
    monkeypatch.setattr(module, "LOOKS", 4)
    for number in range(64):
        draining.ingest.drop(f"{number}.png", number)
    assert draining.run(draining.inbox).indexed == 64
    looks = asked[:-1]  # the last is for the summary
    assert looks == sorted(looks, reverse=True)
    assert sum(looks) < 6 * 64


def test_what_is_indexed_already_needs_no_model(
    draining: Draining, monkeypatch: pytest.MonkeyPatch
) -> None:
    draining.ingest.drop("a.png", 1)
    draining.run(draining.inbox)

    def forbidden(*_: object) -> None:
        raise AssertionError("models were loaded in vain")

    monkeypatch.setattr(module, "open_generation", forbidden)
    assert draining.run(draining.inbox).indexed == 1


def test_nothing_to_do_is_summed_up_as_nothing(draining: Draining) -> None:
    assert draining.run(draining.inbox) == Summary()
    assert draining.run() == Summary()


def test_a_file_named_twice_counts_once(draining: Draining) -> None:
    path = draining.ingest.drop("a.png", 1)
    assert draining.run(path, path, draining.inbox).indexed == 1


def test_a_snapshot_is_left_behind(draining: Draining) -> None:
    draining.ingest.drop("a.png", 1, 2)
    draining.run(draining.inbox)
    with draining.ingest.database.read() as connection:
        (snapshot,) = snapshots.newest_first(connection, draining.ingest.active().id)
    assert snapshot.face_count == 2


def test_given_files_come_before_those_that_wait_already(
    database: Database,
    settings: Settings,
    generation: GenerationRow,
    draining: Draining,
) -> None:
    slow = Ingest(database, settings.model_copy(update={"batch_files": 1}), generation)
    for number in range(6):
        slow.drop(f"{number}.png", number)
    slow.scanner.scan()
    draining.ingest = slow
    assert draining.run(settings.inbox / "5.png").indexed == 1
    indexed = [name for name, state in slow.states().items() if state == "indexed"]
    assert indexed == ["5.png"]


def test_files_that_a_dead_process_had_in_hand_are_done(draining: Draining) -> None:
    ingest = draining.ingest
    for number in range(3):
        ingest.drop(f"{number}.png", number)
    ingest.scanner.scan()
    with ingest.database.write() as connection:
        connection.exec_driver_sql("UPDATE files SET ready_at = NULL")
    assert draining.run(draining.inbox).indexed == 3


def test_stopped_it_says_how_much_is_left(
    draining: Draining, database: Database, settings: Settings, generation: GenerationRow
) -> None:
    slow = Ingest(database, settings.model_copy(update={"batch_files": 2}), generation)
    draining.ingest = slow
    for number in range(6):
        slow.drop(f"{number}.png", number)

    def stop_half_way(done: int, _: int) -> None:
        if done >= 2:
            draining.stop.set()

    draining._progress = stop_half_way  # type: ignore[method-assign]
    summary = draining.run(draining.inbox)
    assert summary.indexed + summary.pending == 6
    assert 0 < summary.pending < 6


def test_a_file_that_vanishes_meanwhile_is_summed_up_as_failed(
    draining: Draining, settings: Settings
) -> None:
    ingest = draining.ingest
    path = ingest.drop("a.png", 1)
    ingest.drop("b.png", 2)

    real = draining._progress

    def delete_at_once(done: int, total: int) -> None:
        path.unlink(missing_ok=True)
        real(done, total)

    draining._progress = delete_at_once  # type: ignore[method-assign]
    summary = draining.run(settings.inbox)
    assert summary.indexed == 1
    assert [(Path(name).name, reason) for name, reason in summary.failed] == [
        ("a.png", "it disappeared while it was waiting")
    ]


def test_while_another_process_ingests_it_only_waits(draining: Draining) -> None:
    ingest = draining.ingest
    for number in range(3):
        ingest.drop(f"{number}.png", number)
    results: list[Summary] = []
    with exclusive(ingest.settings.data, "ingest"):
        asking = threading.Thread(target=lambda: results.append(draining.run(draining.inbox)))
        asking.start()
        wait_until(lambda: len(draining.reports) >= 3, "it waits")
        assert set(ingest.states().values()) == {"pending"}
        ingest.clock.advance(60)
        ingest.drain()  # what the other process does
        asking.join(10)
    assert results[0].indexed == 3


def test_waiting_for_another_process_can_be_stopped(draining: Draining) -> None:
    draining.ingest.drop("a.png", 1)
    with exclusive(draining.ingest.settings.data, "ingest"):
        threading.Timer(0.2, draining.stop.set).start()
        assert draining.run(draining.inbox).pending == 1


@pytest.mark.parametrize("job", ["ingest", "erasure"])
def test_when_the_other_process_ends_before_it_is_done_the_rest_is_done_here(
    draining: Draining, monkeypatch: pytest.MonkeyPatch, job: str
) -> None:
    monkeypatch.setattr("index.upkeep.erasure.WAIT_SECONDS", 0.0)
    draining.ingest.drop("a.png", 1)
    results: list[Summary] = []
    asking = threading.Thread(target=lambda: results.append(draining.run(draining.inbox)))
    try:
        with exclusive(draining.ingest.settings.data, job):
            asking.start()
            wait_until(lambda: len(draining.reports) >= 3, "it waits")
        wait_until(lambda: results, "it works")
    finally:
        draining.stop.set()
        asking.join()
    assert results[0].indexed == 1


def test_a_photo_that_lacks_its_end_is_indexed_and_named(draining: Draining) -> None:
    cut = draining.inbox / "cut.jpg"
    cut.write_bytes(jpeg()[:-100])
    (draining.inbox / "copy.jpg").write_bytes(cut.read_bytes())
    (draining.inbox / "whole.jpg").write_bytes(jpeg())
    summary = draining.run(draining.inbox)
    assert (summary.no_face, summary.failed) == (3, [])
    note = "its end is missing; nearly all of the picture is there"
    assert sorted(summary.noted) == [(str(cut.with_name("copy.jpg")), note), (str(cut), note)]
