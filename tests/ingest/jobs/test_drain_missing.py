"""--missing-only: what was never seen, failed, is damaged or gone is caught up with."""

import os
from pathlib import Path

from sqlalchemy import delete, update

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries.generations import GenerationRow
from index.database.schema import Face
from index.upkeep.verify import verify
from ingest.jobs.drain import Summary
from tests.fakes import fake_models, picture, save_picture
from tests.ingest.builders import Ingest
from tests.ingest.draining import Draining


def test_files_that_were_never_seen_are_caught_up_with(draining: Draining) -> None:
    draining.ingest.drop("a.png", 1)
    draining.ingest.drop("in/b.png", 2)
    assert draining.catch_up().indexed == 2
    assert draining.catch_up() == Summary()
    draining.ingest.check()


def test_failed_files_are_tried_once_more(
    draining: Draining, database: Database, settings: Settings, generation: GenerationRow
) -> None:
    """The limits were raised, or a new version reads what the old one could not."""
    strict = settings.model_copy(update={"max_megapixels": 1})
    picture(1).resize((3000, 1500)).save(draining.inbox / "large.bmp")
    (draining.inbox / "bad.jpg").write_text("no image")
    before = Ingest(database, strict, generation)
    before.index()
    assert before.states() == {"large.bmp": "failed", "bad.jpg": "failed"}
    summary = draining.catch_up()
    assert summary.indexed + summary.no_face == 1
    assert [Path(path).name for path, _ in summary.failed] == ["bad.jpg"]
    assert "it is a text" in draining.ingest.reason("bad.jpg")
    draining.ingest.check()


def test_what_is_refused_unread_keeps_its_reason(draining: Draining) -> None:
    ingest, inbox = draining.ingest, draining.inbox
    os.mkfifo(inbox / "pipe.png")
    (inbox / "link.png").symlink_to("/etc/passwd")
    save_picture(inbox / "x.png", 1).rename(inbox / os.fsdecode(b"caf\xe9.png"))
    ingest.index()
    before = {name: row.error for name, row in ingest.rows().items()}
    assert len(before) == 3
    draining.catch_up()
    assert {name: row.error for name, row in ingest.rows().items()} == before


def test_damaged_rows_are_made_again(draining: Draining) -> None:
    ingest = draining.ingest
    for number in range(4):
        ingest.drop(f"{number}.png", number)
    ingest.index()
    with ingest.database.write() as connection:
        connection.execute(delete(Face).where(Face.id == 1))
        connection.execute(update(Face).where(Face.id == 2).values(embedding=b"\x01" * 2048))
    assert len(verify(ingest.database).problems) >= 2
    assert draining.catch_up().indexed == 2
    assert verify(ingest.database).problems == []
    assert ingest.persons(*ingest.rows()) == 4


def test_files_that_are_gone_are_forgotten(draining: Draining) -> None:
    path = draining.ingest.drop("a.png", 1)
    draining.ingest.index()
    path.unlink()
    assert draining.catch_up() == Summary()
    assert draining.ingest.rows() == {}


def test_the_models_are_those_of_the_library(draining: Draining) -> None:
    assert fake_models().encoder.model_id == draining.ingest.active().model_id
    draining.ingest.drop("a.png", 1)
    draining.catch_up()
    assert draining.ingest.images_seen == 1
