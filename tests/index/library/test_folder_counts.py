"""How many persons are in a sample of folders, by the model in use."""

from dataclasses import replace

import pytest

from index.base.settings import FaceChoice, Settings
from index.database.engine import Database
from index.database.queries import generations
from index.library import folder_counts as module
from index.library.folder_counts import count_in_folders, sample_folders
from index.vectors.space import Scatter
from tests.ingest.builders import Ingest
from tests.spaces import UNMEASURED


def no_progress(done: int, total: int) -> None:
    """Nobody looks."""


@pytest.fixture
def ingest(database: Database, settings: Settings, generation: object) -> Ingest:
    """Three folders of photos of painted people."""
    made = Ingest(database, settings, generation)  # type: ignore[arg-type]  # it is one
    for folder, people in (("a", (1, 2)), ("b", (3,)), ("a/deep", (1, 1, 4))):
        (settings.inbox / folder).mkdir(parents=True, exist_ok=True)
        for number, person in enumerate(people):
            made.drop(f"{folder}/{number}.png", person, seed=number)
    made.drop("nobody.png")
    made.index()
    return made


def test_each_folders_own_photos_are_counted(ingest: Ingest, settings: Settings) -> None:
    folders = sample_folders(ingest.database)
    told: list[tuple[int, int]] = []
    progress = lambda *said: told.append(said)  # noqa: E731
    found = count_in_folders(ingest.database, settings, folders, progress)
    assert found is not None
    assert told == [(done, 4) for done in range(5)]
    inbox = str(settings.inbox)
    assert found.persons == {inbox: 0, f"{inbox}/a": 2, f"{inbox}/a/deep": 2, f"{inbox}/b": 1}
    assert (found.total, found.model_id) == (5, "fake-1")


def test_no_more_folders_and_photos_are_looked_at_than_it_takes(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_FOLDERS", 3)
    monkeypatch.setattr(module, "MOST_PHOTOS", 2)
    found = sample_folders(ingest.database)
    assert max(map(len, found.values())) == 2
    assert len(found) == 3
    assert sample_folders(ingest.database) == found


def test_it_counts_as_answers_do(ingest: Ingest, settings: Settings) -> None:
    """By the profile of the library and the settings' choice of faces."""
    ingest.drop("a/pair.png", 5, 6)
    ingest.index()
    folders = sample_folders(ingest.database)
    one = settings.model_copy(update={"counted_faces": FaceChoice.ONE})
    by_choice = [
        count_in_folders(ingest.database, way, folders, no_progress) for way in (settings, one)
    ]
    assert [found.persons[f"{settings.inbox}/a"] for found in by_choice if found] == [4, 3]
    eager = replace(UNMEASURED, operating_distance=1.9, scatter=Scatter(0.5, 1.0))
    with ingest.database.write() as connection:
        generations.set_profile(connection, ingest.generation.id, eager.to_json())
    found = count_in_folders(ingest.database, one, folders, no_progress)
    assert found is not None
    assert set(found.persons.values()) == {0, 1}


def test_a_damaged_folder_is_left_out(ingest: Ingest, settings: Settings) -> None:
    with ingest.database.write() as connection:
        connection.exec_driver_sql("UPDATE faces SET crc32 = crc32 + 1 WHERE id = 1")
    found = count_in_folders(
        ingest.database, settings, sample_folders(ingest.database), no_progress
    )
    assert found is not None
    assert len(found.persons) == 3


def test_an_empty_library_has_none(database: Database, settings: Settings) -> None:
    assert sample_folders(database) == {}
    assert count_in_folders(database, settings, {}, no_progress) is None
