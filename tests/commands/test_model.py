"""model: what it lists and shows; fetching is tested in tests/ingest/networks."""

from pathlib import Path

import pytest

from index.database.engine import Database
from tests.commands.conftest import Run, write_config

OWN = """
name = "own"
file = "own.onnx"
sha256 = "{digits}"
input_px = 112
channels = "BGR"
mean = 127.5
scale = 128
crop = "landmarks"
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A description in the current folder, which is a test's own."""
    path = tmp_path / "own.toml"
    path.write_text(OWN.format(digits="0" * 64))
    return path


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal in which no long path is folded."""
    monkeypatch.setenv("COLUMNS", "400")


def rows(out: str) -> dict[str, str]:
    """The table's rows by model."""
    cells = [line.strip("│").split("│") for line in out.splitlines() if line.startswith("│")]
    return {name.strip(): " ".join(" ".join(others).split()) for name, *others in cells}


def test_the_shipped_models_are_listed_with_the_librarys_own(
    run: Run, config: Path, library: Path
) -> None:
    assert library
    outcome = run("model", "list", "--config", config)
    assert (outcome.code, outcome.err) == (0, "")
    found = rows(outcome.out)
    assert list(found) == ["facenet", "facenet-vggface2", "mobilefacenet"]
    assert found["facenet"] == "160 px, by box ready by the library"
    assert found["mobilefacenet"] == "112 px, by landmarks missing"
    assert "person-count model fetch NAME" in outcome.out


def test_a_description_in_the_settings_is_listed(run: Run, tmp_path: Path, own: Path) -> None:
    (tmp_path / "inbox").mkdir()
    config = write_config(tmp_path, model=own.name)
    outcome = run("model", "list", "--config", config)
    assert outcome.code == 0
    assert rows(outcome.out)[str(own)] == "112 px, by landmarks missing configured"
    own.with_name("own.onnx").touch()
    outcome = run("model", "list", "--config", config)
    assert rows(outcome.out)[str(own)] == "112 px, by landmarks ready configured"


def test_a_library_whose_description_was_moved_is_listed_with_the_others(
    run: Run, config: Path, library: Path
) -> None:
    assert library
    path = config.parent / "data" / "person_count.db"
    with Database(path) as database, database.write() as connection:
        connection.exec_driver_sql("UPDATE generations SET model = '/gone/own.toml'")
    outcome = run("model", "list", "--config", config)
    assert outcome.code == 0
    found = rows(outcome.out)
    assert found["/gone/own.toml"] == "no description by the library"
    assert found["facenet"] == "160 px, by box ready"


def test_a_description_is_shown_with_what_it_lacks(run: Run, config: Path, own: Path) -> None:
    outcome = run("model", "show", own, "--config", config)
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[:2] == ["name: own", "file: own.onnx"]
    assert "path: missing" in lines
    assert "profile: not measured; run person-count calibrate" in lines


def test_a_model_that_there_is_not_is_one_line(run: Run, config: Path) -> None:
    for verb in ("show", "fetch"):
        outcome = run("model", verb, "nonsense", "--config", config)
        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err.startswith("person-count: model 'nonsense' is neither facenet")
        assert outcome.err.count("\n") == 1
