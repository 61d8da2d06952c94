"""What happens between a file's note, its reading and its commit; also to the library itself."""

import os
import shutil

import numpy as np
import pytest

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import generations, queue
from index.database.queries.generations import GenerationRow
from index.database.states import GenerationState
from ingest.jobs import worker as module
from ingest.networks.models import Models
from tests.fakes import expected_vector, fake_models, save_picture
from tests.index.builders import faces_by_generation, fake_generation
from tests.ingest.builders import Ingest, ingest_that

pytestmark = pytest.mark.engines


def test_a_file_that_vanished_before_it_was_read_is_forgotten(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1)
    ingest.drop("b.png", 2)
    ingest.scanner.scan()
    path.unlink()
    ingest.drain()
    assert ingest.states() == {"b.png": "indexed"}
    ingest.check()


def test_a_file_whose_folder_vanished_before_it_was_read_is_forgotten(ingest: Ingest) -> None:
    ingest.drop("folder/a.png", 1).rename(ingest.inbox / "folder/b.png")
    ingest.scanner.scan()
    (ingest.inbox / "folder").rename(ingest.inbox.parent / "elsewhere")
    (ingest.inbox / "folder").write_text("a file where a folder was")
    ingest.drain()
    assert ingest.states() == {}


def test_a_file_that_changed_before_it_was_read_is_read_as_it_is_now(ingest: Ingest) -> None:
    ingest.drop("a.png", 1)
    ingest.scanner.scan()
    ingest.drop("a.png", 2, 3)
    ingest.drain()
    assert ingest.states() == {"a.png": "indexed"}
    assert ingest.persons("a.png") == 2
    ingest.check()


def test_a_file_that_keeps_changing_is_not_read_before_it_has_settled_again(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    ingest = Ingest(database, settings.model_copy(update={"settle_seconds": 5.0}), generation)
    for seed in range(4):
        ingest.drop("a.png", 1, seed=seed)
        ingest.scanner.scan()
        ingest.clock.advance(6)
        ingest.drop("a.png", 1, 2, seed=seed)
        os.utime(ingest.inbox / "a.png", (ingest.clock(), ingest.clock()))
        ingest.drain()
        assert ingest.states() == {"a.png": "pending"}
        assert ingest.images_seen == 0
    ingest.clock.advance(6)
    ingest.drain()
    assert ingest.persons("a.png") == 2
    ingest.check()


def test_a_file_replaced_by_a_link_before_it_was_read_is_refused(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1)
    outside = save_picture(ingest.inbox.parent / "outside.png", 2)
    ingest.scanner.scan()
    path.unlink()
    path.symlink_to(outside)
    ingest.index()
    assert "link" in ingest.reason("a.png")
    assert ingest.images_seen == 0


def test_a_file_replaced_by_a_folder_before_it_was_read_stops_nobody(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1)
    ingest.drop("b.png", 2)
    ingest.scanner.scan()
    path.unlink()
    path.mkdir()
    ingest.drain()
    assert ingest.states()["b.png"] == "indexed"
    ingest.drop("a.png/c.png", 3)
    ingest.index()
    assert ingest.states() == {"b.png": "indexed", "a.png/c.png": "indexed"}
    ingest.check()


def test_a_folder_replaced_by_a_link_before_it_was_read_is_no_way_out(ingest: Ingest) -> None:
    ingest.drop("folder/a.png", 1)
    ingest.scanner.scan()
    outside = ingest.inbox.parent / "outside"
    (ingest.inbox / "folder").rename(outside)  # the very same file, now outside
    (ingest.inbox / "folder").symlink_to(outside)
    ingest.index()
    assert ingest.images_seen == 0
    assert "indexed" not in ingest.states().values()


@pytest.mark.parametrize("examined", [False, True])
def test_a_folder_replaced_by_a_link_to_its_copy_does_not_go_round_in_circles(
    ingest: Ingest, *, examined: bool
) -> None:
    path = ingest.drop("folder/a.png", 1)
    ingest.index()
    folder, outside = path.parent, ingest.inbox.parent / "outside"
    with ingest.database.write() as connection:
        queue.requeue(connection, [str(path)], ingest.clock())
    shutil.copytree(folder, outside)
    shutil.rmtree(folder)
    folder.symlink_to(outside)
    if examined:
        ingest.scanner.examine([str(path), str(folder)])
        assert "folder/a.png" not in ingest.states()
    assert sum(ingest.worker.step() for _ in range(5)) <= 1
    assert "folder/a.png" not in ingest.states()
    ingest.scanner.examine([str(folder)])
    ingest.scanner.scan()
    assert ingest.drain() == 0
    assert "links are not followed" in ingest.reason("folder")
    ingest.check()


def test_a_file_that_changed_after_it_was_read_is_read_again(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    def overwrite(ingest: Ingest) -> None:
        ingest.drop("a.png", 2, 3)
        ingest.scanner.scan()

    ingest = ingest_that(overwrite, database, settings, generation)
    ingest.drop("a.png", 1)
    ingest.scanner.scan()
    ingest.worker.step()
    assert ingest.states() == {"a.png": "pending"}
    ingest.drain()
    assert ingest.persons("a.png") == 2
    ingest.drop_orphans()
    ingest.check()


def test_a_file_that_vanished_after_it_was_read_does_not_come_back(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    def delete(ingest: Ingest) -> None:
        (ingest.inbox / "a.png").unlink()
        ingest.scanner.scan()

    ingest = ingest_that(delete, database, settings, generation)
    ingest.drop("a.png", 1)
    ingest.index()
    assert ingest.states() == {}
    assert len(ingest.orphans()) == 1  # its faces go with the next housekeeping
    ingest.drop_orphans()
    ingest.check()


def test_a_file_that_was_gone_when_it_was_read_but_is_back_is_not_forgotten(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    def bring_back(ingest: Ingest) -> None:
        ingest.drop("a.png", 2)
        ingest.scanner.scan()  # or the watcher, or a caller who asks for it

    ingest = ingest_that(bring_back, database, settings, generation)
    path = ingest.drop("a.png", 1)
    ingest.drop("b.png", 3)
    ingest.scanner.scan()
    path.unlink()
    ingest.drain()
    assert ingest.states() == {"a.png": "indexed", "b.png": "indexed"}
    np.testing.assert_array_equal(ingest.vectors("a.png"), expected_vector(2))


def test_a_renamed_file_in_hand_ends_under_its_new_name(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    def rename(ingest: Ingest) -> None:
        (ingest.inbox / "a.png").rename(ingest.inbox / "b.png")
        ingest.scanner.scan()

    ingest = ingest_that(rename, database, settings, generation)
    ingest.drop("a.png", 1)
    ingest.index()
    assert ingest.states() == {"b.png": "indexed"}
    assert ingest.images_seen == 1
    ingest.check()


def test_content_whose_faces_were_taken_away_in_the_meantime_is_done_again(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    def requeue_damaged(ingest: Ingest) -> None:  # a caller found the rows of a.png damaged
        with ingest.database.write() as connection:
            connection.exec_driver_sql("DELETE FROM faces")
            connection.exec_driver_sql("DELETE FROM analyses")

    ingest = ingest_that(lambda _: None, database, settings, generation)
    content = ingest.drop("a.png", 1).read_bytes()
    ingest.index()
    ingest.models.detector._act = lambda: requeue_damaged(ingest)
    (ingest.inbox / "copy.png").write_bytes(content)
    ingest.drop("b.png", 2)
    ingest.index()
    assert ingest.states()["copy.png"] == ingest.states()["b.png"] == "indexed"
    assert ingest.persons("copy.png", "b.png") == 2


def switch(ingest: Ingest, model_id: str) -> None:
    """What the end of a re-index does, for an empty library."""
    with ingest.database.write() as connection:
        made = fake_generation(connection, model_id, GenerationState.BUILDING)
        generations.switch(connection, made.id)


def test_files_in_hand_at_a_switch_are_done_again_for_the_new_generation(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    ingest = ingest_that(lambda ingest: switch(ingest, "fake-1"), database, settings, generation)
    ingest.drop("a.png", 1)
    (ingest.inbox / "bad.jpg").write_text("no image")
    ingest.scanner.scan()
    ingest.worker.step()
    assert set(ingest.states().values()) == {"pending"}
    assert faces_by_generation(database) == {}
    ingest.drain()
    assert ingest.states() == {"a.png": "indexed", "bad.jpg": "failed"}
    assert faces_by_generation(database) == {ingest.active().id: 1}
    assert ingest.worker.generation == ingest.active() != generation
    ingest.check()


def test_after_a_switch_to_another_model_that_model_is_used(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[GenerationRow] = []

    def load(_: Settings, active: GenerationRow) -> Models:
        asked.append(active)
        return fake_models("fake-2", salt=2)

    monkeypatch.setattr(module, "load_generation", load)
    switch(ingest, "fake-2")
    ingest.drop("a.png", 1)
    ingest.index()
    assert asked == [ingest.active()]
    assert not np.allclose(ingest.vectors("a.png"), expected_vector(1))
    ingest.drop("b.png", 1, seed=1)
    ingest.index()
    assert len(asked) == 1
    assert ingest.persons("a.png", "b.png") == 1
