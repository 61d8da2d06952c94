"""Ingest compares the library with the profile in use, now and then."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from index.base.settings import Settings
from index.database.engine import Database
from index.database.migration import migrate
from index.database.queries import generations
from index.vectors.space import Profile, shipped_profile
from ingest.jobs.fit_watch import FitWatch
from ingest.jobs.worker import Worker
from ingest.watching.scan import Scanner
from tests.fakes import fake_models, save_picture
from tests.index.builders import fake_generation


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A library of 24 people, five of them on each of 24 photos, with FaceNet's profile."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for photo in range(24):
        together = [(photo + step) % 24 for step in (0, 3, 7, 12, 18)]
        save_picture(inbox / f"{photo}.png", *together, seed=photo)
    settings = Settings(inbox=inbox.resolve(), data=tmp_path / "data", settle_seconds=0.0)
    migrate(settings.database_path)
    with Database(settings.database_path) as made:
        with made.write() as connection:
            generation = fake_generation(connection)
        use(made, shipped_profile("facenet", 512))
        Scanner(made, settings.resolve_roots(), 0.0).scan()
        worker = Worker(made, settings, generation, fake_models())
        while worker.step():
            pass
        yield made


def use(database: Database, profile: Profile) -> None:
    with database.write() as connection:
        active = generations.active(connection)
        assert active is not None
        generations.set_profile(connection, active.id, profile.to_json())


def test_the_library_is_compared_once_and_again_for_another_profile(database: Database) -> None:
    watch = FitWatch(database)
    watch.look_if_due()
    first = watch.found
    assert first is not None
    shipped = shipped_profile("facenet", 512)
    assert (first["faces"], first["people"], first["version"]) == (120, 24, shipped.version)
    assert float(str(first["departure"])) > 1.2  # their colours are nothing like faces
    watch.look_if_due()
    assert watch.found is first
    other = replace(shipped, operating_distance=0.5)
    use(database, other)
    watch.look_if_due()
    assert watch.found is not None
    assert watch.found["version"] == other.version


def test_of_a_profile_that_was_never_measured_nothing_is_said(database: Database) -> None:
    watch = FitWatch(database)
    watch.look_if_due()
    use(database, Profile(shipped_profile("facenet", 512).centre, 0.5))
    watch.look_if_due()
    assert watch.found is None


def test_an_empty_database_has_nothing_to_compare(tmp_path: Path) -> None:
    migrate(tmp_path / "empty.db")
    with Database(tmp_path / "empty.db") as database:
        watch = FitWatch(database)
        watch.look_if_due()
        assert watch.found is None
