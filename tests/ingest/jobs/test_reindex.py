"""Re-indexing beside the old index: everything is embedded anew, then switched at once."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import generations, snapshots
from index.database.queries.generations import GenerationRow
from index.database.states import GenerationState
from index.upkeep.verify import verify
from ingest.jobs import reindex as module
from ingest.jobs.reindex import Reindexer, ReindexResult
from tests.fakes import fake_models
from tests.index.builders import faces_by_generation
from tests.ingest.builders import Ingest
from tests.ingest.reindexing import Reindexing, everybody, generation_states

pytestmark = pytest.mark.engines

# --- a whole run ---------------------------------------------------------------------------------


def test_everything_is_embedded_anew_and_then_switched(reindexing: Reindexing) -> None:
    ingest = reindexing.ingest
    before = ingest.vectors("0.png")
    assert reindexing.run() == ReindexResult("fake-2", images=8, faces=8, already_done=0)
    active = ingest.active()
    assert (active.model_id, active.model) == ("fake-2", "fake")
    assert not np.allclose(ingest.vectors("0.png"), before)
    assert everybody(ingest) == 4
    assert reindexing.images_seen == 8
    ingest.check()


def test_nothing_is_left_of_the_old_generation(reindexing: Reindexing) -> None:
    ingest = reindexing.ingest
    old = ingest.active()
    reindexing.run()
    new = ingest.active()
    assert generation_states(ingest.database) == {new.id: "active"}
    assert faces_by_generation(ingest.database) == {new.id: 8}
    with ingest.database.read() as connection:
        for table in ("analyses", "changelog", "snapshots", "index_chunks"):
            where = f"SELECT count(*) FROM {table} WHERE generation_id = {old.id}"
            assert connection.exec_driver_sql(where).scalar_one() == 0


def test_the_new_generation_has_a_snapshot_before_it_answers(reindexing: Reindexing) -> None:
    reindexing.run()
    with reindexing.ingest.database.read() as connection:
        (snapshot,) = snapshots.newest_first(connection, reindexing.ingest.active().id)
    assert snapshot.face_count == 8


def test_progress_only_grows_to_the_whole(reindexing: Reindexing) -> None:
    reindexing.run()
    assert reindexing.reports == [(0, 8), (2, 8), (4, 8), (6, 8), (8, 8)]


def test_the_old_generation_answers_until_the_switch(reindexing: Reindexing) -> None:
    ingest = reindexing.ingest
    old = ingest.active()
    answers: list[tuple[GenerationRow, int]] = []
    reindexing.run(lambda *_: answers.append((ingest.active(), everybody(ingest))))
    assert len(answers) == 5
    assert set(answers) == {(old, 4)}
    assert ingest.active() != old


def test_files_do_not_become_pending(reindexing: Reindexing) -> None:
    seen: set[str] = set()
    reindexing.run(lambda *_: seen.update(reindexing.ingest.states().values()))
    assert seen == {"indexed"}


def test_an_empty_library_is_switched_too(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    models = fake_models("fake-2")
    monkeypatch.setattr(module, "load_models", lambda *_: models)
    outcome = Reindexing(ingest, models).run()
    assert outcome == ReindexResult("fake-2", images=0, faces=0, already_done=0)
    assert ingest.active().model_id == "fake-2"
    assert verify(ingest.database).problems == []


def test_a_library_that_never_had_a_model_gets_its_first(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = fake_models("fake-2")
    monkeypatch.setattr(module, "load_models", lambda *_: models)
    stop = threading.Event()
    assert Reindexer(database, settings, "fake", stop).run(lambda *_: None) is not None
    with database.read() as connection:
        active = generations.active(connection)
    assert active is not None
    assert active.model_id == "fake-2"


def test_photos_without_faces_and_copies_are_done_once_each(
    small: Ingest, reindexing: Reindexing
) -> None:
    small.drop("wall.png")
    (small.inbox / "copy.png").write_bytes((small.inbox / "0.png").read_bytes())
    small.index()
    outcome = reindexing.run()
    assert outcome == ReindexResult("fake-2", images=9, faces=8, already_done=0)
    assert reindexing.images_seen == 9
    assert small.persons("copy.png", "0.png", "wall.png") == 1


def test_failed_and_orphaned_files_are_no_obstacle(small: Ingest, reindexing: Reindexing) -> None:
    (small.inbox / "bad.jpg").write_text("no image")
    (small.inbox / "7.png").unlink()
    small.index()
    assert len(small.orphans()) == 1
    outcome = reindexing.run()
    assert outcome is not None
    assert outcome.images == 7
    assert small.states()["bad.jpg"] == "failed"
    small.drop_orphans()
    small.check()


def test_new_files_are_embedded_by_the_new_model_afterwards(
    small: Ingest, reindexing: Reindexing
) -> None:
    reindexing.run()
    small.drop("new.png", 2, seed=99)
    small.index()
    assert small.persons("new.png", "2.png") == 1
    assert faces_by_generation(small.database) == {small.active().id: 9}
    small.check()


# --- with the worker beside it -------------------------------------------------------------------


def test_the_worker_goes_on_beside_it_and_nothing_is_lost(
    small: Ingest, reindexing: Reindexing
) -> None:
    turns = iter(range(6))

    def live(*_: int) -> None:
        turn = next(turns, None)
        if turn is None:
            return
        small.drop(f"new {turn}.png", 100 + turn)
        small.drop("0.png", 200 + turn)
        if turn == 2:
            (small.inbox / "1.png").unlink()
            os.link(small.inbox / "2.png", small.inbox / "linked.png")
        small.index()

    assert reindexing.run(live) is not None
    assert next(turns, None) is None
    small.index()
    small.drop_orphans()
    small.check()
    names = {f"new {turn}.png" for turn in range(6)} | {f"{n}.png" for n in (0, *range(2, 8))}
    assert set(small.rows()) == names | {"linked.png"}
    # everything that is there was embedded by the new model, and nothing else is kept
    assert faces_by_generation(small.database) == {small.active().id: len(names)}
    assert everybody(small) == 4 + 6 + 1


def test_a_generation_that_is_being_built_is_in_the_database_only(
    small: Ingest, reindexing: Reindexing
) -> None:
    assert reindexing.run(reindexing.stop_at(4)) is None
    states = generation_states(small.database)
    assert sorted(states.values()) == ["active", "building"]
    with small.database.read() as connection:
        building = generations.building(connection)
        assert building is not None
        assert generations.progress(connection, building.id) == (4, 8)
    assert GenerationState(states[building.id]) is GenerationState.BUILDING


def test_a_description_by_a_relative_path_is_kept_as_an_absolute_one(
    small: Ingest, reindexing: Reindexing, tmp_path: Path
) -> None:
    """Tests run in tmp_path, services elsewhere."""
    (tmp_path / "own.toml").touch()
    reindexing.model = "own.toml"
    assert reindexing.run() is not None
    assert small.active().model == str(tmp_path / "own.toml")
