"""migrate on a new database and on one that is up to date."""

from pathlib import Path

from tests.commands.conftest import Run


def test_migrate_makes_a_database_and_then_has_nothing_to_do(run: Run, config: Path) -> None:
    path = config.parent / "data" / "person_count.db"
    first = run("migrate", "--config", config)
    assert (first.code, first.err) == (0, "")
    assert first.out.startswith(f"{path}: revision none -> ")
    assert path.stat().st_mode & 0o077 == 0
    head = first.out.split()[-1]
    before = path.read_bytes()
    assert run("migrate", "--config", config).out == f"{path}: revision {head} -> {head}\n"
    assert path.read_bytes() == before
