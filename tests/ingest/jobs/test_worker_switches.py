"""A worker whose library is switched to another generation."""

import numpy as np
import pytest

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import generations
from index.database.queries.generations import GenerationRow
from index.database.states import GenerationState
from ingest.jobs import worker as module
from ingest.networks.models import Models
from tests.fakes import expected_vector, fake_models
from tests.index.builders import faces_by_generation, fake_generation
from tests.ingest.builders import Ingest, ingest_that


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
