"""Fixtures of ingest: a library of fake models, a watcher over it, a re-index of it."""

import pytest

from index.database import Database
from index.settings import Settings
from index.store.generations import GenerationRow
from tests.ingest.builders import Ingest


@pytest.fixture
def ingest(database: Database, settings: Settings, generation: GenerationRow) -> Ingest:
    """Ingest of the fake models into an empty library."""
    return Ingest(database, settings, generation)
