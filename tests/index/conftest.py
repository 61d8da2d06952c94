"""Fixtures of the index: a library from which photos are forgotten."""

import pytest

from index import erasure, proof
from index.database import Database
from index.settings import Settings
from index.store.generations import GenerationRow
from tests.index.erasing import Home


@pytest.fixture
def home(
    database: Database,
    settings: Settings,
    generation: GenerationRow,
    monkeypatch: pytest.MonkeyPatch,
) -> Home:
    """Three photos of four people, indexed and in a snapshot; erasures wait for nobody."""
    monkeypatch.setattr(proof, "ROUND_SECONDS", 0.05)
    monkeypatch.setattr(erasure, "WAIT_SECONDS", 0.2)
    made = Home(database, settings, generation)
    made.drop("ann.png", 1)
    made.drop("trip/pair.png", 2, 3)
    made.drop("trip/bob.png", 4)
    made.index()
    made.snapshot()
    return made
