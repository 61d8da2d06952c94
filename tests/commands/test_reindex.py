"""reindex: what it says of its effect, and what it says when it is interrupted."""

import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from commands import reindex as command
from index.base.errors import ModelUnavailableError
from ingest.interfaces import Crops
from ingest.jobs import beside, reindex
from ingest.networks.models import Models
from tests.commands.conftest import Run, fill
from tests.fakes import FakeEncoder, fake_models, save_picture

pytestmark = pytest.mark.usefixtures("two_folders")
BEFORE = "5 persons in 2 folders, by fake-1\n"
SWITCHED = "6 images, 7 faces, now with dull-1\n"


class Dull(FakeEncoder):
    """Takes everybody for the same person; stops the command at the first photo, if asked to."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__("dull-1")
        self.stop = stop
        self.stops = False

    def encode(self, crops: Crops) -> NDArray[np.float32]:
        if self.stops:
            self.stop.set()
        return np.ones((len(crops), self.dim), np.float32)


@pytest.fixture
def two_folders(library: Path, config: Path) -> None:
    """Three persons in the drop folder, two in a folder of it."""
    (library / "trip").mkdir()
    save_picture(library / "trip" / "one.png", 1, seed=5)
    save_picture(library / "trip" / "four.png", 4, seed=6)
    fill(library, config.parent / "data")


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """What Ctrl-C sets."""
    event = threading.Event()
    monkeypatch.setattr(command, "stop_on_signals", lambda: event)
    return event


@pytest.fixture
def dull(stop: threading.Event, monkeypatch: pytest.MonkeyPatch) -> Dull:
    """The encoder of every re-index."""
    fake = fake_models()
    encoder = Dull(stop)
    models = Models(fake.detector, encoder, fake.decoders)
    monkeypatch.setattr(reindex, "load_models", lambda *_: models)
    return encoder


@pytest.mark.usefixtures("dull")
def test_it_says_how_many_persons_there_are_before_and_after(run: Run, config: Path) -> None:
    outcome = run("reindex", "--config", config)
    inbox = config.parent / "inbox"
    assert outcome.code == 0
    assert outcome.out == (
        f"{BEFORE}{SWITCHED}"
        "2 persons in 2 folders, by dull-1\n"
        "the count changes in 2 of 2 folders\n"
        f"  {inbox}: 3 -> 1\n"
        f"  {inbox}/trip: 2 -> 1\n"
    )


@pytest.mark.usefixtures("dull")
def test_it_says_by_which_profile_another_model_begins(run: Run, config: Path) -> None:
    run("calibrate", "--shipped", "--config", config)
    lines = run("reindex", "--config", config).out.splitlines()
    assert lines[2] == "what was calibrated for fake-1 stays with it, for when you return to it"
    assert lines[3].startswith("dull-1 begins with the profile that comes with it; to see what")


def test_a_model_that_cannot_be_loaded_is_told_before_anything_is_counted(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> Models:
        raise ModelUnavailableError("the network is not there")

    monkeypatch.setattr(reindex, "load_models", missing)
    outcome = run("reindex", "--config", config)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "person-count: the network is not there\n"


@pytest.mark.usefixtures("dull")
def test_interrupted_while_it_counts_it_has_changed_nothing(
    run: Run, config: Path, stop: threading.Event
) -> None:
    stop.set()
    outcome = run("reindex", "--config", config)
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err == f"interrupted; {command.NOT_YET}\n"
    stop.clear()
    assert run("reindex", "--config", config).out.startswith(BEFORE + SWITCHED)


def test_interrupted_before_the_switch_it_goes_on_when_started_again(
    run: Run, config: Path, dull: Dull
) -> None:
    dull.stops = True
    outcome = run("reindex", "--config", config)
    assert (outcome.code, outcome.out) == (130, BEFORE)
    assert outcome.err == f"interrupted; {command.NOT_YET}\n"
    dull.stops = False
    dull.stop.clear()
    again = run("reindex", "--config", config)
    assert again.out.startswith(BEFORE + "6 images (6 done earlier), 7 faces, now with dull-1\n")


@pytest.mark.usefixtures("dull")
def test_interrupted_after_the_switch_it_says_that_only_the_count_is_missing(
    run: Run, config: Path, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindex, "remove_retired", lambda _: stop.set())
    outcome = run("reindex", "--config", config)
    assert (outcome.code, outcome.out) == (130, BEFORE + SWITCHED)
    assert outcome.err == f"interrupted; {command.SWITCHED}\n"


# --- a second model beside -----------------------------------------------------------------------


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch, dull: Dull) -> Dull:
    """The encoder of every second model."""
    models = Models(fake_models().detector, dull, fake_models().decoders)
    monkeypatch.setattr(beside, "load_models", lambda *_: models)
    return dull


@pytest.mark.usefixtures("second")
def test_a_second_model_is_indexed_beside_and_removed_again(run: Run, config: Path) -> None:
    outcome = run("reindex", "--beside", "--model", "dull", "--config", config)
    assert (outcome.code, outcome.out) == (0, "6 images, 7 faces, now also with dull-1\n")
    assert '"second_opinion"' in run("status", "--config", config).out
    removed = run("reindex", "--no-beside", "--config", config)
    assert (removed.code, removed.out) == (0, "removed the faces of dull-1\n")
    again = run("reindex", "--no-beside", "--config", config)
    assert (again.code, again.out) == (0, "there is no second model\n")


def test_interrupted_beside_it_says_that_answers_stay(
    run: Run, config: Path, second: Dull, stop: threading.Event
) -> None:
    stop.set()
    assert second.model_id == "dull-1"
    outcome = run("reindex", "--beside", "--model", "dull", "--config", config)
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err == "interrupted; start it again to go on; answers are as before\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--beside"], "name the second model"),
        (["--beside", "--missing-only"], "exclude each other"),
    ],
)
def test_a_second_model_that_makes_no_sense_is_refused(
    run: Run, config: Path, words: list[str], said: str
) -> None:
    outcome = run("reindex", *words, "--config", config)
    assert outcome.code == 1
    assert said in outcome.err
