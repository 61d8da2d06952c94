"""evaluate over photos embedded by fake models: no networks needed."""

import json
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commands import calibrate, evaluate
from index.base.choices import Linkage
from index.database.engine import Database
from index.evaluation import measures
from index.evaluation.measures import SIZES, LabelledFaces, halves
from tests.commands.conftest import Run, fill, profile_in_use, report, write_config
from tests.fakes import save_picture
from tests.index.builders import by_hand

pytestmark = pytest.mark.usefixtures("few_are_enough")


@pytest.mark.parametrize("linkage", Linkage)
def test_the_same_evaluation_prints_the_same_bytes_twice(
    run: Run, people: Path, config: Path, linkage: Linkage
) -> None:
    ask = ("evaluate", people, "--linkage", linkage, "--json", "--config", config)
    first, second = run(*ask), run(*ask)
    assert (first.code, first.err) == (0, "")
    assert first.out == second.out
    document = json.loads(first.out)
    assert (document["model"], document["linkage"]) == ("fake-1", linkage)
    assert (document["people"], document["faces"]) == (6, 24)
    assert [(size["persons"], size["photos"]) for size in document["sizes"]] == list(
        map(tuple, SIZES)
    )
    assert {size["at_threshold"]["exact"] for size in document["sizes"]} == {1.0}


def test_an_evaluation_measures_the_settings_and_options_given(
    run: Run, people: Path, config: Path
) -> None:
    write_config(config.parent, linkage="average")
    asked = ("--threshold", "0.3", "--split", "B")
    document = report(run, people, *asked, "--config", config)
    assert (document["linkage"], document["threshold"]) == ("average", 0.3)
    assert (document["split"], document["people"], document["faces"]) == ("B", 3, 12)
    assert {size["draws"] for size in document["sizes"]} == {3}


def test_the_halves_share_nobody(run: Run, people: Path, config: Path) -> None:
    faces = [
        report(run, people, "--split", split, "--config", config)["faces"]
        for split in ("A", "B", "all")
    ]
    assert faces == [12, 12, 24]
    first, second = halves([f"person {number}" for number in range(6)], 0)
    assert (len(first), len(second)) == (3, 3)


def test_photos_can_be_left_out_by_name(run: Run, people: Path, config: Path) -> None:
    without = ("--without", "0-1.png", "--without", "0-0.png")
    document = report(run, people, *without, "--config", config)
    assert (document["faces"], document["photos_left_out"]) == (22, ["0-0.png", "0-1.png"])


def test_photos_without_a_face_are_counted_as_such(run: Run, people: Path, config: Path) -> None:
    save_picture(people / "person 0" / "empty.png")
    fill(people, config.parent / "data" / "evaluation")
    document = report(run, people, "--config", config)
    assert (document["faceless"], document["faces"]) == (1, 24)


def test_a_photo_beside_the_folders_belongs_to_nobody(run: Run, people: Path, config: Path) -> None:
    save_picture(people / "stray.png", 5, seed=77)
    fill(people, config.parent / "data" / "evaluation")
    assert report(run, people, "--config", config)["faces"] == 24


def test_an_evaluation_leaves_the_library_alone(
    run: Run, library: Path, people: Path, config: Path
) -> None:
    before = run("status", "--config", config).out
    report(run, people, "--config", config)
    assert run("status", "--config", config).out == before
    assert library.is_dir()


def test_an_evaluation_for_people_is_a_table_of_every_size(
    run: Run, people: Path, config: Path
) -> None:
    outcome = run("evaluate", people, "--config", config)
    assert (outcome.code, outcome.err) == (0, "")
    assert "24 faces of 6 people, linkage evidence" in outcome.out
    for persons, photos in SIZES:
        assert f"{persons} x {photos}" in " ".join(outcome.out.split())
    assert "100%" in outcome.out
    assert "(0 of 240 pairs of different people)" in outcome.out


def test_a_size_that_nobody_has_so_many_photos_for_says_what_was_drawn(
    run: Run, people: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six people with four photos each were reported as 50 x 10, counted exactly."""
    sizes = report(run, people, "--config", config)["sizes"]
    assert isinstance(sizes, list)
    told = [(size["drawn_persons"], size["drawn_photos"]) for size in sizes]
    assert told == [(2, 4.0), (5, 4.0), (6, 4.0), (6, 4.0), (6, 4.0)]
    outcome = run("evaluate", people, "--config", config)
    text = " ".join(outcome.out.split())
    assert "6 x 4.0, for 50 x 10" in text
    assert "there are fewer people or photos than some sizes ask for" in text
    monkeypatch.setattr(measures, "SIZES", ((5, 4),))
    outcome = run("evaluate", people, "--config", config)
    assert ", for " not in outcome.out
    assert "fewer people" not in outcome.out


@pytest.mark.parametrize("command", ["evaluate", "calibrate"])
def test_photos_of_another_model_than_the_librarys_are_refused(
    run: Run, library: Path, people: Path, config: Path, command: str
) -> None:
    """Their distances mean nothing around the library's centre, and would calibrate it wrongly."""
    assert library.is_dir()
    with Database(config.parent / "data" / "person_count.db") as database:
        by_hand(database, "UPDATE generations SET model_id = 'other-1'")
    before = profile_in_use(config)
    outcome = run(command, people, "--config", config)
    assert (outcome.code, outcome.out) == (1, "")
    assert "embedded with fake-1" in outcome.err
    assert "delete the folder" in outcome.err
    assert profile_in_use(config) == before


def test_a_photo_in_the_folders_of_two_people_is_nobodys(
    run: Run, people: Path, config: Path
) -> None:
    """A photo of both, put into both folders: who is on it is not known."""
    shutil.copy(people / "person 0" / "0-0.png", people / "person 4" / "both.png")
    shutil.copy(people / "person 1" / "1-0.png", people / "person 1" / "again.png")
    fill(people, config.parent / "data" / "evaluation")
    outcome = run("evaluate", people, "--json", "--config", config)
    document = json.loads(outcome.out)
    assert (document["in_several_folders"], document["faces"]) == (1, 23)
    assert outcome.err == "left out, as in the folders of several people: 1 photo\n"


@pytest.mark.parametrize("command", ["evaluate", "calibrate"])
@pytest.mark.usefixtures("library")
def test_interrupted_it_ends_as_other_commands_do(
    run: Run, people: Path, config: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """It took being asked to stop for a mistake: exit code 1, or went on to the end."""
    before = profile_in_use(config)
    asked = threading.Event()
    monkeypatch.setattr(evaluate, "stop_on_signals", lambda: asked)
    monkeypatch.setattr(calibrate, "stop_on_signals", lambda: asked)
    asked.set()
    found = [run(command, people, "--config", config)]
    asked.clear()
    # and once everything is embedded
    embed = evaluate.labelled

    def then_ask(*arguments: Any) -> LabelledFaces:
        faces = embed(*arguments)
        asked.set()
        return faces

    monkeypatch.setattr(evaluate, "labelled", then_ask)
    monkeypatch.setattr(calibrate, "labelled", then_ask)
    found.append(run(command, people, "--config", config))
    for outcome in found:
        assert (outcome.code, outcome.out) == (130, "")
        assert outcome.err == "interrupted; photos embedded so far are kept; start it again\n"
    assert profile_in_use(config) == before


@pytest.fixture
def blurred_people(config: Path) -> Iterator[Path]:
    """People some of whose photos show somebody else, so that errors can be drawn."""
    folder = config.parent / "mixed"
    for person in range(8):
        (folder / str(person)).mkdir(parents=True)
        for photo in range(4):
            shown = person if photo else (person + 1) % 8
            save_picture(folder / str(person) / f"{photo}.png", shown, seed=person * 10 + photo)
    fill(folder, config.parent / "data" / "evaluation")
    return folder


def test_plots_are_written_and_named(run: Run, blurred_people: Path, config: Path) -> None:
    plots = config.parent / "new" / "plots"
    outcome = run("evaluate", blurred_people, "--plots", plots, "--config", config)
    assert outcome.code == 0
    assert sorted(path.name for path in plots.iterdir()) == [
        "counts.png",
        "det.png",
        "histogram.png",
    ]
    assert sorted(outcome.err.splitlines()) == [f"wrote {path}" for path in sorted(plots.iterdir())]


def test_a_wrong_threshold_is_told_before_anything_is_embedded(
    run: Run, people: Path, config: Path
) -> None:
    shutil.rmtree(config.parent / "data" / "evaluation")
    outcome = run("evaluate", people, "--threshold", "much", "--config", config)
    assert (outcome.code, outcome.out) == (1, "")
    assert "threshold must be" in outcome.err
    assert not (config.parent / "data" / "evaluation").exists()


def test_plots_without_matplotlib_name_what_to_install_before_anything_is_embedded(
    run: Run, people: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(config.parent / "data" / "evaluation")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    outcome = run("evaluate", people, "--plots", config.parent / "plots", "--config", config)
    assert (outcome.code, outcome.out) == (1, "")
    assert "pip install matplotlib" in outcome.err
    assert not (config.parent / "data" / "evaluation").exists()
