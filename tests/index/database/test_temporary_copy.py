"""Copies of killed commands are removed by the next ones, wherever they are."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries.generations import GenerationRow
from index.database.temporary_copy import remove_abandoned, temporary_copy
from index.upkeep.backup import back_up
from index.upkeep.forget import forget
from tests.fakes import save_picture

KILLED = """
import os, signal, sys
from pathlib import Path
from index.upkeep.backup import back_up
back_up(Path(sys.argv[1]), Path(sys.argv[2]), lambda *_: os.kill(os.getpid(), signal.SIGKILL))
"""


def silent(*_: object) -> None:
    pass


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    made = tmp_path / "backups"
    made.mkdir()
    return made


@pytest.fixture
def left(database: Database, generation: GenerationRow, elsewhere: Path) -> Path:
    """The copy of a backup that was killed."""
    assert generation.id
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(database.path), str(elsewhere / "monday.db")],
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    (found,) = elsewhere.glob(".monday.db.partial")
    return found


def next_backup(database: Database, settings: Settings, elsewhere: Path) -> None:
    back_up(database.path, elsewhere.parent / "tuesday.db", silent)
    assert settings.data.is_dir()


def next_forget(database: Database, settings: Settings, elsewhere: Path) -> None:
    assert elsewhere.is_dir()
    photo = settings.inbox / "a.png"
    save_picture(photo, 1)
    forget(database, settings.data, settings.resolve_roots(), [photo], silent)


def next_verify(_database: Database, settings: Settings, _elsewhere: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "person_count", "verify"],
        cwd=Path(__file__).parents[3],
        env={"PERSON_COUNT_INBOX": str(settings.inbox), "PERSON_COUNT_DATA": str(settings.data)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "a command that was killed had left it" in done.stderr


@pytest.mark.parametrize("command", [next_backup, next_forget, next_verify])
def test_the_copy_of_a_killed_backup_is_removed(
    left: Path,
    database: Database,
    settings: Settings,
    elsewhere: Path,
    command: Callable[[Database, Settings, Path], None],
) -> None:
    assert left.stat().st_mode & 0o77 == 0
    command(database, settings, elsewhere)
    assert list(elsewhere.iterdir()) == []
    assert list(settings.data.glob("*.note")) == []


def test_a_copy_under_way_is_left_alone(settings: Settings, tmp_path: Path) -> None:
    with temporary_copy(tmp_path / "copy", settings.data) as path:
        path.write_bytes(b"x")
        code = (
            "import sys; from pathlib import Path;"
            "from index.database.temporary_copy import remove_abandoned;"
            "remove_abandoned(Path(sys.argv[1]))"
        )
        subprocess.run(
            [sys.executable, "-c", code, str(settings.data)],
            cwd=Path(__file__).parents[3],
            check=True,
        )
        assert path.exists()
    assert not path.exists()
    assert list(settings.data.glob("*.note")) == []


def test_a_copy_on_a_disk_that_is_away_is_removed_later(
    left: Path, settings: Settings, elsewhere: Path
) -> None:
    away = elsewhere.rename(elsewhere.with_name("away"))
    remove_abandoned(settings.data)
    assert (away / left.name).exists()
    away.rename(elsewhere)
    remove_abandoned(settings.data)
    assert not left.exists()
    assert list(settings.data.glob("*.note")) == []
