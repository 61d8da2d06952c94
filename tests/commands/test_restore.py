"""restore beside a running ingest."""

from pathlib import Path

from index.base.lock import exclusive
from tests.commands.conftest import Run


def test_nothing_is_restored_while_ingest_runs(
    run: Run, library: Path, config: Path, tmp_path: Path
) -> None:
    file = tmp_path / "monday.db"
    run("backup", file, "--config", config)
    with exclusive(library.parent / "data", "ingest"):
        refused = run("restore", file, "--config", config)
    assert (refused.code, refused.out) == (1, "")
    assert "another person-count is at work" in refused.err
