"""What is forgotten is gone from what evaluate and calibrate keep as well, and stays away."""

import logging
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries.files import rows_of, signatures_below
from index.upkeep import forget
from index.upkeep.erasure import finish_erasures
from index.upkeep.erasure_log import FORGOTTEN
from index.vectors.space import Space
from ingest.jobs import labelled
from tests.commands.conftest import Run, fill, write_config
from tests.fakes import save_picture
from tests.index.builders import ask, quiet
from tests.spaces import UNMEASURED


def evaluation(config: Path) -> Path:
    return config.parent / "data" / "evaluation"


def vectors(folder: Path, name: str) -> list[bytes]:
    """The vectors of a file, raw and as a snapshot holds them."""
    with Database(folder / "person_count.db") as database:
        rows = ask(
            database,
            "SELECT embedding FROM faces JOIN files USING (image_id) WHERE path LIKE :end",
            end=f"%/{name}",
        )
    raw = [np.frombuffer(row[0], "<f4").reshape(1, -1) for row in rows]
    return [made.tobytes() for one in raw for made in (one, Space.calibrated(UNMEASURED).unit(one))]


def holders(folder: Path, wanted: list[bytes]) -> list[Path]:
    """The files below *folder* that hold any quarter of the vectors."""
    parts = [whole[start : start + 64] for whole in wanted for start in range(0, 2048, 512)]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(part in path.read_bytes() for part in parts)]


def reasons(config: Path) -> dict[str, str | None]:
    """Why files of the evaluation's library were refused; None: they were not."""
    with (
        Database(evaluation(config) / "person_count.db") as database,
        database.read() as connection,
    ):
        rows = rows_of(connection, list(signatures_below(connection, "/")))
    return {Path(path).name: row.error for path, row in rows.items()}


@pytest.fixture
def both(library: Path, people: Path, config: Path) -> Path:
    """A photo that the library and the evaluation's hold, the latter twice. Returns its path."""
    path = save_picture(library / "guests.png", 60, 61)
    for number in (1, 2):
        shutil.copy(path, people / f"person {number}" / "shared.png")
    fill(library, config.parent / "data")
    fill(people, evaluation(config))
    return path


def test_a_photo_is_forgotten_in_both_libraries_and_proven_so(
    run: Run, both: Path, people: Path, config: Path
) -> None:
    wanted = vectors(config.parent / "data", "guests.png")
    assert len(holders(config.parent / "data", wanted)) >= 2
    outcome = run("forget", both, "--config", config)
    assert (outcome.code, outcome.err) == (0, "")
    assert "from the library of evaluate and calibrate: 1 image, 2 faces" in outcome.out
    for number in (1, 2):
        assert f"because it held the same photo: {people}/person {number}/shared.png" in outcome.out
    assert "proof: no file in the data folder holds any" in outcome.out
    assert holders(config.parent / "data", wanted) == []
    assert "shared.png" not in reasons(config)
    fill(people, evaluation(config))
    assert reasons(config)["shared.png"] == FORGOTTEN
    assert run("forget", both, "--allow", "--config", config).code == 0
    fill(people, evaluation(config))
    with Database(evaluation(config) / "person_count.db") as database:
        assert ask(database, "SELECT count(*) FROM erasures WHERE action = 'allow'") == [(1,)]


def test_a_photo_that_only_an_evaluation_saw_can_be_named(
    run: Run, library: Path, people: Path, config: Path
) -> None:
    photo = save_picture(people / "person 0" / "alone.png", 62)
    fill(people, evaluation(config))
    wanted = vectors(evaluation(config), photo.name)
    shutil.copy(photo, library / "later.png")
    outcome = run("forget", photo, "--config", config)
    assert outcome.code == 0
    assert "forgotten: 1 file, 0 images" in outcome.out
    assert "from the library of evaluate and calibrate: 1 image, 1 face" in outcome.out
    assert holders(config.parent / "data", wanted) == []
    fill(library, config.parent / "data")
    with Database(config.parent / "data" / "person_count.db") as database:
        assert ask(database, "SELECT error FROM files WHERE path LIKE '%later.png'") == [
            (FORGOTTEN,)
        ]
    shutil.rmtree(people)
    assert run("forget", people, "--config", config).code == 0
    assert reasons(config) == {}


@pytest.mark.parametrize("by", ["ingest", "evaluate"])
def test_an_interrupted_erasure_is_finished_there_too(
    run: Run, both: Path, people: Path, config: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    wanted = vectors(config.parent / "data", "guests.png")
    with monkeypatch.context() as broken:
        broken.setattr(forget, "_apply_log", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run("forget", both, "--config", config)
    assert holders(evaluation(config), wanted) != []
    if by == "ingest":
        with Database(config.parent / "data" / "person_count.db") as database:
            finish_erasures(database, config.parent / "data")
    else:
        monkeypatch.setattr("commands.evaluate.DRAWS", 5)
        assert run("evaluate", people, "--config", config).code == 0
    assert holders(evaluation(config), wanted) == []


def test_it_can_be_moved_with_the_data_folder(
    run: Run, both: Path, people: Path, config: Path
) -> None:
    assert run("forget", both, "--config", config).code == 0
    moved = config.parent / "elsewhere"
    (config.parent / "data").rename(moved)
    write_config(config.parent, data=str(moved))
    assert run("forget", people / "person 0", "--config", config).code == 0
    assert (moved / "evaluation" / "erasures.log").samefile(moved / "erasures.log")


def test_one_that_cannot_be_used_is_named_with_the_cure_before_anything_is_done(
    run: Run, both: Path, config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = config.parent / "data"
    (evaluation(config) / "person_count.db").write_bytes(b"these are somebody's notes\n" * 100)
    outcome = run("forget", both, "--config", config)
    assert (outcome.code, outcome.out) == (1, "")
    assert f"or delete {evaluation(config)}, which evaluate makes anew" in outcome.err
    assert not (data / "erasures.log").exists()
    with Database(data / "person_count.db") as database, caplog.at_level(logging.ERROR):
        finish_erasures(database, data)  # ingest starts all the same
    assert "erasure.evaluation_unusable" in caplog.text
    shutil.rmtree(evaluation(config))
    assert run("forget", both, "--config", config).code == 0


def test_a_log_of_its_own_is_refused(run: Run, both: Path, config: Path) -> None:
    (evaluation(config) / "erasures.log").write_text(f"key {'0' * 64}\n")
    outcome = run("forget", both, "--config", config)
    assert outcome.code == 1
    assert "erasures.log is a log of its own; or delete" in outcome.err


def test_copies_that_an_upgrade_has_left_there_are_deleted(
    run: Run, both: Path, config: Path
) -> None:
    copy = evaluation(config) / "person_count.db.before-0004"
    shutil.copy(evaluation(config) / "person_count.db", copy)
    assert run("forget", both, "--config", config).code == 0
    assert not copy.exists()


def test_age_is_for_the_library_to_judge(
    people: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evaluate would write into the library's log while somebody else does, and bar its photos."""
    given: list[Settings] = []

    class Noting(labelled.Drain):
        def __init__(self, database: Database, settings: Settings, stop: threading.Event) -> None:
            given.append(settings)
            super().__init__(database, settings, stop)

    monkeypatch.setattr(labelled, "Drain", Noting)
    settings = Settings(data=config.parent / "data", retention_days=1.0)
    labelled.load_labelled(people, settings, quiet, threading.Event())
    assert [one.retention_days for one in given] == [None]
