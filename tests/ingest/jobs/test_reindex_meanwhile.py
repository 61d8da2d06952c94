"""Files that come, change, move and go while a re-index runs."""

import threading

import pytest

from index.base.errors import UnsettledFileError
from index.database.queries import snapshots
from index.database.queries.generations import GenerationRow
from ingest.jobs import missing_images
from ingest.jobs.reindex import Reindexer
from tests.index.builders import faces_by_generation
from tests.ingest.builders import Ingest
from tests.ingest.reindexing import Reindexing

pytestmark = pytest.mark.engines


def test_images_added_meanwhile_are_done_before_the_switch(
    small: Ingest, reindexing: Reindexing
) -> None:
    added = iter(["late one.png", "late two.png"])

    def add(done: int, total: int) -> None:
        if done == total and (name := next(added, None)):
            small.drop(name, 50, seed=100 + done)
            small.index()

    outcome = reindexing.run(add)
    assert outcome is not None
    assert outcome.images == 10
    assert small.persons("late one.png", "late two.png", "0.png") == 2
    assert set(small.states().values()) == {"indexed"}
    small.check()


def test_images_added_at_the_last_moment_are_done_before_the_switch(
    small: Ingest, reindexing: Reindexing, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = snapshots.add_snapshot
    added = threading.Event()

    def add(*args: object, **kwargs: object) -> None:
        real(*args, **kwargs)  # type: ignore[arg-type]
        added.set()

    monkeypatch.setattr(snapshots, "add_snapshot", add)
    switch = Reindexer._switch

    def switch_late(reindexer: Reindexer, generation: GenerationRow) -> bool:
        if added.is_set():
            added.clear()
            if "late.png" not in small.rows():
                small.drop("late.png", 60)
                small.index()
        return switch(reindexer, generation)

    monkeypatch.setattr(Reindexer, "_switch", switch_late)
    outcome = reindexing.run()
    assert outcome is not None
    assert outcome.images == 9
    assert small.persons("late.png", "0.png") == 2
    small.check()


def test_files_deleted_meanwhile_do_not_hold_it_up(small: Ingest, reindexing: Reindexing) -> None:
    def delete(done: int, _: int) -> None:
        if done == 2:
            (small.inbox / "6.png").unlink()  # and nobody has noticed yet
            (small.inbox / "7.png").unlink()

    outcome = reindexing.run(delete)
    assert outcome is not None
    assert outcome.images == 6
    small.index()
    assert set(small.rows()) == {f"{number}.png" for number in range(6)}
    small.drop_orphans()
    small.check()


def test_files_changed_meanwhile_are_read_again_under_the_new_generation(
    small: Ingest, reindexing: Reindexing
) -> None:
    def overwrite(done: int, _: int) -> None:
        if done == 2:
            small.drop("7.png", 70, 71)

    assert reindexing.run(overwrite) is not None
    assert small.states()["7.png"] == "pending"
    small.index()
    assert small.persons("7.png") == 2
    assert faces_by_generation(small.database) == {small.active().id: 9}
    small.drop_orphans()
    small.check()


def test_files_moved_meanwhile_are_found_under_their_new_names(
    small: Ingest, reindexing: Reindexing
) -> None:
    def move(done: int, _: int) -> None:
        if done == 2:
            (small.inbox / "7.png").rename(small.inbox / "moved.png")
            small.index()

    outcome = reindexing.run(move)
    assert outcome is not None
    assert outcome.images == 8
    assert small.persons("moved.png", "3.png") == 1
    small.check()


def test_a_file_that_changes_while_it_is_read_is_no_failure(
    small: Ingest, reindexing: Reindexing, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = missing_images.read_settled
    failed = threading.Event()

    def read(path: str, *rest: object) -> bytes:
        if path.endswith("5.png") and not failed.is_set():
            failed.set()
            raise UnsettledFileError(path)
        return real(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(missing_images, "read_settled", read)
    outcome = reindexing.run()
    assert failed.is_set()
    assert outcome is not None
    assert outcome.images == 8
    small.check()


def test_a_folder_that_became_a_link_meanwhile_does_not_hold_it_up(
    small: Ingest, reindexing: Reindexing
) -> None:
    """Its files look the same from afar, but are no longer below the root."""
    small.drop("folder/x.png", 80)
    small.index()
    folder, outside = small.inbox / "folder", small.inbox.parent / "outside"

    def move(done: int, _: int) -> None:
        if done == 2:
            folder.rename(outside)
            folder.symlink_to(outside)

    outcome = reindexing.run(move)
    assert outcome is not None
    assert outcome.images == 8
    small.index()
    assert "folder/x.png" not in small.rows()
