"""Re-indexing beside the old index: resumable, atomic, and harmless when it fails."""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from index.database import Database
from index.errors import IngestError, UnsettledFileError
from index.schema import GenerationState
from index.settings import Settings
from index.space import DIM, UNMEASURED, Profile
from index.store import generations, snapshots
from index.store.generations import GenerationRow
from index.verify import verify
from ingest import reindex as module
from ingest import worker as worker_module
from ingest.faces import DetectedFace, RgbImage
from ingest.models import Models
from ingest.reindex import Outcome, Reindexer
from tests.fakes import DECODERS, FakeDetector, FakeEncoder, fake_models, picture
from tests.ingest.builders import Ingest

Progress = Callable[[int, int], None]
MOST_REPORTS = 60  # a re-index of so few images that says more goes round in circles


@dataclass
class Reindexing:
    """Re-indexes an ingest's library with fake models, as often as the test likes."""

    ingest: Ingest
    models: Models
    weights: str = "fake"

    def __post_init__(self) -> None:
        self.stop = threading.Event()
        self.reports: list[tuple[int, int]] = []

    def run(self, act: Progress | None = None, settings: Settings | None = None) -> Outcome | None:
        """Re-index; *act* is told of the progress and may do whatever happens meanwhile."""
        self.stop.clear()
        reindexer = Reindexer(
            self.ingest.database, settings or self.ingest.settings, self.weights, self.stop
        )

        def progress(done: int, total: int) -> None:
            self.reports.append((done, total))
            assert len(self.reports) < MOST_REPORTS, "the re-index does not end"
            if act is not None:
                act(done, total)

        return reindexer.run(progress)

    def stop_at(self, images: int) -> Progress:
        return lambda done, _: self.stop.set() if done >= images else None

    @property
    def images_seen(self) -> int:
        assert isinstance(self.models.detector, FakeDetector)
        return self.models.detector.images_seen


@pytest.fixture
def small(database: Database, settings: Settings, generation: GenerationRow) -> Ingest:
    """A library of eight photos of four persons, worked on two at a time."""
    ingest = Ingest(database, settings.model_copy(update={"batch_files": 2}), generation)
    for number in range(8):
        ingest.drop(f"{number}.png", number % 4, seed=number)
    ingest.index()
    return ingest


@pytest.fixture
def reindexing(small: Ingest, monkeypatch: pytest.MonkeyPatch) -> Reindexing:
    """A re-index of the small library with another model."""
    made = Reindexing(small, fake_models("fake-2", salt=5))
    monkeypatch.setattr(module, "load_models", lambda _settings, _weights: made.models)
    monkeypatch.setattr(worker_module, "load_generation", lambda _settings, _row: made.models)
    return made


def everybody(ingest: Ingest) -> int:
    """The answer to the question about all files."""
    return ingest.persons(*ingest.rows())


def generation_states(database: Database) -> dict[int, str]:
    with database.read() as connection:
        rows = connection.exec_driver_sql("SELECT id, state FROM generations").all()
    return {row[0]: row[1] for row in rows}


def face_counts(database: Database) -> dict[int, int]:
    with database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT generation_id, count(*) FROM faces GROUP BY generation_id"
        ).all()
    return {row[0]: row[1] for row in rows}


# --- a whole run ---------------------------------------------------------------------------------


def test_everything_is_embedded_anew_and_then_switched(reindexing: Reindexing) -> None:
    ingest = reindexing.ingest
    before = ingest.vectors("0.png")
    assert reindexing.run() == Outcome("fake-2", images=8, faces=8, already_done=0)
    active = ingest.active()
    assert (active.model_id, active.weights) == ("fake-2", "fake")
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
    assert face_counts(ingest.database) == {new.id: 8}
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
    assert outcome == Outcome("fake-2", images=0, faces=0, already_done=0)
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
    assert outcome == Outcome("fake-2", images=9, faces=8, already_done=0)
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
    assert face_counts(small.database) == {small.active().id: 9}
    small.check()


# --- stopping, and going on ----------------------------------------------------------------------


def test_stopped_it_changes_nothing_and_goes_on_where_it_was(reindexing: Reindexing) -> None:
    ingest = reindexing.ingest
    old = ingest.active()
    assert reindexing.run(reindexing.stop_at(4)) is None
    assert ingest.active() == old
    assert everybody(ingest) == 4
    assert verify(ingest.database).problems == []
    assert reindexing.images_seen == 4
    outcome = reindexing.run()
    assert outcome == Outcome("fake-2", images=8, faces=8, already_done=4)
    assert reindexing.images_seen == 8
    ingest.check()


def test_stopped_again_and_again_it_still_arrives(reindexing: Reindexing) -> None:
    for done in (0, 2, 4, 6):
        assert reindexing.run(reindexing.stop_at(done)) is None
    outcome = reindexing.run()
    assert outcome is not None
    assert outcome.already_done == 6
    assert reindexing.images_seen == 8
    reindexing.ingest.check()


def test_stopped_before_the_switch_it_has_only_the_switch_left(reindexing: Reindexing) -> None:
    assert reindexing.run(reindexing.stop_at(8)) is None
    outcome = reindexing.run()
    assert outcome == Outcome("fake-2", images=8, faces=8, already_done=8)
    assert reindexing.images_seen == 8


def test_a_crash_leaves_it_resumable(reindexing: Reindexing) -> None:
    class Crashing(FakeDetector):
        def detect(self, images: Sequence[RgbImage]) -> list[list[DetectedFace]]:
            found = super().detect(images)
            if self.images_seen > 4:
                raise RuntimeError("crash")
            return found

    whole = reindexing.models
    reindexing.models = Models(Crashing(), FakeEncoder("fake-2", salt=5), DECODERS)
    with pytest.raises(RuntimeError, match="crash"):
        reindexing.run()
    assert everybody(reindexing.ingest) == 4
    reindexing.models = whole
    outcome = reindexing.run()
    assert outcome is not None
    assert outcome.already_done == 4
    reindexing.ingest.check()


def test_another_model_abandons_what_was_begun(reindexing: Reindexing) -> None:
    assert reindexing.run(reindexing.stop_at(4)) is None
    reindexing.models = fake_models("fake-3", salt=7)
    outcome = reindexing.run()
    assert outcome == Outcome("fake-3", images=8, faces=8, already_done=0)
    assert list(generation_states(reindexing.ingest.database).values()) == ["active"]
    reindexing.ingest.check()


# --- what happens meanwhile ----------------------------------------------------------------------


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
    assert face_counts(small.database) == {small.active().id: 9}
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
    real = module.read_settled
    failed = threading.Event()

    def read(path: str, *rest: object) -> bytes:
        if path.endswith("5.png") and not failed.is_set():
            failed.set()
            raise UnsettledFileError(path)
        return real(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "read_settled", read)
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


# --- failing -------------------------------------------------------------------------------------


def check_unchanged(small: Ingest, old: GenerationRow) -> None:
    assert small.active() == old
    assert everybody(small) == 4
    assert set(small.states().values()) == {"indexed"}
    assert verify(small.database).problems == []


def test_an_image_beyond_todays_limits_aborts_and_changes_nothing(
    small: Ingest, reindexing: Reindexing
) -> None:
    old = small.active()
    large = small.inbox / "large.bmp"
    picture(*range(20)).resize((2000, 600)).save(large)
    small.index()
    large_limit = small.settings.model_copy(update={"max_megapixels": 1})
    answer = everybody(small)
    with pytest.raises(IngestError, match="nothing has changed, the old index goes on answering"):
        reindexing.run(settings=large_limit)
    assert small.active() == old
    assert everybody(small) == answer
    assert reindexing.run() is not None  # with the old limits it goes on


def test_a_file_that_is_too_large_today_aborts_and_is_named(
    small: Ingest, reindexing: Reindexing
) -> None:
    large = small.inbox / "large.png"
    large.write_bytes((small.inbox / "0.png").read_bytes() + bytes(2 << 20))
    small.index()
    old = small.active()
    limit = small.settings.model_copy(update={"max_file_mib": 1})
    with pytest.raises(IngestError, match=r"large\.png cannot be read now: .*nothing has changed"):
        reindexing.run(settings=limit)
    check_unchanged(small, old)


def test_a_file_whose_content_changed_but_not_its_times_aborts_and_is_named(
    small: Ingest, reindexing: Reindexing
) -> None:
    """A disk that lost bits; here the table is made to believe in the new times."""
    old = small.active()
    path = small.inbox / "3.png"
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    found = path.lstat()
    with small.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE files SET mtime_ns = ?, ctime_ns = ?, inode = ? WHERE path = ?",
            (found.st_mtime_ns, found.st_ctime_ns, str(found.st_ino), str(path)),
        )
    with pytest.raises(IngestError, match=r"3\.png has changed, but its times have not"):
        reindexing.run()
    check_unchanged(small, old)


def test_models_that_cannot_be_had_change_nothing(
    small: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Models:
        raise IngestError("no weights")

    monkeypatch.setattr(module, "load_models", fail)
    old = small.active()
    with pytest.raises(IngestError, match="no weights"):
        Reindexing(small, fake_models()).run()
    check_unchanged(small, old)
    assert list(generation_states(small.database)) == [old.id]


@pytest.mark.parametrize("scanned", [True, False])
def test_a_disk_that_dropped_out_aborts_and_nothing_on_it_is_lost(
    small: Ingest, reindexing: Reindexing, scanned: bool
) -> None:
    old = small.active()
    away = small.inbox.with_name("away")
    small.inbox.rename(away)
    small.inbox.mkdir()
    if scanned:
        small.scanner.scan()
    with pytest.raises(IngestError, match=r"a disk may only have dropped out: mount it, .*nothing"):
        reindexing.run()
    check_unchanged(small, old)
    small.inbox.rmdir()
    away.rename(small.inbox)
    small.scanner.scan()
    outcome = reindexing.run()
    assert outcome is not None
    assert outcome.images == 8


def test_every_file_that_is_gone_is_queued_however_many(
    small: Ingest, reindexing: Reindexing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MISSING_IMAGES", 3)
    for number in range(8):
        (small.inbox / f"{number}.png").unlink()  # and nobody has noticed yet
    assert reindexing.run() is not None
    assert set(small.states().values()) == {"pending"}
    small.clock.advance(60)
    small.drain()
    assert small.rows() == {}


def test_files_are_read_before_the_transaction_that_switches(
    small: Ingest, reindexing: Reindexing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or ingest and uploads would wait for a slow disk."""
    real = Reindexer._content

    def content(reindexer: Reindexer, image: tuple[int, bytes]) -> tuple[bytes, bytes | None]:
        with small.database.write():  # would wait for ever inside another one
            pass
        return real(reindexer, image)

    (small.inbox / "7.png").unlink()
    monkeypatch.setattr(Reindexer, "_content", content)
    assert reindexing.run() is not None


# --- profiles ------------------------------------------------------------------------------------

CALIBRATED = Profile(tuple([0.01] * DIM), 0.55, {"note": "calibrated"}).to_json()


def calibrate(ingest: Ingest) -> None:
    with ingest.database.write() as connection:
        generations.set_profile(connection, ingest.active().id, CALIBRATED)


def test_the_same_weights_keep_the_calibrated_profile(
    small: Ingest, reindexing: Reindexing
) -> None:
    calibrate(small)
    reindexing.models = fake_models("fake-1")
    assert reindexing.run() is not None
    assert small.active().profile == CALIBRATED


def test_other_weights_come_with_their_own_profile(small: Ingest, reindexing: Reindexing) -> None:
    calibrate(small)
    assert reindexing.run() is not None
    assert small.active().profile == UNMEASURED.to_json()


def test_a_calibration_during_a_pause_is_kept(small: Ingest, reindexing: Reindexing) -> None:
    reindexing.models = fake_models("fake-1")
    assert reindexing.run(reindexing.stop_at(4)) is None
    calibrate(small)
    assert reindexing.run() is not None
    assert small.active().profile == CALIBRATED


def test_a_calibration_while_it_runs_is_kept(small: Ingest, reindexing: Reindexing) -> None:
    reindexing.models = fake_models("fake-1")
    assert reindexing.run(lambda done, _: calibrate(small) if done == 4 else None) is not None
    assert small.active().profile == CALIBRATED
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
    assert face_counts(small.database) == {small.active().id: len(names)}
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
