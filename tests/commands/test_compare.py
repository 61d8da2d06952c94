"""compare over a library of fake models: no networks needed."""

import json
from pathlib import Path

import pytest

from tests.commands.conftest import Run


def test_two_names_are_compared(run: Run, library: Path, config: Path) -> None:
    outcome = run("compare", library / "both.png", library / "one.png", "--config", config)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        "2 persons at threshold 0.2",
        "in both: 1",
        "only in the first: 1, of 2 there",
        "only in the second: 0, of 1 there",
        f"person 1, in both: {library}/both.png, {library}/one.png",
        f"person 2, only in the first: {library}/both.png",
    ]


def test_lists_and_folders_are_compared_as_the_service_does(
    run: Run, library: Path, config: Path
) -> None:
    a = [str(library / "one.png"), str(library / "third.png")]
    outcome = run("compare", *a, "--json", "--config", config, "--", library)
    found = json.loads(outcome.out)
    assert (found["a"], found["b"]) == (a, [str(library)])
    assert [found[name] for name in ("person_num", "in_a", "in_b", "in_both", "only_b")] == [
        3, 2, 3, 2, 1,
    ]  # fmt: skip
    assert [person["in"] for person in found["persons"]] == ["both", "both", "b"]


@pytest.mark.parametrize("names", [["one.png"], ["one.png", "two.png", "both.png"]])
def test_one_list_alone_is_a_usage_error(
    run: Run, library: Path, config: Path, names: list[str]
) -> None:
    outcome = run("compare", *(library / name for name in names), "--config", config)
    assert outcome.code == 2
    assert "put -- between the two lists" in outcome.err
    assert "Traceback" not in outcome.err


def test_a_missing_file_is_one_line(run: Run, library: Path, config: Path) -> None:
    outcome = run("compare", library / "one.png", library / "none.png", "--config", config)
    assert outcome.code == 1
    assert outcome.err == f"person-count: there is no file {library}/none.png\n"
