"""Fixtures of the index: a generation of small vectors, and a library to forget photos from."""

from pathlib import Path

import pytest

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries.generations import GenerationRow
from index.upkeep import erasure, erasure_proof
from index.vectors import chunks
from index.vectors.snapshot_writer import write_snapshot
from tests.index.builders import SPACE, image, index_file, small_generation
from tests.index.erasing import Home


@pytest.fixture
def small(database: Database) -> GenerationRow:
    """An empty generation of vectors of builders.DIM numbers."""
    return small_generation(database)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots of a few faces have several chunks."""
    monkeypatch.setattr(chunks, "CHUNK_FACES", 4)


@pytest.fixture
def home(
    database: Database,
    settings: Settings,
    generation: GenerationRow,
    monkeypatch: pytest.MonkeyPatch,
) -> Home:
    """Three photos of four people, indexed and in a snapshot; erasures wait for nobody."""
    monkeypatch.setattr(erasure_proof, "ROUND_SECONDS", 0.05)
    monkeypatch.setattr(erasure, "WAIT_SECONDS", 0.2)
    made = Home(database, settings, generation)
    made.drop("ann.png", 1)
    made.drop("trip/pair.png", 2, 3)
    made.drop("trip/bob.png", 4)
    made.index()
    made.snapshot()
    return made


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where a backup goes: a folder that exists."""
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "monday.db"


@pytest.fixture
def snapshotted(database: Database) -> GenerationRow:
    """Three photos with two faces each, in a snapshot."""
    made = small_generation(database)
    for number in range(3):
        index_file(database, made.id, f"/{number}", image(str(number), 2))
    write_snapshot(database, made.id, SPACE, 1.0)
    return made
