"""The service process starts without the models: seconds sooner, and hundreds of MB smaller."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from commands.serve import _watch_command
from service.children import picture_maker

ROOT = Path(__file__).resolve().parents[2]
MODELS = ("torch", "torchvision", "facenet_pytorch", "openvino", "watchdog", "cv2", "safetensors")
SERVERS = ("tornado", "service", "cryptography")


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after *statement*."""
    program = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=60,
        text=True,
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize(
    "statement",
    [
        "import service.edge.server, service.children.ingest_keeper, service.edge.tls",
        "import person_count",
    ],
)
def test_the_service_loads_no_model(statement: str) -> None:
    found = loaded_by(statement)
    assert "index" in found
    assert found.isdisjoint(MODELS)


def test_the_index_loads_neither_side() -> None:
    everything = (
        "import index.counting.answer, index.library.known_files, index.vectors.snapshot_writer, "
        "index.library.status, index.upkeep.verify"
    )
    assert loaded_by(everything).isdisjoint({*MODELS, *SERVERS, "ingest"})


def test_ingest_loads_no_server() -> None:
    assert loaded_by("import ingest.jobs.process, ingest.jobs.reindex").isdisjoint(SERVERS)


@pytest.mark.parametrize("command", [[*picture_maker.COMMAND], [*_watch_command(None), "--help"]])
def test_children_run_nothing_that_lies_in_the_folder_they_are_started_in(
    tmp_path: Path, command: list[str]
) -> None:
    for name in ("person_count", "typer", "commands"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(99)")
    done = subprocess.run(
        command, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 0


def test_the_command_lines_help_loads_neither_side() -> None:
    statement = (
        "import person_count\ntry:\n    person_count.app(['--help'])\nexcept SystemExit:\n    pass"
    )
    assert loaded_by(statement).isdisjoint({*MODELS, *SERVERS, "ingest"})
