"""Roots that are moved away, replaced, made later or several: what is watched, and what is kept."""

import logging
import shutil
from pathlib import Path

import pytest

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import places
from index.database.queries.generations import GenerationRow
from ingest.watching import watcher as module
from tests.fakes import save_picture
from tests.ingest.builders import Ingest
from tests.ingest.watched import REGISTERED_TWICE, Watch, Watched, paths_known
from tests.waiting import wait_until

pytestmark = REGISTERED_TWICE


# --- what goes wrong -----------------------------------------------------------------------------


def test_removals_that_an_operator_accepts_are_done_at_once(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ACCEPTED_SECONDS", 0.05)
    watched = watch()
    watched.write("a.png")
    watched.expect("a.png")
    watched.inbox.rename(watched.inbox.with_name("away"))
    wait_until(lambda: watched.watcher.report.roots_missing == 1, "the root is missed")
    assert watched.watcher.report.removals_held == 1
    with watched.ingest.database.write() as connection:
        places.accept(connection, places.all_places(connection))
    watched.expect()
    wait_until(lambda: watched.watcher.report.removals_held == 0, "nothing is held")


# --- the root itself -----------------------------------------------------------------------------


def test_a_root_that_is_moved_away_erases_nothing(watch: Watch) -> None:
    watched = watch(scan_seconds=0.2)
    watched.write("a.png")
    watched.write("in/b.png")
    watched.expect("a.png", "in/b.png")
    before = watched.scans()
    watched.inbox.rename(watched.inbox.with_name("away"))
    wait_until(lambda: watched.scans() >= before + 3, "three scans without the root")
    assert set(watched.ingest.rows()) == {"a.png", "in/b.png"}
    assert watched.logged("scan.root_missing") >= 1


def test_what_happens_in_a_root_that_is_away_erases_nothing(watch: Watch) -> None:
    """Its watches follow the folder, and its events still name the old place."""
    watched = watch()
    watched.write("a.png")
    watched.write("b.png")
    watched.expect("a.png", "b.png")
    away = watched.inbox.with_name("away")
    watched.inbox.rename(away)
    examined, scans = watched.logged("test.examined"), watched.scans()
    (away / "a.png").unlink()
    wait_until(
        lambda: watched.logged("test.examined") > examined or watched.scans() > scans,
        "the event is looked at, or the root's absence noticed",
    )
    assert set(watched.ingest.rows()) == {"a.png", "b.png"}


def test_a_root_that_was_away_for_a_while_is_still_watched(watch: Watch) -> None:
    watched = watch()
    watched.write("a.png")
    watched.expect("a.png")
    away = watched.inbox.with_name("away")
    watched.inbox.rename(away)
    away.rename(watched.inbox)
    watched.write("b.png")
    watched.expect("a.png", "b.png")


@pytest.mark.parametrize("how", ["moved away", "deleted"])
def test_another_folder_in_the_roots_place_is_watched(watch: Watch, how: str) -> None:
    """A disk that was replaced, a folder that was made anew: no reason to wait for a scan."""
    watched = watch()
    watched.write("a.png")
    watched.expect("a.png")
    if how == "deleted":
        shutil.rmtree(watched.inbox)
        wait_until(lambda: watched.watcher.report.observer_restarts >= 1, "its end is noticed")
    else:
        watched.inbox.rename(watched.inbox.with_name("away"))
    watched.inbox.mkdir()
    path = str(watched.write("b.png"))
    wait_until(lambda: path in paths_known(watched.ingest), "the new folder's file", seconds=6.0)


def test_a_root_that_is_made_later_is_watched(
    ingest: Ingest, settings: Settings, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO, "ingest")
    late = tmp_path / "late"
    both = settings.model_copy(update={"roots": (late,)})
    with Watched(ingest, both):
        late.mkdir()
        (late / "b.png").write_bytes(b"x")
        path = str(late / "b.png")
        wait_until(lambda: path in paths_known(ingest), "the late root's file", seconds=6.0)


def test_several_roots_are_watched(
    database: Database,
    generation: GenerationRow,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    caplog.set_level(logging.INFO, "ingest")
    more = tmp_path / "more"
    more.mkdir()
    both = settings.model_copy(update={"roots": (more,)})
    ingest = Ingest(database, both, generation)
    with Watched(ingest, both) as watched:
        watched.write("a.png")
        save_picture(more / "b.png", 1)
        watched.expect("a.png")
        path = str(more / "b.png")
        wait_until(lambda: path in paths_known(ingest), "the other root's file is noted")
        assert watched.scans() == 1
