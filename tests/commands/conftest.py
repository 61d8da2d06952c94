"""The command line in this process, and libraries made by fake models, so that most need none."""

import json
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import person_count
from commands import calibrate, evaluate
from index.base.settings import Settings
from index.database.engine import Database
from index.database.migration import migrate
from index.database.queries import generations
from index.database.queries.files import rows_of, signatures_below
from ingest.jobs.worker import Worker
from ingest.watching.scan import Scanner
from tests.fakes import fake_models, save_picture
from tests.index.builders import fake_generation


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Commands configure signals and logging of the process; tests must not see it."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run `person-count …` by main() in this process; file descriptors are looked at, too."""

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["person-count", *map(str, arguments)])
        monkeypatch.setattr("signal.signal", lambda *_: None)
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            person_count.main()
        captured = capfd.readouterr()
        code = left.value.code
        return Outcome(code if isinstance(code, int) else 0, captured.out, captured.err)

    return call


def write_config(folder: Path, **more: object) -> Path:
    """A configuration whose folders lie in *folder*."""
    chosen = {
        "inbox": str(folder / "inbox"),
        "data": str(folder / "data"),
        "settle_seconds": 0.0,
        "port": 0,
    }
    path = folder / "person-count.yaml"
    lines = [f"{name}: {json.dumps(value)}\n" for name, value in (chosen | more).items()]
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return write_config(tmp_path)


def fill(inbox: Path, data: Path) -> None:
    """Index everything in *inbox* by fake models into a library in *data*."""
    settings = Settings(inbox=inbox.resolve(), data=data, settle_seconds=0.0)
    migrate(settings.database_path)
    with Database(settings.database_path) as database:
        with database.write() as connection:
            generation = generations.active(connection) or fake_generation(
                connection,
                model="facenet",  # what the settings say, so that nothing warns
            )
        Scanner(database, settings.resolve_roots(), 0.0).scan()
        worker = Worker(database, settings, generation, fake_models())
        while worker.step():
            pass


@pytest.fixture
def library(config: Path) -> Path:
    """Three people on four photos, indexed by fake models. Returns the drop folder."""
    inbox = config.parent / "inbox"
    save_picture(inbox / "one.png", 1)
    save_picture(inbox / "two.png", 2, seed=1)
    save_picture(inbox / "both.png", 1, 2, seed=2)
    save_picture(inbox / "third.png", 3, seed=3)
    fill(inbox, config.parent / "data")
    return inbox


@pytest.fixture
def people(config: Path) -> Path:
    """Four photos of each of six people in folders named by them, indexed for evaluate."""
    folder = config.parent / "people"
    for person in range(6):
        (folder / f"person {person}").mkdir(parents=True)
        for photo in range(4):
            path = folder / f"person {person}" / f"{person}-{photo}.png"
            save_picture(path, person, seed=100 * person + photo)
    fill(folder, config.parent / "data" / "evaluation")
    return folder


@pytest.fixture
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake photos show six people, the library three; too few are tested by themselves.

    And few draws are enough where nothing is measured by them.
    """
    monkeypatch.setattr(evaluate, "DRAWS", 3)
    monkeypatch.setattr(calibrate, "MIN_PEOPLE", 3)
    monkeypatch.setattr(calibrate, "MIN_FACES", 5)


def profile_in_use(config: Path) -> str:
    with (
        Database(config.parent / "data" / "person_count.db") as database,
        database.read() as connection,
    ):
        generation = generations.active(connection)
    assert generation is not None
    return generation.profile


def states(config: Path) -> dict[str, str]:
    """The states of the files in the drop folder, by name."""
    inbox = config.parent / "inbox"
    path = config.parent / "data" / "person_count.db"
    with Database(path) as database, database.read() as connection:
        paths = list(signatures_below(connection, str(inbox)))
        rows = rows_of(connection, paths)
    return {Path(path).name: row.state.value for path, row in rows.items()}


def report(run: Run, *arguments: object) -> dict[str, object]:
    outcome = run("evaluate", *arguments, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    return dict(json.loads(outcome.out))
