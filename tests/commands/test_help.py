import subprocess
import sys
from importlib import metadata
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from person_count import app

COMMANDS = (
    "serve",
    "watch",
    "work",
    "scan",
    "ingest",
    "count",
    "reindex",
    "status",
    "verify",
    "removals",
    "evaluate",
    "calibrate",
    "migrate",
    "move-database",
)


def leaves(group: Any, *path: str) -> dict[str, Any]:
    """Every command for people by the words that call it, those of groups too."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        words = (*path, name)
        if hasattr(command, "commands"):
            found |= leaves(command, *words)
        elif not command.hidden:
            found[" ".join(words)] = command
    return found


KNOWN = leaves(typer.main.get_command(app))


def test_the_commands_are_those_that_are_promised() -> None:
    assert set(COMMANDS) <= set(KNOWN)


@pytest.mark.parametrize("command", sorted(KNOWN))
def test_every_command_has_help_with_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert f"Example: person-count {command}" in " ".join(result.stdout.split())
    assert "--config" in result.stdout


@pytest.mark.parametrize("command", sorted(KNOWN))
def test_every_option_is_explained(command: str) -> None:
    for parameter in KNOWN[command].params:
        if not getattr(parameter, "hidden", False) and parameter.name != "help":
            assert parameter.help, f"{command} {parameter.name}"


@pytest.mark.parametrize("command", sorted(KNOWN))
def test_the_example_of_a_command_uses_options_that_it_has(command: str) -> None:
    example = KNOWN[command].help.partition("Example:")[2].split()
    options = {text for parameter in KNOWN[command].params for text in parameter.opts}
    assert " ".join(example).startswith(f"person-count {command}")
    assert {word for word in example if word.startswith("--")} <= options


def test_without_a_command_the_help_is_shown() -> None:
    result = CliRunner().invoke(app, [])
    assert "Usage:" in result.output
    for command in COMMANDS:
        assert command in result.output


@pytest.mark.parametrize("group", [[], ["token"]], ids=["all", "token"])
def test_no_summary_of_a_command_is_cut_off(group: list[str]) -> None:
    assert "..." not in CliRunner().invoke(app, [*group, "--help"]).stdout.replace("[ARGS]...", "")


def test_an_unknown_command_is_a_usage_error() -> None:
    result = CliRunner().invoke(app, ["cuont"])
    assert result.exit_code == 2
    assert "Traceback" not in result.output


@pytest.mark.parametrize("asked", ["--version", "--help", "evaluate --help"])
def test_version_and_help_import_nothing_that_takes_long(asked: str) -> None:
    """A command imports what it works with when it runs: all of it takes seconds."""
    heavy = {"torch", "openvino", "facenet_pytorch", "tornado", "matplotlib", "numpy", "scipy"}
    heavy |= {"faiss", "numba", "sqlalchemy", "alembic", "pydantic_settings", "rich"}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "person_count", *asked.split()],
        capture_output=True, check=True, text=True, timeout=60,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in imported
    assert heavy & imported == set()


def test_the_version_is_told() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout == f"person-count {metadata.version('person-count')}\n"
