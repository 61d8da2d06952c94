"""similar over a library of fake models: no networks needed."""

import json
import shutil
from pathlib import Path

from tests.commands.conftest import Run, write_config


def test_the_persons_of_a_photo_outside_are_found_in_the_library(
    run: Run, library: Path, config: Path
) -> None:
    copy = Path(shutil.copy(library / "both.png", config.parent / "elsewhere.png"))
    outcome = run("similar", copy, "--config", config)
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    said = "2 faces of the library below threshold 0.2"
    assert [lines[0], lines[3]] == [
        f"face 1 at 20, 20, 80, 80: {said}",
        f"face 2 at 100, 20, 160, 80: {said}",
    ]
    assert sorted(lines[1:3]) == ["    0.000  both.png", "    0.000  one.png"]
    assert sorted(lines[4:]) == ["    0.000  both.png", "    0.000  two.png"]


def test_json_is_the_service_s_document(run: Run, library: Path, config: Path) -> None:
    photo = library / "third.png"
    outcome = run("similar", photo, "--json", "--limit", 1, "--threshold", 9, "--config", config)
    found = json.loads(outcome.out)
    assert (found["filepath"], found["threshold"]) == (str(photo), "9")
    [one] = found["faces"]
    assert (one["found"], len(one["similar"])) == (5, 1)
    assert one["similar"][0]["filepaths"] == ["third.png"]


def test_what_is_not_one_photo_is_one_line(run: Run, library: Path, config: Path) -> None:
    for name, said in ((library, "is a folder; name one photo"), (library / "x.png", "no file")):
        outcome = run("similar", name, "--config", config)
        assert outcome.code == 1
        assert said in outcome.err
        assert outcome.err.count("\n") == 1


def test_without_a_library_it_says_so(run: Run, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    photo = tmp_path / "a.png"
    photo.touch()
    outcome = run("similar", photo, "--config", write_config(tmp_path))
    assert outcome.code == 1
    assert outcome.err.startswith("person-count: ")
    assert outcome.err.count("\n") == 1
