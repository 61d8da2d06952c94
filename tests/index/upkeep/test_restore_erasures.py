"""A restore brings nothing back that was forgotten since, and loses no erasure."""

import shutil
from pathlib import Path

import pytest

from index.base.errors import StoreError
from index.base.lock import exclusive
from index.base.paths import Roots
from index.base.settings import Settings
from index.database.database_file import restoring
from index.database.engine import Database
from index.database.queries import erasures
from index.database.queries.generations import GenerationRow
from index.upkeep import forget
from index.upkeep.backup import Contents, back_up
from index.upkeep.erasure import finish_erasures
from ingest.jobs.process import Housekeeping
from tests.fakes import save_picture
from tests.index.builders import (
    put_back,
    quiet,
)
from tests.ingest.builders import Ingest


@pytest.fixture
def ingest(database: Database, settings: Settings, generation: GenerationRow) -> Ingest:
    made = Ingest(database, settings, generation)
    made.drop("ann.png", 1)
    made.drop("bob.png", 2)
    made.index()
    Housekeeping(database, settings).snapshot()
    return made


def forget_file(ingest: Ingest, name: str) -> None:
    roots = Roots([ingest.inbox])
    forget.forget(ingest.database, ingest.settings.data, roots, [ingest.inbox / name], quiet)


def reopened(ingest: Ingest) -> Ingest:
    """Ingest after the restore, in a process of its own."""
    return Ingest(Database(ingest.settings.database_path), ingest.settings, ingest.generation)


def test_a_restored_backup_does_not_bring_back_what_was_forgotten_since(
    ingest: Ingest, target: Path
) -> None:
    vector = ingest.vectors("ann.png")[0].tobytes()
    back_up(ingest.database.path, target, quiet)
    forget_file(ingest, "ann.png")
    ingest.database.close()
    done = put_back(target, ingest.settings)
    assert (done.erased.images, done.erased.faces) == (1, 1)
    assert done.contents == Contents(1, 1)
    data = ingest.settings.data
    assert all(vector[:512] not in path.read_bytes() for path in data.iterdir())
    after = reopened(ingest)
    with after.database:
        assert after.states() == {"bob.png": "indexed"}
        after.index()
        assert after.reason("ann.png") == "it was forgotten on request"
        after.check()


def test_what_a_killed_restore_left_goes_with_the_next_ingest_or_erasure(
    ingest: Ingest, target: Path
) -> None:
    """It holds what was forgotten since the backup, and no erasure would ever look for that."""
    back_up(ingest.database.path, target, quiet)
    forget_file(ingest, "ann.png")
    left = [restoring(ingest.database.path)]
    left += [left[0].with_name(left[0].name + more) for more in ("-wal", ".before-0005")]

    def finish() -> None:
        with exclusive(ingest.settings.data, "ingest"):
            finish_erasures(ingest.database, ingest.settings.data)

    for cure in (finish, lambda: forget_file(ingest, "bob.png")):
        for path in left:
            shutil.copy(target, path)
        with exclusive(ingest.settings.data, "ingest"):  # as the restore itself holds it
            forget_file(ingest, "ann.png")
        assert all(path.exists() for path in left)
        cure()
        assert not any(path.exists() for path in left)


def test_an_interrupted_erasure_is_finished_in_the_database_that_a_restore_keeps(
    ingest: Ingest, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(ingest.database.path, target, quiet)
    vector = ingest.vectors("ann.png")[0].tobytes()
    with monkeypatch.context() as broken:
        broken.setattr(erasures, "remove_images", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            forget_file(ingest, "ann.png")
    ingest.database.close()
    kept = put_back(target, ingest.settings).kept
    assert kept is not None
    data = ingest.settings.data
    assert [path for path in data.iterdir() if vector[:512] in path.read_bytes()] == []


def test_what_was_allowed_again_since_is_indexed_after_a_restore(
    ingest: Ingest, target: Path
) -> None:
    forget_file(ingest, "ann.png")
    back_up(ingest.database.path, target, quiet)
    roots = Roots([ingest.inbox])
    allowed = [ingest.inbox / "ann.png"]
    assert forget.allow(ingest.database, ingest.settings.data, roots, allowed, quiet) == 1
    ingest.database.close()
    put_back(target, ingest.settings)
    after = reopened(ingest)
    with after.database:
        after.index()
        assert after.states() == {"ann.png": "indexed", "bob.png": "indexed"}


def test_erasures_before_the_backup_stay_and_later_ones_go_on(ingest: Ingest, target: Path) -> None:
    forget_file(ingest, "ann.png")
    back_up(ingest.database.path, target, quiet)
    ingest.database.close()
    assert put_back(target, ingest.settings).erased.images == 0
    after = reopened(ingest)
    with after.database:
        after.index()
        assert after.reason("ann.png") == "it was forgotten on request"
        forget_file(after, "bob.png")
        after.index()
        assert set(after.states().values()) == {"failed"}


def test_on_another_machine_the_erasure_log_must_come_along(
    ingest: Ingest, target: Path, tmp_path: Path
) -> None:
    forget_file(ingest, "ann.png")
    back_up(ingest.database.path, target, quiet)
    there = ingest.settings.model_copy(update={"data": tmp_path / "elsewhere"})
    with pytest.raises(StoreError, match=r"erasures\.log is missing"):
        put_back(target, there)
    assert not there.database_path.exists()
    shutil.copy(ingest.settings.data / "erasures.log", there.data)
    assert put_back(target, there).contents == Contents(1, 1)


def test_photos_dropped_after_the_backup_are_found_by_the_next_scan(
    ingest: Ingest, target: Path
) -> None:
    back_up(ingest.database.path, target, quiet)
    save_picture(ingest.inbox / "new.png", 3)
    ingest.index()
    ingest.database.close()
    put_back(target, ingest.settings)
    after = reopened(ingest)
    with after.database:
        after.index()
        assert set(after.states().values()) == {"indexed"}
        assert len(after.states()) == 3
        after.check()
