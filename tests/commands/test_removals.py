"""removals: missing files that are held, listed and accepted."""

from pathlib import Path

from tests.commands.conftest import Run, fill, states


def test_held_removals_are_listed_and_accepted(run: Run, library: Path, config: Path) -> None:
    nothing = run("removals", "--config", config)
    assert (nothing.code, nothing.out) == (0, "no removals are held\n")
    library.rename(library.with_name("away"))
    database = library.parent / "data"
    fill(library, database)
    held = run("removals", "--config", config)
    assert held.code == 0
    assert held.out == f"{library}: 4 files are missing: the folder is missing\n"
    assert len(states(config)) == 4
    accepted = run("removals", "--accept", "--config", config)
    assert accepted.code == 0
    assert "serve or watch removes 4 files" in accepted.out
    fill(library, database)
    assert states(config) == {}
    assert run("removals", "--config", config).out == "no removals are held\n"
