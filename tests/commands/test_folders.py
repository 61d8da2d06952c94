"""Folders and disks that cannot be used, and Ctrl-C before anything has begun."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.conftest import Run, write_config
from tests.commands.test_errors import assert_one_line


@pytest.fixture
def blocked(config: Path) -> Path:
    """A configuration whose data folder cannot be made: a file is in its way."""
    (config.parent / "file").write_text("no folder")
    return write_config(config.parent, data=str(config.parent / "file" / "data"))


def test_a_data_folder_that_cannot_be_made_is_named(run: Run, blocked: Path) -> None:
    assert_one_line(run("migrate", "--config", blocked), "Not a directory", "/file/data")


def test_serve_says_so_too(run: Run, blocked: Path) -> None:
    outcome = run("serve", "--port", 0, "--no-ingest", "--config", blocked)
    assert_one_line(outcome, "setting data", "/file is no folder")


def test_a_drop_folder_that_cannot_be_made_is_named(run: Run, library: Path, config: Path) -> None:
    inbox = library / "one.png" / "photos"
    write_config(config.parent, inbox=str(inbox))
    assert_one_line(run("watch", "--config", config), "Not a directory", str(inbox))
    outcome = run("serve", "--port", 0, "--no-ingest", "--config", config)
    assert_one_line(outcome, "setting inbox", f"{inbox.parent} is no folder")


def test_a_restore_into_a_folder_that_cannot_be_made_is_named(
    run: Run, library: Path, blocked: Path
) -> None:
    outcome = run("restore", library.parent / "data" / "person_count.db", "--config", blocked)
    assert_one_line(outcome, "cannot be written: Not a directory", "/file/data")


def test_a_photos_folder_that_holds_the_data_folder_is_not_evaluated(
    run: Run, library: Path, config: Path
) -> None:
    outcome = run("evaluate", library.parent, "--config", config)
    assert_one_line(outcome, "data", "is watched for photos")


@pytest.mark.usefixtures("library")
def test_output_that_finds_no_room_is_a_failure_in_one_line(config: Path) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "person_count", "status", "--config", str(config)],
            stdout=full, stderr=subprocess.PIPE, check=False, text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "person-count: No space left on device\n"


def test_an_interruption_while_modules_are_imported_is_silent() -> None:
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "person_count", "status"],
        stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stderr is not None
        said = []
        for line in child.stderr:
            said.append(line)
            if line.endswith(" typer\n"):  # one of the first of many
                child.send_signal(signal.SIGINT)
    assert child.returncode == -signal.SIGINT
    assert "Traceback" not in "".join(said)
