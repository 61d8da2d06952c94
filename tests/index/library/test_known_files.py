import os
import time
from pathlib import Path

import pytest

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import queue, sightings
from index.database.queries.faces import faces_of
from index.database.queries.generations import GenerationRow
from index.library import known_files
from index.library.known_files import FileStatus, KnownFile, queue_wanted, requeue_damaged
from ingest.jobs.worker import Worker
from ingest.watching.scan import Scanner
from tests.fakes import fake_models, save_picture
from tests.index.builders import ask, by_hand

COUNTED, PENDING, FAILED, UNKNOWN = (
    FileStatus.COUNTED,
    FileStatus.PENDING,
    FileStatus.FAILED,
    FileStatus.UNKNOWN,
)


@pytest.fixture
def inbox(settings: Settings) -> Path:
    """Four photos: ann (1), ben and cat (2, 3), nobody (none), and one that is no image."""
    save_picture(settings.inbox / "ann.png", 1)
    save_picture(settings.inbox / "pair.png", 2, 3)
    save_picture(settings.inbox / "nobody.png")
    (settings.inbox / "text.png").write_text("not an image")
    return settings.inbox


@pytest.fixture
def worker(database: Database, settings: Settings, generation: GenerationRow) -> Worker:
    return Worker(database, settings, generation, fake_models())


def work(worker: Worker) -> None:
    while worker.step():
        pass


def look(database: Database, settings: Settings, *names: str) -> list[KnownFile]:
    known, wanted = known_files.look_up(database, settings.resolve_roots(), names)
    if wanted:
        queue_wanted(database, wanted, settings.settle_seconds)
    return known


def statuses(database: Database, settings: Settings, *names: str) -> list[FileStatus]:
    return [known.status for known in look(database, settings, *names)]


def face_count(database: Database, generation: GenerationRow, image_id: int | None) -> int:
    assert image_id is not None
    with database.read() as connection:
        return len(faces_of(connection, generation.id, [image_id]))


def test_files_are_pending_until_they_are_indexed_and_then_tell_what_came_of_them(
    database: Database, settings: Settings, worker: Worker, inbox: Path
) -> None:
    names = ["ann.png", "pair.png", "nobody.png", "text.png", "none.png"]
    assert inbox.is_dir()
    assert statuses(database, settings, *names) == [*[PENDING] * 4, UNKNOWN]
    work(worker)
    found = look(database, settings, *names)
    assert [known.name for known in found] == names
    assert [known.status for known in found] == [COUNTED, COUNTED, COUNTED, FAILED, UNKNOWN]
    assert [known.reason is not None for known in found] == [False, False, False, True, False]
    counts = [face_count(database, worker.generation, known.image_id) for known in found[:3]]
    assert counts == [1, 2, 0]


def test_what_is_asked_for_is_read_before_everything_else(
    database: Database, settings: Settings, inbox: Path
) -> None:
    Scanner(database, settings.resolve_roots(), 0.0).scan()
    save_picture(inbox / "new.png", 4)
    assert statuses(database, settings, "pair.png", "new.png") == [PENDING, PENDING]
    with database.write() as connection:
        first = queue.claim(connection, 2, time.time())
    assert {os.path.basename(claim.path) for claim in first} == {"pair.png", "new.png"}


def test_a_file_that_changed_is_pending_until_it_is_read_again(
    database: Database, settings: Settings, worker: Worker, inbox: Path
) -> None:
    look(database, settings, "ann.png")
    work(worker)
    [before] = look(database, settings, "ann.png")
    save_picture(inbox / "ann.png", 1, 2)
    assert statuses(database, settings, "ann.png") == [PENDING]
    work(worker)
    [after] = look(database, settings, "ann.png")
    assert after.status is COUNTED
    assert after.image_id != before.image_id
    (inbox / "ann.png").unlink()
    assert statuses(database, settings, "ann.png") == [UNKNOWN]


def test_a_failed_file_is_read_again_when_it_changes(
    database: Database, settings: Settings, worker: Worker, inbox: Path
) -> None:
    look(database, settings, "text.png")
    work(worker)
    assert statuses(database, settings, "text.png") == [FAILED]
    save_picture(inbox / "text.png", 5)
    assert statuses(database, settings, "text.png") == [PENDING]
    work(worker)
    assert statuses(database, settings, "text.png") == [COUNTED]


def test_a_file_that_is_still_being_written_is_left_to_settle(
    database: Database, settings: Settings, inbox: Path
) -> None:
    assert inbox.is_dir()
    slow = settings.model_copy(update={"settle_seconds": 60.0})
    before = time.time()
    assert statuses(database, slow, "ann.png") == [PENDING]
    with database.write() as connection:
        assert queue.claim(connection, 10, before + 59) == []
        assert len(queue.claim(connection, 10, time.time() + 60)) == 1


def test_a_survey_that_finds_everything_indexed_writes_nothing(
    database: Database, settings: Settings, worker: Worker, inbox: Path
) -> None:
    assert inbox.is_dir()
    look(database, settings, "ann.png")
    work(worker)
    with database.watch_commits() as counter:
        before = counter.value()
        assert statuses(database, settings, "ann.png", "gone.png") == [COUNTED, UNKNOWN]
        assert counter.value() == before


def test_what_is_asked_for_already_is_not_wanted_again(
    database: Database, settings: Settings, inbox: Path
) -> None:
    Scanner(database, settings.resolve_roots(), 0.0).scan()
    path, roots = str(inbox / "ann.png"), settings.resolve_roots()
    _, wanted = known_files.look_up(database, roots, ["ann.png"])
    assert (wanted.stale, wanted.waiting) == ({}, {path})
    queue_wanted(database, wanted, settings.settle_seconds)
    known, wanted = known_files.look_up(database, roots, ["ann.png"])
    assert (known[0].status, bool(wanted)) == (PENDING, False)
    save_picture(inbox / "ann.png", 1, 2)
    assert list(known_files.look_up(database, roots, ["ann.png"])[1].stale) == [path]


def test_two_names_of_one_file_share_its_image(
    database: Database, settings: Settings, worker: Worker, inbox: Path
) -> None:
    names = ["ann.png", "./ann.png", str(inbox / "ann.png"), "x/../ann.png"]
    assert statuses(database, settings, *names) == [PENDING] * 4
    assert ask(database, "SELECT count(*) FROM files") == [(1,)]
    work(worker)
    assert len({known.image_id for known in look(database, settings, *names)}) == 1


def test_copies_share_an_image_without_being_read_by_the_models_again(
    database: Database, settings: Settings, generation: GenerationRow, inbox: Path
) -> None:
    models = fake_models()
    worker = Worker(database, settings, generation, models)
    (inbox / "copy.png").write_bytes((inbox / "ann.png").read_bytes())
    look(database, settings, "ann.png")
    work(worker)
    look(database, settings, "copy.png")
    work(worker)
    original, copy = look(database, settings, "ann.png", "copy.png")
    assert original.image_id == copy.image_id
    assert models.detector.images_seen == 1


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_never_read_fails_with_the_reason(
    database: Database, settings: Settings, inbox: Path, kind: str
) -> None:
    if kind == "link":
        (inbox / "odd.png").symlink_to(inbox / "ann.png")
    else:
        os.mkfifo(inbox / "odd.png")
    look(database, settings, "odd.png")
    [known] = look(database, settings, "odd.png")
    assert known.status is FAILED
    assert known.reason is not None
    assert {"link": "symbolic link", "pipe": "not a regular file"}[kind] in known.reason


def test_names_outside_the_roots_are_as_unknown_as_those_of_nothing(
    database: Database, settings: Settings, inbox: Path
) -> None:
    outside = save_picture(inbox.parent / "outside.png", 1)
    names = [str(outside), "../outside.png", "/etc/passwd", "none.png", "."]
    assert statuses(database, settings, *names) == [UNKNOWN] * 5
    assert ask(database, "SELECT count(*) FROM files") == [(0,)]


def test_files_in_a_root_that_is_no_text_are_unknown_not_an_accident(
    database: Database, settings: Settings
) -> None:
    root = Path(os.fsdecode(os.fsencode(settings.inbox) + b"/\xff"))
    root.mkdir()
    save_picture(root / "a.png", 1)
    odd = settings.model_copy(update={"inbox": root})
    assert statuses(database, odd, "a.png") == [UNKNOWN]


def test_nothing_asked_is_nothing_known(database: Database, settings: Settings) -> None:
    assert look(database, settings) == []


def test_images_that_lost_a_face_are_read_again_first(
    database: Database,
    settings: Settings,
    worker: Worker,
    inbox: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert inbox.is_dir()
    look(database, settings, "ann.png", "pair.png")
    work(worker)
    ann, pair = look(database, settings, "ann.png", "pair.png")
    assert pair.image_id is not None
    by_hand(database, "DELETE FROM faces WHERE id = (SELECT max(id) FROM faces)")
    by_hand(database, "DELETE FROM faces WHERE image_id = :id", id=pair.image_id)
    requeue_damaged(database, [pair.image_id])
    assert "coverage.faces_missing images=1" in caplog.text
    assert statuses(database, settings, "ann.png", "pair.png") == [COUNTED, PENDING]
    assert ask(database, "SELECT priority FROM files WHERE state = 'pending'") == [(1,)]
    work(worker)
    found = look(database, settings, "pair.png")[0]
    assert found.image_id == pair.image_id != ann.image_id
    assert face_count(database, worker.generation, found.image_id) == 2


def test_images_whose_files_have_changed_in_the_meantime_are_left_alone(
    database: Database, settings: Settings, worker: Worker, inbox: Path
) -> None:
    assert inbox.is_dir()
    look(database, settings, "ann.png")
    work(worker)
    [known] = look(database, settings, "ann.png")
    assert known.image_id is not None
    with database.write() as connection:
        sightings.forget(connection, str(settings.inbox), 0.0)
    requeue_damaged(database, [known.image_id])
    assert face_count(database, worker.generation, known.image_id) == 1
