"""count over a library of fake models: no networks needed."""

import json
import shutil
from pathlib import Path

import pytest

from index.base.choices import DEFAULT_THRESHOLD
from tests.commands.conftest import Run, fill, write_config
from tests.fakes import save_picture
from tests.ingest.samples import jpeg


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below *folder*, but for SQLite's log, which readers may empty."""
    return {
        str(path): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


@pytest.mark.parametrize(
    ("names", "persons"),
    [
        (["one.png"], 1),
        (["one.png", "both.png"], 2),
        (["one.png", "two.png", "both.png", "third.png"], 3),
        (["third.png", "third.png"], 1),
    ],
)
def test_persons_of_known_files_are_counted_without_networks(
    run: Run, library: Path, config: Path, names: list[str], persons: int
) -> None:
    outcome = run("count", *(library / name for name in names), "--config", config)
    assert (outcome.code, outcome.out, outcome.err) == (0, f"{persons}\n", "")


def test_a_copy_outside_the_drop_folder_is_known_by_its_content(
    run: Run, library: Path, config: Path
) -> None:
    copy = library.parent / "elsewhere 人.png"
    shutil.copy(library / "both.png", copy)
    outcome = run("count", copy, library / "both.png", library / "one.png", "--config", config)
    assert outcome.out == "2\n"


def test_json_is_the_contracts_document(run: Run, library: Path, config: Path) -> None:
    names = [str(library / "both.png"), str(library / "one.png"), str(library / "both.png")]
    outcome = run("count", *names, "--json", "--threshold", "2e-1", "--config", config)
    expected = {"errcode": 1, "filepaths": names, "threshold": "2e-1", "person_num": 2}
    assert outcome.out == json.dumps(expected) + "\n"


def test_counting_changes_nothing_on_disk(run: Run, library: Path, config: Path) -> None:
    before = contents(config.parent)
    run("count", library / "both.png", "--explain", "--config", config)
    assert contents(config.parent) == before


def test_options_win_over_the_configuration(run: Run, library: Path, config: Path) -> None:
    write_config(config.parent, linkage="complete", counted_faces="one")
    both = library / "both.png"
    ask = ("count", both, "--json", "--explain", "--config", config)
    document = json.loads(run(*ask).out)
    assert (document["linkage"], document["faces"], document["person_num"]) == (
        "complete",
        "one",
        1,
    )
    document = json.loads(run(*ask, "--linkage", "single", "--faces", "all").out)
    assert (document["linkage"], document["faces"], document["person_num"]) == ("single", "all", 2)


def test_an_explanation_names_persons_files_and_the_range(
    run: Run, library: Path, config: Path
) -> None:
    files = [library / "one.png", library / "both.png"]
    outcome = run("count", *files, "--explain", "--config", config)
    assert (outcome.code, outcome.err) == (0, "")
    first, *lines = outcome.out.splitlines()
    assert first == f"2 persons at threshold {DEFAULT_THRESHOLD}"
    assert lines[0] == "a threshold a tenth lower or higher gives the same count"
    assert lines[1].startswith("every threshold from 0.0000 to ")
    assert [line for line in lines if line.startswith("person ")] == [
        "person 1: 2 faces, weakest link at 0.000",
        "person 2: 1 face",
    ]
    assert sum(line.startswith(f"    {library}") for line in lines) == 3


def test_an_explanation_as_json_begins_like_the_answer(
    run: Run, library: Path, config: Path
) -> None:
    outcome = run("count", library / "both.png", "--explain", "--json", "--config", config)
    document = json.loads(outcome.out)
    assert list(document)[:4] == ["errcode", "filepaths", "threshold", "person_num"]
    assert [len(person["faces"]) for person in document["persons"]] == [1, 1]
    at_default = [point for point in document["curve"] if point["threshold"] == 0.2]
    assert at_default == [{"threshold": 0.2, "person_num": 2}]


def test_a_file_without_a_face_counts_nobody(run: Run, config: Path) -> None:
    nobody = save_picture(config.parent / "inbox" / "nobody.png")
    fill(config.parent / "inbox", config.parent / "data")
    assert run("count", nobody, "--config", config).out == "0\n"
    explained = run("count", nobody, "--explain", "--config", config).out
    assert explained.startswith("0 persons at threshold 0.2\n")


def test_a_folder_is_counted_and_what_is_no_photo_is_passed_over(
    run: Run, library: Path, config: Path
) -> None:
    (library / "a.aae").touch()
    (library / "b.mov").touch()
    outcome = run("count", library, "--json", "--config", config)
    document = json.loads(outcome.out)
    assert (document["filepaths"], document["person_num"]) == ([str(library)], 3)
    assert outcome.err == (
        f"passed over: 2 files, such as {library}/a.aae: "
        "by its ending .aae it is a side-car file, not a photo\n"
    )
    one = run("count", *library.glob("*.png"), library / "b.mov", "--config", config)
    assert (one.code, one.out) == (0, "3\n")
    assert one.err.startswith(f"passed over: 1 file, {library}/b.mov: by its ending .mov")


def test_a_photo_that_lacks_its_end_is_counted_with_a_note(run: Run, config: Path) -> None:
    cut = config.parent / "inbox" / "cut.jpg"
    cut.write_bytes(jpeg()[:-100])
    fill(cut.parent, config.parent / "data")
    outcome = run("count", cut, "--config", config)
    assert (outcome.code, outcome.out) == (0, "0\n")
    note = "its end is missing; nearly all of the picture is there"
    assert outcome.err == f"read, but {cut}: {note}\n"
