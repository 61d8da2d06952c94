"""status and verify of an empty library, and the status of one of fake models."""

import json
from pathlib import Path

from commands.process_table import process_table
from index.base.settings import load_settings
from index.database.engine import Database
from index.database.presence import Presence
from index.database.states import ProcessKind, ProcessState
from tests.commands.conftest import Run
from tests.index.builders import by_hand


def test_an_empty_library_is_well_and_has_no_model(run: Run, config: Path) -> None:
    run("migrate", "--config", config)
    status = run("status", "--config", config)
    assert (status.code, status.err) == (0, "")
    document = json.loads(status.out)
    assert set(document["files"].values()) <= {0}
    assert (document["processes"], document["watched"]) == ([], False)
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


def test_processes_are_a_table_for_people_beside_the_json_for_programs(
    run: Run, library: Path, config: Path
) -> None:
    settings = load_settings(config)
    with (
        Database(settings.database_address) as database,
        Presence(database, library, ProcessKind.SERVE_ONLY, ProcessState.ANSWERS),
        Presence(database, library, ProcessKind.WATCH, ProcessState.WATCHES) as watch,
    ):
        by_hand(
            database,
            "UPDATE processes SET machine = 'box', version = '1.0', files = 1234, "
            "faces = 2345 WHERE kind = 'watch'",
        )
        outcome = run("status", "--config", config)
        document = json.loads(outcome.out)
        assert document["watched"] is True
        assert [one["kind"] for one in document["processes"]] == ["watch", "serve --no-ingest"]
        assert "watches the folders" in outcome.err
        assert "1,234  2,345  1.0" in outcome.err
        assert "no process watches" not in outcome.err
        by_hand(
            database, "UPDATE processes SET seen = seen - 100 WHERE name = :name", name=watch.name
        )
        lost = run("status", "--config", config)
    assert json.loads(lost.out)["watched"] is False
    assert "is lost" in lost.err
    assert lost.err.endswith(
        "no process watches the folders: start person-count serve, watch or scan\n"
    )


def test_words_of_another_version_are_printed_as_they_are() -> None:
    process = {"machine": "box", "kind": "dream", "state": "sleeps_well", "lost": False}
    process |= {"seen_seconds_ago": 7_200.4, "files": 0, "faces": 0, "version": "99.0"}
    words = process_table([process])[1].split()
    assert words == ["box", "dream", "sleeps", "well", "2", "h", "ago", "0", "0", "99.0"]
