"""verify over a library of fake models, sound and damaged."""

from pathlib import Path

from index.database.engine import Database
from tests.commands.conftest import Run
from tests.index.builders import flip_byte


def test_a_sound_library_is_verified(run: Run, library: Path, config: Path) -> None:
    assert library.is_dir()
    assert run("verify", "--config", config).out == "all is well: 5 faces\n"


def test_a_damaged_library_is_named_with_its_cure(run: Run, library: Path, config: Path) -> None:
    assert library.is_dir()
    with Database(config.parent / "data" / "person_count.db") as database:
        flip_byte(database, "faces", "embedding", 1, 0)
    outcome = run("verify", "--config", config)
    assert (outcome.code, outcome.out) == (1, "")
    lines = outcome.err.splitlines()
    assert "wrong: the vector of face 1 does not match its checksum" in lines
    assert lines[-1] == "cure: person-count reindex --missing-only"
    assert all(line.startswith("wrong: ") for line in lines[:-1])
