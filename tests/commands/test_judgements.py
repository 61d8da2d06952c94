"""judgements: people's corrections move from one library to another, and can be taken back."""

import hashlib
import json
from pathlib import Path

import pytest

from index.database.engine import Database
from tests.commands.conftest import Run, fill, write_config
from tests.fakes import save_picture
from tests.index.builders import ask


@pytest.fixture
def lines(library: Path) -> dict[str, str]:
    """A line that says that one.png and third.png show one person, and the opposite."""
    faces = []
    with Database(library.parent / "data" / "person_count.db") as database:
        for name in ("one.png", "third.png"):
            digest = hashlib.sha256((library / name).read_bytes()).digest()
            [box] = ask(
                database,
                "SELECT x1, y1, x2, y2 FROM faces JOIN images ON images.id = image_id"
                " WHERE sha256 = :sha",
                sha=digest,
            )
            faces.append({"sha256": digest.hex(), "box": list(box)})
    return {
        verdict: json.dumps({"verdict": verdict, "faces": faces, "note": "n"}) + "\n"
        for verdict in ("same", "different")
    }


def counted(run: Run, library: Path, config: Path) -> str:
    return run("count", library / "one.png", library / "third.png", "--config", config).out.strip()


def test_an_imported_judgement_changes_the_count_until_it_is_undone(
    run: Run, library: Path, config: Path, lines: dict[str, str]
) -> None:
    file = config.parent / "said.jsonl"
    file.write_text(lines["same"])
    assert counted(run, library, config) == "2"
    done = run("judgements", "import", file, "--config", config)
    assert (done.code, done.err) == (0, "")
    assert done.out == "1 judgement added, 0 of them without their face here; 0 known already\n"
    assert counted(run, library, config) == "1"
    again = run("judgements", "import", file, "--config", config)
    assert again.out == "0 judgements added, 0 of them without their face here; 1 known already\n"
    assert run("judgements", "list", "--config", config).out.startswith("1  same  ")
    assert run("judgements", "undo", 1, "--config", config).code == 0
    assert counted(run, library, config) == "2"
    twice = run("judgements", "undo", 1, "--config", config)
    assert (twice.code, twice.err) == (1, "person-count: judgement 1 was undone already\n")


def test_what_contradicts_is_named_and_not_taken(
    run: Run, library: Path, config: Path, lines: dict[str, str]
) -> None:
    file = config.parent / "said.jsonl"
    file.write_text(lines["same"] + lines["different"])
    done = run("judgements", "import", file, "--config", config)
    assert done.code == 1
    assert "1 judgement added" in done.out
    assert "judgement 1 contradicts that the faces are different persons" in done.err
    assert counted(run, library, config) == "1"


def test_an_export_holds_in_another_library_with_the_same_photos_by_other_names(
    run: Run, library: Path, config: Path, lines: dict[str, str]
) -> None:
    file = config.parent / "said.jsonl"
    file.write_text(lines["same"])
    run("judgements", "import", file, "--config", config)
    exported = config.parent / "out.jsonl"
    assert run("judgements", "export", exported, "--config", config).code == 0
    other = config.parent / "other"
    (other / "inbox").mkdir(parents=True)
    for number, name in enumerate(("third.png", "one.png")):
        (other / "inbox" / f"{number}.png").write_bytes((library / name).read_bytes())
    there = write_config(other)
    fill(other / "inbox", other / "data")
    done = run("judgements", "import", exported, "--config", there)
    assert done.out.startswith("1 judgement added, 0 of them without")
    renamed = (other / "inbox" / "0.png", other / "inbox" / "1.png")
    assert run("count", *renamed, "--config", there).out == "1\n"


def test_judgements_wait_for_their_photos_but_not_for_forgotten_ones(
    run: Run, library: Path, config: Path, lines: dict[str, str]
) -> None:
    file = config.parent / "said.jsonl"
    file.write_text(lines["same"])
    other = config.parent / "other"
    (other / "inbox").mkdir(parents=True)
    there = write_config(other)
    save_picture(other / "inbox" / "else.png", 5)
    fill(other / "inbox", other / "data")
    done = run("judgements", "import", file, "--config", there)
    assert done.out.startswith("1 judgement added, 1 of them without their face here")
    assert "(finds no face)" in run("judgements", "list", "--config", there).out
    assert run("forget", library / "one.png", "--config", config).code == 0
    refused = run("judgements", "import", file, "--config", config)
    assert "1 not taken: their photo was forgotten on request" in refused.out


@pytest.mark.parametrize("line", ["{", "[]", '{"verdict": "undo", "faces": []}', '"same"', "1"])
def test_a_line_that_is_no_judgement_is_named(
    run: Run, library: Path, config: Path, lines: dict[str, str], line: str
) -> None:
    assert library.is_dir()
    file = config.parent / "said.jsonl"
    file.write_text(lines["same"] + line + "\n")
    done = run("judgements", "import", file, "--config", config)
    assert done.code == 1
    assert done.err.startswith("person-count: line 2 is no judgement")
    assert run("judgements", "list", "--config", config).out == ""
