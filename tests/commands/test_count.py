"""ingest, count, status, verify and migrate over a library of fake models: no networks needed."""

import json
import shutil
from pathlib import Path

import pytest

from index.database.engine import Database
from index.vectors.space import DEFAULT_THRESHOLD
from tests.commands.conftest import Run, fill, write_config
from tests.fakes import save_picture
from tests.index.builders import flip_byte


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below *folder*, but for SQLite's log, which readers may empty."""
    return {
        str(path): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def test_migrate_makes_a_database_and_then_has_nothing_to_do(run: Run, config: Path) -> None:
    path = config.parent / "data" / "person_count.db"
    first = run("migrate", "--config", config)
    assert (first.code, first.err) == (0, "")
    assert first.out.startswith(f"{path}: revision none -> ")
    assert path.stat().st_mode & 0o077 == 0
    head = first.out.split()[-1]
    before = path.read_bytes()
    assert run("migrate", "--config", config).out == f"{path}: revision {head} -> {head}\n"
    assert path.read_bytes() == before


def test_an_empty_library_is_well_and_has_no_model(run: Run, config: Path) -> None:
    run("migrate", "--config", config)
    status = run("status", "--config", config)
    assert (status.code, status.err) == (0, "")
    document = json.loads(status.out)
    assert set(document["files"].values()) <= {0}
    assert "model" not in document
    verified = run("verify", "--config", config)
    assert (verified.code, verified.out, verified.err) == (0, "all is well: 0 faces\n", "")


def test_the_status_has_numbers_but_no_file_names(run: Run, library: Path, config: Path) -> None:
    outcome = run("status", "--config", config)
    document = json.loads(outcome.out)
    assert document["files"]["indexed"] == 4
    assert (document["model"], document["images"], document["faces"]) == ("fake-1", 4, 5)
    assert "both" not in outcome.out
    assert str(library) not in outcome.out


def test_a_sound_library_is_verified(run: Run, library: Path, config: Path) -> None:
    assert library.is_dir()
    assert run("verify", "--config", config).out == "all is well: 5 faces\n"


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
    assert first.startswith(f"2 persons at threshold {DEFAULT_THRESHOLD} (2 within a tenth ")
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


def test_ingest_of_what_is_indexed_already_only_reports_it(
    run: Run, library: Path, config: Path
) -> None:
    outcome = run("ingest", library, "--config", config)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == "4 indexed, 0 without a face, 0 failed\n"
    one = run("ingest", library / "one.png", library / "one.png", "--config", config)
    assert one.out == "1 indexed, 0 without a face, 0 failed\n"


def test_ingest_of_an_empty_folder_is_no_failure(run: Run, library: Path, config: Path) -> None:
    (library / "empty").mkdir()
    outcome = run("ingest", library / "empty", "--config", config)
    assert (outcome.code, outcome.out) == (0, "0 indexed, 0 without a face, 0 failed\n")


def test_a_damaged_library_is_named_with_its_cure(run: Run, library: Path, config: Path) -> None:
    assert library.is_dir()
    with Database(config.parent / "data" / "person_count.db") as database:
        flip_byte(database, "faces", "embedding", 1, 0)
    outcome = run("verify", "--config", config)
    assert (outcome.code, outcome.out) == (1, "")
    lines = outcome.err.splitlines()
    assert "wrong: the vector of face 1 does not match its checksum" in lines
    assert lines[-1] == "cure: person-count reindex --missing-only"
    assert all(line.startswith("wrong: ") for line in lines[:-1])


def test_a_file_without_a_face_counts_nobody(run: Run, config: Path) -> None:
    nobody = save_picture(config.parent / "inbox" / "nobody.png")
    fill(config.parent / "inbox", config.parent / "data")
    assert run("count", nobody, "--config", config).out == "0\n"
    explained = run("count", nobody, "--explain", "--config", config).out
    assert explained.startswith("0 persons at threshold 0.2 (0 within ")
