"""calibrate over photos embedded by fake models: no networks needed."""

import inspect
import json
from pathlib import Path

import pytest

from commands import calibrate
from index.database.engine import Database
from index.database.queries import generations
from index.database.states import GenerationState
from index.vectors import snapshot_writer
from index.vectors.match_rates import FALSE_MATCH_RATES, GRID
from index.vectors.space import Profile, shipped_profile, stored_vector_space
from tests.commands.conftest import Run, fill, profile_in_use, report
from tests.fakes import save_picture
from tests.index.builders import fake_generation

pytestmark = pytest.mark.usefixtures("few_are_enough")


def write_snapshot(data: Path) -> None:
    """What the ingest process does every few minutes."""
    with Database(data / "person_count.db") as database:
        with database.read() as connection:
            generation = generations.active(connection)
        assert generation is not None
        space = stored_vector_space(generation.profile)
        assert snapshot_writer.write_snapshot(database, generation.id, space, 0.0)


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


@pytest.fixture
def gathering(config: Path) -> Path:
    """A library of 24 people in two folders, five of them on each of 24 photos."""
    inbox = config.parent / "inbox"
    for photo in range(24):
        folder = inbox / ("morning" if photo < 10 else "evening")
        folder.mkdir(exist_ok=True)
        together = [(photo + step) % 24 for step in (0, 3, 7, 12, 18)]
        save_picture(folder / f"{photo}.png", *together, seed=photo)
    fill(inbox, config.parent / "data")
    path = config.parent / "data" / "person_count.db"
    with Database(path) as database, database.write() as connection:
        generation = generations.active(connection)
        assert generation is not None
        shipped = shipped_profile("facenet", 512).to_json()
        generations.set_profile(connection, generation.id, shipped)
    return inbox


@pytest.mark.usefixtures("gathering")
def test_the_library_calibrates_itself_and_shows_what_changes(run: Run, config: Path) -> None:
    before = profile_in_use(config)
    dry = run("calibrate", "--library", "--dry-run", "--config", config)
    assert (dry.code, dry.err) == (0, "")
    assert profile_in_use(config) == before
    outcome = run("calibrate", "--library", "--config", config)
    assert (outcome.code, outcome.err) == (0, "")
    assert dry.out.splitlines()[:-1] == outcome.out.splitlines()[:-1]
    lines = outcome.out.splitlines()
    assert lines[0].startswith("120 key faces, 24 persons by the shipped profile, 24 persons at")
    after = Profile.from_json(profile_in_use(config))
    low, high = after.measured["operating_distance_95"]
    assert lines[1] == (
        f"operating distance 0.5457 -> {after.operating_distance:.4f} "
        f"(95 % interval {low:.4f} to {high:.4f})"
    )
    assert "note: estimated without labels" in lines
    assert any(line.endswith(" in 2 folders, by fake-1") for line in lines)
    assert any(line.startswith("the count changes in ") for line in lines)
    assert run("verify", "--config", config).code == 0


def status_of(run: Run, config: Path) -> tuple[str, str, bool]:
    found = json.loads(run("status", "--config", config).out)["calibration"]
    assert found["faces"] == 120
    return found["by"], found["outcome"], found["shipped"]


@pytest.mark.usefixtures("gathering")
def test_each_calibration_can_be_taken_back_in_turn(run: Run, people: Path, config: Path) -> None:
    first = Profile.from_json(profile_in_use(config))
    run("calibrate", "--library", "--config", config)
    second = Profile.from_json(profile_in_use(config))
    run("calibrate", people, "--config", config)
    assert (
        len({first.version, second.version, Profile.from_json(profile_in_use(config)).version}) == 3
    )
    assert status_of(run, config) == ("operator", "calibrated with labels", False)
    for expected in (second, first):
        outcome = run("calibrate", "--undo", "--config", config)
        assert (outcome.code, outcome.err) == (0, "")
        assert f"-> {expected.operating_distance:.4f}" in outcome.out
        assert Profile.from_json(profile_in_use(config)) == expected
    outcome = run("calibrate", "--undo", "--config", config)
    assert (outcome.code, outcome.out) == (1, "")
    assert "no calibration is left to take back" in outcome.err
    assert status_of(run, config) == ("operator", "taken back", True)


@pytest.mark.usefixtures("library")
def test_many_faces_of_few_people_are_no_centre(run: Run, config: Path) -> None:
    """Around one family's own mean strangers are as near as relatives."""
    run("calibrate", "--shipped", "--config", config)
    before = profile_in_use(config)
    outcome = run("calibrate", "--library", "--config", config)
    assert (outcome.code, outcome.out) == (1, "")
    assert "look like those of 3 people" in outcome.err
    assert profile_in_use(config) == before


def test_an_empty_library_has_no_centre(run: Run, config: Path) -> None:
    fill(config.parent / "inbox", config.parent / "data")
    outcome = run("calibrate", "--library", "--dry-run", "--config", config)
    assert (outcome.code, outcome.out) == (1, "")
    assert "holds 0 key faces, too few" in outcome.err


def test_of_too_few_people_no_interval_is_claimed(
    run: Run, people: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrate, "MIN_PEOPLE", 7)
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
    [option] = [
        p for p in inspect.signature(calibrate.calibrate).parameters.values() if p.name == "write"
    ]
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
    monkeypatch.setattr(calibrate, "MIN_PEOPLE", 7)
    monkeypatch.setattr(calibrate, "MIN_FACES", 6)
    before = profile_in_use(config)
    for given, found in ((people, "6 people"), ("--library", "5 key faces")):
        outcome = run("calibrate", given, "--config", config)
        assert (outcome.code, outcome.out) == (1, "")
        assert found in outcome.err
    assert run("calibrate", people, "--dry-run", "--config", config).code == 0
    assert profile_in_use(config) == before


@pytest.mark.usefixtures("library")
def test_a_calibration_can_be_taken_back(run: Run, people: Path, config: Path) -> None:
    run("calibrate", people, "--config", config)
    calibrated = profile_in_use(config)
    outcome = run("calibrate", "--shipped", "--config", config)
    assert (outcome.code, outcome.err) == (0, "")
    assert calibrated != profile_in_use(config)
    restored = Profile.from_json(profile_in_use(config))
    assert restored == shipped_profile("facenet", 512)
    assert restored.undone() is None  # no average over people whom somebody has forgotten stays


@pytest.mark.usefixtures("library")
def test_the_shipped_profile_drops_what_was_kept_for_other_models(
    run: Run, people: Path, config: Path
) -> None:
    run("calibrate", people, "--config", config)
    calibrated = Profile.from_json(profile_in_use(config))
    with Database(config.parent / "data" / "person_count.db") as database:
        for state in (GenerationState.PAST, GenerationState.BESIDE):
            with database.write() as connection:
                fake_generation(connection, state, state, model="facenet", profile=calibrated)
        run("calibrate", "--shipped", "--config", config)
        with database.read() as connection:
            beside, past = generations.beside(connection), generations.past(connection)
    assert past == []
    assert beside is not None
    assert Profile.from_json(beside.profile) == shipped_profile("facenet", 512)
