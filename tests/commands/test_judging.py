"""evaluate and calibrate over photos embedded by fake models: no networks needed."""

import inspect
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commands import calibrating, judging
from commands.calibrating import calibrate
from index import snapshot_writer
from index.database import Database
from index.match_rates import FALSE_MATCH_RATES, GRID
from index.measures import SIZES, LabelledFaces, halves
from index.settings import Linkage
from index.space import Profile, Space, shipped_profile
from index.store import generations
from tests.commands.conftest import Run, fill, write_config
from tests.fakes import save_picture
from tests.index.builders import by_hand

QUICK = ("--draws", "3")


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake photos show six people, the library three; too few are tested by themselves."""
    monkeypatch.setattr(calibrating, "MIN_PEOPLE", 3)
    monkeypatch.setattr(calibrating, "MIN_FACES", 5)


def profile_in_use(config: Path) -> str:
    with (
        Database(config.parent / "data" / "person_count.db") as database,
        database.read() as connection,
    ):
        generation = generations.active(connection)
    assert generation is not None
    return generation.profile


def write_snapshot(data: Path) -> None:
    """What the ingest process does every few minutes."""
    with Database(data / "person_count.db") as database:
        with database.read() as connection:
            generation = generations.active(connection)
        assert generation is not None
        space = Space(Profile.from_json(generation.profile))
        assert snapshot_writer.write_snapshot(database, generation.id, space, 0.0)


def report(run: Run, *arguments: object) -> dict[str, object]:
    outcome = run("evaluate", *arguments, *QUICK, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    return dict(json.loads(outcome.out))


@pytest.mark.parametrize("linkage", Linkage)
def test_the_same_evaluation_prints_the_same_bytes_twice(
    run: Run, people: Path, config: Path, linkage: Linkage
) -> None:
    ask = ("evaluate", people, "--linkage", linkage, *QUICK, "--json", "--config", config)
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
    sized = ("--persons", 3, "--images", 2, "--threshold", "0.3", "--seed", 7)
    document = report(run, people, *sized, "--split", "B", "--config", config)
    assert (document["linkage"], document["threshold"], document["seed"]) == ("average", 0.3, 7)
    assert (document["split"], document["people"], document["faces"]) == ("B", 3, 12)
    [size] = document["sizes"]
    assert (size["persons"], size["photos"], size["draws"]) == (3, 2, 3)


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
    outcome = run("evaluate", people, *QUICK, "--config", config)
    assert (outcome.code, outcome.err) == (0, "")
    assert "24 faces of 6 people, linkage evidence" in outcome.out
    for persons, photos in SIZES:
        assert f"{persons} x {photos}" in " ".join(outcome.out.split())
    assert "100%" in outcome.out
    assert "(0 of 240 pairs of different people)" in outcome.out


def test_a_size_that_nobody_has_so_many_photos_for_says_what_was_drawn(
    run: Run, people: Path, config: Path
) -> None:
    """Six people with four photos each were reported as 50 x 10, counted exactly."""
    sizes = report(run, people, "--config", config)["sizes"]
    assert isinstance(sizes, list)
    told = [(size["drawn_persons"], size["drawn_photos"]) for size in sizes]
    assert told == [(2, 4.0), (5, 4.0), (6, 4.0), (6, 4.0), (6, 4.0)]
    outcome = run("evaluate", people, *QUICK, "--config", config)
    text = " ".join(outcome.out.split())
    assert "6 x 4.0, for 50 x 10" in text
    assert "there are fewer people or photos than some sizes ask for" in text
    enough = ("--persons", 5, "--images", 4)
    outcome = run("evaluate", people, *enough, *QUICK, "--config", config)
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
    outcome = run("evaluate", people, *QUICK, "--json", "--config", config)
    document = json.loads(outcome.out)
    assert (document["in_several_folders"], document["faces"]) == (1, 23)
    assert outcome.err == "left out, in the folders of several people: 1 photos\n"


@pytest.mark.parametrize("command", ["evaluate", "calibrate"])
@pytest.mark.usefixtures("library")
def test_interrupted_it_ends_as_other_commands_do(
    run: Run, people: Path, config: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """It took being asked to stop for a mistake: exit code 1, or went on to the end."""
    before = profile_in_use(config)
    asked = threading.Event()
    monkeypatch.setattr(judging, "stop_on_signals", lambda: asked)
    monkeypatch.setattr(calibrating, "stop_on_signals", lambda: asked)
    asked.set()
    found = [run(command, people, *QUICK[: 2 * (command == "evaluate")], "--config", config)]
    asked.clear()
    # and once everything is embedded
    embed = judging.labelled

    def then_ask(*arguments: Any) -> LabelledFaces:
        faces = embed(*arguments)
        asked.set()
        return faces

    monkeypatch.setattr(judging, "labelled", then_ask)
    monkeypatch.setattr(calibrating, "labelled", then_ask)
    found.append(run(command, people, "--config", config))
    for outcome in found:
        assert (outcome.code, outcome.out) == (130, "")
        assert outcome.err == "interrupted; what was embedded is kept; start it again\n"
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
    outcome = run("evaluate", blurred_people, *QUICK, "--plots", plots, "--config", config)
    assert outcome.code == 0
    assert sorted(path.name for path in plots.iterdir()) == [
        "counts.png",
        "det.png",
        "histogram.png",
    ]
    assert sorted(outcome.err.splitlines()) == [f"wrote {path}" for path in sorted(plots.iterdir())]


def test_a_dry_calibration_changes_nothing_and_says_so(
    run: Run, library: Path, people: Path, config: Path
) -> None:
    before = profile_in_use(config)
    outcome = run("calibrate", people, "--dry-run", "--config", config)
    assert (outcome.code, outcome.err) == (0, "")
    first, *_, last = outcome.out.splitlines()
    assert first.startswith("operating distance 0.4000 -> ")
    assert "(95 % interval " in first
    assert last == "nothing in the library has changed"
    assert profile_in_use(config) == before
    assert library.is_dir()


def test_a_calibration_is_in_use_from_then_on(
    run: Run, library: Path, people: Path, config: Path
) -> None:
    outcome = run("calibrate", people, "--config", config)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.endswith("in use from now on; a running service follows by itself\n")
    profile = Profile.from_json(profile_in_use(config))
    assert profile.measured["people"] == 6
    pairs = profile.measured[FALSE_MATCH_RATES]["pairs"]
    assert f"false match rates: at {len(GRID)} thresholds, of {pairs} pairs" in outcome.out
    assert f"-> {profile.operating_distance:.4f} " in outcome.out
    explained = run("count", library / "both.png", "--explain", "--json", "--config", config)
    distance = json.loads(explained.out)["distance"]
    assert distance == pytest.approx(profile.operating_distance)
    assert run("verify", "--config", config).code == 0
    judged = report(run, people, "--config", config)
    assert judged["operating_distance"] == profile.operating_distance


def test_calibrating_from_the_library_moves_the_centre_only(
    run: Run, library: Path, config: Path
) -> None:
    assert library.is_dir()
    before = Profile.from_json(profile_in_use(config))
    dry = run("calibrate", "--library", "--dry-run", "--config", config)
    assert Profile.from_json(profile_in_use(config)) == before
    outcome = run("calibrate", "--library", "--config", config)
    assert (outcome.code, outcome.err) == (0, "")
    after = Profile.from_json(profile_in_use(config))
    assert after.operating_distance == before.operating_distance
    moved = float(np.linalg.norm(np.subtract(after.centre, before.centre)))
    assert moved > 0
    for said in (dry, outcome):
        assert f"the centre moves by {moved:.3f}" in said.out


def test_of_a_library_nothing_is_claimed_that_was_measured_elsewhere(
    run: Run, library: Path, config: Path
) -> None:
    """The shipped rates and intervals were printed as if they were this library's."""
    assert library.is_dir()
    run("calibrate", "--shipped", "--config", config)
    shipped = Profile.from_json(profile_in_use(config))
    assert {"people", "true_accept_rates", FALSE_MATCH_RATES} < shipped.measured.keys()
    for option in ("--dry-run", None):
        outcome = run("calibrate", "--library", *filter(None, [option]), "--config", config)
        assert (outcome.code, outcome.err) == (0, "")
        first, moved, *measured, _ = outcome.out.splitlines()
        distance = shipped.operating_distance
        assert first == (
            f"operating distance {distance:.4f} -> {distance:.4f} (not measured on these faces)"
        )
        assert moved.startswith("the centre moves by ")
        assert measured == [
            "library faces: 5",
            "people counted in them: 3",
            "note: how good counts are around this centre was not measured",
        ]
    stored = Profile.from_json(profile_in_use(config)).measured
    assert stored.keys() == {"library_faces", "people_counted_in_them", "note"}


@pytest.mark.usefixtures("library")
def test_many_faces_of_few_people_are_no_centre(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Around one family's own mean strangers are as near as relatives."""
    monkeypatch.setattr(calibrating, "MIN_PEOPLE", 4)
    before = profile_in_use(config)
    outcome = run("calibrate", "--library", "--config", config)
    assert (outcome.code, outcome.out) == (1, "")
    assert "look like those of 3 people" in outcome.err
    assert profile_in_use(config) == before
    assert run("calibrate", "--library", "--dry-run", "--config", config).code == 0


def test_an_empty_library_has_no_centre(run: Run, config: Path) -> None:
    fill(config.parent / "inbox", config.parent / "data")
    outcome = run("calibrate", "--library", "--dry-run", "--config", config)
    assert (outcome.code, outcome.out) == (1, "")
    assert "no key faces yet" in outcome.err


def test_of_too_few_people_no_interval_is_claimed(
    run: Run, people: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrating, "MIN_PEOPLE", 7)
    outcome = run("calibrate", people, "--dry-run", "--config", config)
    first = outcome.out.splitlines()[0]
    assert first.endswith("(of too few people to say how far off it is)")
    assert "interval" not in first


def test_a_written_profile_is_the_one_that_would_be_stored(
    run: Run, library: Path, people: Path, config: Path
) -> None:
    assert library.is_dir()
    target = config.parent / "profile.json"
    before = profile_in_use(config)
    outcome = run("calibrate", people, "--write", target, "--dry-run", "--config", config)
    assert outcome.code == 0
    written = Profile.from_json(target.read_text())
    assert profile_in_use(config) == before
    run("calibrate", people, "--config", config)
    assert Profile.from_json(profile_in_use(config)) == written


def test_writing_a_profile_stores_it_exactly_if_the_help_says_also(
    run: Run, library: Path, people: Path, config: Path
) -> None:
    """'Also write the profile' promises both; a help that says 'instead' promises one."""
    assert library.is_dir()
    [option] = [p for p in inspect.signature(calibrate).parameters.values() if p.name == "write"]
    help_text = str(option.annotation.__metadata__[0].help).lower()
    target = config.parent / "profile.json"
    run("calibrate", people, "--write", target, "--config", config)
    stored = Profile.from_json(profile_in_use(config)) == Profile.from_json(target.read_text())
    assert stored == ("also" in help_text)


def test_a_library_with_a_snapshot_is_sound_after_a_calibration(
    run: Run, library: Path, people: Path, config: Path
) -> None:
    """The snapshot holds vectors around the old centre: out of date, but not damaged."""
    assert library.is_dir()
    write_snapshot(config.parent / "data")
    assert run("verify", "--config", config).code == 0
    assert run("calibrate", people, "--config", config).code == 0
    verified = run("verify", "--config", config)
    assert (verified.code, verified.err) == (0, "")


@pytest.mark.usefixtures("library")
def test_too_few_people_or_faces_change_nothing(
    run: Run, people: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two people's photos, a distance would be measured at which all people are the same."""
    monkeypatch.setattr(calibrating, "MIN_PEOPLE", 7)
    monkeypatch.setattr(calibrating, "MIN_FACES", 6)
    before = profile_in_use(config)
    for given, found in ((people, "6 people"), ("--library", "5 key faces")):
        outcome = run("calibrate", given, "--config", config)
        assert (outcome.code, outcome.out) == (1, "")
        assert found in outcome.err
        assert run("calibrate", given, "--dry-run", "--config", config).code == 0
    assert profile_in_use(config) == before


@pytest.mark.usefixtures("library")
def test_a_calibration_can_be_taken_back(run: Run, people: Path, config: Path) -> None:
    run("calibrate", people, "--config", config)
    calibrated = profile_in_use(config)
    outcome = run("calibrate", "--shipped", "--config", config)
    assert (outcome.code, outcome.err) == (0, "")
    assert calibrated != profile_in_use(config)
    assert Profile.from_json(profile_in_use(config)) == shipped_profile("casia-webface")


def test_a_wrong_threshold_is_told_before_anything_is_embedded(
    run: Run, people: Path, config: Path
) -> None:
    shutil.rmtree(config.parent / "data" / "evaluation")
    outcome = run("evaluate", people, "--threshold", "much", "--config", config)
    assert (outcome.code, outcome.out) == (1, "")
    assert "threshold must be" in outcome.err
    assert not (config.parent / "data" / "evaluation").exists()
