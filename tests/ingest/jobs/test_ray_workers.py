"""Workers on a real Ray: each file once, whatever becomes of an actor."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import write_config
from tests.index.builders import ask
from tests.ingest.builders import Ingest
from tests.ingest.ray_loop import OPEN
from tests.ray_head import Head, need_ray, ray_head
from tests.waiting import wait_until

PROJECT = Path(__file__).resolve().parents[3]
FILES, BATCH, WORKERS = 12, 2, 2

pytestmark = [pytest.mark.processes, pytest.mark.engines("postgres")]


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    with ray_head(WORKERS) as made:
        yield made


@pytest.fixture
def full(ingest: Ingest) -> Ingest:
    """A library on a server, with files that wait."""
    for number in range(FILES):
        ingest.drop(f"{number}.png", number)
    ingest.scanner.scan()
    return ingest


class Launched:
    """`person-count work --ray …` with fake models, and what it has logged."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        self.gate, self._said = folder / "gate", folder / "stderr"

    def at_work(self) -> list[int]:
        """The processes of the workers that have had a photo in hand."""
        return [int(path.name) for path in self.gate.iterdir() if path.name != OPEN]

    def events(self, name: str) -> list[dict[str, Any]]:
        """What the command itself has logged; Ray writes something before the workers' lines."""
        lines = self._said.read_text().splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [line for line in found if line["event"] == name]

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Fail at once if the command ends before."""
        wait_until(lambda: condition() or self.process.poll() is not None, what)
        assert self.process.poll() is None, self.text()

    def text(self) -> str:
        return self._said.read_text()


@contextmanager
def launched(full: Ingest, address: str, environment: dict[str, str]) -> Iterator[Launched]:
    folder = full.settings.data.parent
    (folder / "gate").mkdir()
    url = full.settings.database_url
    assert url is not None
    config = write_config(
        folder, database_url=url.get_secret_value(), batch_files=BATCH, batch_wait_seconds=0.0
    )
    command = [sys.executable, "-m", "tests.ingest.ray_loop", str(folder / "gate"), "work"]
    command += ["--ray", address, "--workers", str(WORKERS), "--config", str(config)]
    with (
        (folder / "stderr").open("wb") as said,
        subprocess.Popen(
            command, cwd=PROJECT, stderr=said, stdout=said, env=os.environ | environment
        ) as process,
    ):
        try:
            yield Launched(process, folder)
        finally:
            process.kill()


def check(full: Ingest) -> None:
    """Every file is indexed, every image is there once, and nothing is in hand."""
    assert ask(full.database, "SELECT state, count(*) FROM files GROUP BY 1") == [
        ("indexed", FILES)
    ]
    assert ask(full.database, "SELECT count(*), count(DISTINCT image_id) FROM faces") == [
        (FILES, FILES)
    ]
    full.check()


@pytest.mark.timeout(180)
def test_the_files_of_a_killed_actor_are_read_and_the_actor_comes_back(
    full: Ingest, head: Head
) -> None:
    with launched(full, head.address, head.environment) as command:
        command.wait_until(lambda: len(command.at_work()) == WORKERS, "both have photos in hand")
        killed = command.at_work()[0]
        os.kill(killed, signal.SIGKILL)
        command.wait_until(
            lambda: len(command.at_work()) == WORKERS + 1, "it is back, with photos in hand"
        )
        (command.gate / OPEN).touch()
        command.wait_until(lambda: set(full.states().values()) == {"indexed"}, "all files are read")
        command.process.send_signal(signal.SIGTERM)
        assert command.process.wait(60) == 0, command.text()
    (number,) = [one["worker"] for one in command.events("ray.worker_lost")]
    runs = [one["process"] for one in command.events("ray.worker_runs") if one["worker"] == number]
    assert runs[0] == killed
    assert len(runs) == 2
    assert len(command.events("ray.stopped")) == 1
    check(full)


@pytest.mark.timeout(180)
def test_a_ray_of_its_own_ends_with_the_command_and_what_is_in_hand_is_finished(
    full: Ingest,
) -> None:
    need_ray()
    with launched(full, "local", {}) as command:
        command.wait_until(lambda: len(command.at_work()) == WORKERS, "both have photos in hand")
        workers = command.at_work()
        command.process.send_signal(signal.SIGINT)
        (command.gate / OPEN).touch()
        assert command.process.wait(60) == 0, command.text()
    states = ask(full.database, "SELECT state, count(*) FROM files GROUP BY 1 ORDER BY 1")
    assert states[0] >= ("indexed", WORKERS * BATCH)
    in_hand = "SELECT count(*) FROM files WHERE state = 'pending' AND ready_at IS NULL"
    assert ask(full.database, in_hand) == [(0,)]
    for faces, images in ask(full.database, "SELECT count(*), count(DISTINCT image_id) FROM faces"):
        assert faces == images == states[0][1]
    wait_until(lambda: not any(map(is_alive, workers)), "Ray has ended")


def is_alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()
