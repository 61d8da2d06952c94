"""status and verify of an empty library, and the status of one of fake models."""

import json
from pathlib import Path

from tests.commands.conftest import Run


def test_an_empty_library_is_well_and_has_no_model(run: Run, config: Path) -> None:
    run("migrate", "--config", config)
    status = run("status", "--config", config)
    assert (status.code, status.err) == (0, "")
    document = json.loads(status.out)
    assert set(document["files"].values()) <= {0}
    assert "model" not in document
    verified = run("verify", "--config", config)
    assert (verified.code, verified.out, verified.err) == (0, "all is well: 0 faces\n", "")


def test_the_status_has_numbers_but_no_file_names(run: Run, library: Path, config: Path) -> None:
    outcome = run("status", "--config", config)
    document = json.loads(outcome.out)
    assert document["files"]["indexed"] == 4
    assert (document["model"], document["images"], document["faces"]) == ("fake-1", 4, 5)
    assert "both" not in outcome.out
    assert str(library) not in outcome.out
