"""The commands with the real networks, on drawn portraits of four people; loaded as few times."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.portraits import draw_identity, draw_portrait
from index.vectors.space import Profile
from tests.commands.conftest import Outcome, profile_in_use, write_config
from tests.ingest.portraits import PEOPLE, PHOTOS

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]

# drawn people resemble each other: those of the demo are at least 0.26 apart, a person's 0.08
COSINE = {"distance": "cosine"}
BETWEEN = "0.15"
# To evidence, a group of another person may say more about a face than one photo that is nearly the
# same. Whether that joins drawn persons depends on the processor's last digits.
PLAIN = ("--linkage", "single", "--threshold", BETWEEN)
MAIN = "import commands.evaluate, person_count; commands.evaluate.DRAWS = 20; person_count.main()"


@dataclass(frozen=True)
class Place:
    """A folder with config.yaml, portraits of people and one file that is no image."""

    config: Path
    portraits: tuple[Path, ...]
    labelled: Path
    false_jpeg: Path
    ingested: Outcome

    @property
    def inbox(self) -> Path:
        return self.config.parent / "inbox"


def program(config: Path, *arguments: object) -> Outcome:
    """The real program in a process of its own, in its own folder; few draws are enough."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PERSON_COUNT_")}
    project = str(Path(__file__).resolve().parent.parent.parent)
    found = subprocess.run(
        [sys.executable, "-c", MAIN, *map(str, arguments), "--config", str(config)],
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
        cwd=config.parent,
        env=environment | {"PYTHONPATH": project},
    )
    return Outcome(found.returncode, found.stdout, found.stderr)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("portraits")
    inbox, labelled = folder / "inbox", folder / "people"
    inbox.mkdir()
    portraits = []
    for number, seed in enumerate(PEOPLE):
        (labelled / f"person {number}").mkdir(parents=True)
        for photo in range(PHOTOS):
            portrait = draw_portrait(draw_identity(seed), photo)
            portraits.append(inbox / f"{number}-{photo}.png")
            portrait.save(portraits[-1])
            portrait.save(labelled / f"person {number}" / f"{photo}.png")
    false_jpeg = inbox / "letter.jpg"
    false_jpeg.write_text("Dear Sir or Madam,\n")
    config = write_config(folder, **COSINE)
    assert program(config, "migrate").code == 0
    ingested = program(config, "ingest", inbox)
    return Place(config, tuple(portraits), labelled, false_jpeg, ingested)


def test_ingest_sums_up_and_names_what_failed(place: Place) -> None:
    assert place.ingested.code == 1
    assert place.ingested.out == "12 indexed, 0 without a face that counts, 1 failed\n"
    assert place.ingested.err.splitlines() == [
        f"failed: {place.false_jpeg}: it is a text, not a photo"
    ]


def test_four_people_on_twelve_portraits_count_four(place: Place) -> None:
    counted = program(place.config, "count", *place.portraits, *PLAIN)
    assert (counted.code, counted.out, counted.err) == (0, "4\n", "")


def test_the_explanation_gives_each_person_its_three_portraits(place: Place) -> None:
    files = sorted(place.portraits, key=lambda path: path.name[::-1])  # mixed
    ask = (place.config, "count", *files, *PLAIN, "--explain")
    document = json.loads(program(*ask, "--json").out)
    groups = [
        sorted(Path(face["filepaths"][0]).name for face in person["faces"])
        for person in document["persons"]
    ]
    assert sorted(groups) == [[f"{n}-{photo}.png" for photo in range(3)] for n in range(4)]
    low, high = document["stable_range"]
    assert low < float(BETWEEN) < high
    lines = program(*ask).out.splitlines()
    assert lines[0] == f"4 persons at threshold {BETWEEN}"
    assert sum(line.startswith("person ") for line in lines) == 4


def test_an_unreadable_image_is_named_with_the_reason(place: Place) -> None:
    ask = (place.config, "count", place.portraits[0], place.false_jpeg, "--json")
    outcome = program(*ask)
    sentence = f"{place.false_jpeg} is no readable image: it is a text, not a photo"
    assert outcome.code == 1
    assert json.loads(outcome.out) == {"cord": 422, "error": sentence}
    assert outcome.err == f"person-count: {sentence}\n"


def test_a_file_that_the_library_does_not_know_is_read_but_not_stored(place: Place) -> None:
    before = program(place.config, "status").out
    new = place.config.parent / "new.png"
    draw_portrait(draw_identity(PEOPLE[0]), 50).save(new)
    outcome = program(place.config, "count", new, place.portraits[0], "--threshold", BETWEEN)
    assert (outcome.code, outcome.out) == (0, "1\n")
    assert program(place.config, "status").out == before


def test_evaluating_and_calibrating_on_labelled_portraits(place: Place) -> None:
    ask = (place.config, "evaluate", place.labelled, *PLAIN, "--json")
    first, second = program(*ask), program(*ask)
    assert (first.code, first.err) == (0, "")
    assert first.out == second.out
    document = json.loads(first.out)
    assert (document["people"], document["faces"], document["faceless"]) == (4, 12, 0)
    assert document["sizes"][0]["at_threshold"]["exact"] == 1.0

    before = profile_in_use(place.config)
    dry = program(place.config, "calibrate", place.labelled, "--dry-run")
    assert (dry.code, profile_in_use(place.config)) == (0, before)
    assert "people: 4\n" in dry.out
    refused = program(place.config, "calibrate", place.labelled)
    assert (refused.code, profile_in_use(place.config)) == (1, before)
    assert "photos of 4 people, too few" in refused.err
    target = place.config.parent / "profile.json"
    assert program(place.config, "calibrate", place.labelled, "--write", target).code == 0
    assert Profile.from_json(target.read_text("utf-8")).measured["people"] == 4


def test_a_reindex_embeds_everything_anew_and_the_library_is_sound(place: Place) -> None:
    done = program(place.config, "reindex")
    assert done.code == 0
    assert "\n12 images, 12 faces, now with facenet" in done.out
    verified = program(place.config, "verify")
    assert (verified.code, verified.out, verified.err) == (0, "all is well: 12 faces\n", "")
    status = json.loads(program(place.config, "status").out)
    assert (status["files"]["indexed"], status["files"]["failed"]) == (12, 1)
    # the failed file is tried once more, and fails again
    again = program(place.config, "reindex", "--missing-only")
    assert (again.code, again.out) == (1, "0 indexed, 0 without a face that counts, 1 failed\n")
