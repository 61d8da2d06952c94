"""Copies of the database that are whole, whatever goes on beside them."""

import stat
import threading
from pathlib import Path

import pytest

from index.base.errors import ConfigError, StoreError
from index.database.engine import Database
from index.database.queries.generations import GenerationRow
from index.upkeep.backup import Contents, back_up
from index.upkeep.verify import verify
from tests.index.builders import ask, flip_byte, image, index_file, names, quiet


def test_a_backup_is_one_private_file_that_holds_everything(
    database: Database, snapshotted: GenerationRow, target: Path
) -> None:
    steps: list[tuple[int, int]] = []
    found = back_up(database.path, target, lambda done, total: steps.append((done, total)))
    assert found == Contents(images=3, faces=6)
    assert names(target.parent) == {"monday.db"}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert steps[-1][0] == steps[-1][1] > 0
    assert snapshotted.id == 1
    with Database(target) as copy:
        assert verify(copy).faces == 6


def test_a_backup_while_others_write_is_one_moment_of_theirs(
    database: Database, snapshotted: GenerationRow, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.database.database_file.PAGES", 1)
    written = 0

    def write(_done: int, _total: int) -> None:
        nonlocal written
        if written < 40:
            written += 1
            with Database(database.path) as other:
                index_file(other, snapshotted.id, f"/later/{written}", image(f"later {written}", 1))

    with Database(database.path):
        found = back_up(database.path, target, write)
    assert written > 10
    assert found == Contents(images=3, faces=6)
    assert ask(database, "SELECT count(*) FROM images") == [(3 + written,)]


def test_a_backup_beside_a_busy_writer_thread_holds_together(
    database: Database, snapshotted: GenerationRow, target: Path
) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            index_file(database, snapshotted.id, f"/busy/{number}", image(f"busy {number}", 2))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            found = back_up(database.path, target.with_name(f"{number}.db"), quiet)
            assert found.faces == 2 * found.images
    finally:
        stop.set()
        writer.join()


def test_an_empty_library_can_be_backed_up(database: Database, target: Path) -> None:
    assert back_up(database.path, target, quiet) == Contents(0, 0)


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("nowhere")])
def test_nothing_is_overwritten(database: Database, target: Path, make: object) -> None:
    make(target)  # type: ignore[operator]
    with pytest.raises(ConfigError, match=r"there is a .*monday\.db already"):
        back_up(database.path, target, quiet)
    assert names(target.parent) == {"monday.db"}


def test_what_is_missing_is_named(database: Database, target: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no folder"):
        back_up(database.path, tmp_path / "nowhere" / "a.db", quiet)
    with pytest.raises(ConfigError, match=r"there is no database at .*other\.db"):
        back_up(tmp_path / "other.db", target, quiet)
    assert names(target.parent) == set()


def test_a_damaged_library_makes_no_backup(
    database: Database, snapshotted: GenerationRow, target: Path
) -> None:
    flip_byte(database, "faces", "embedding", snapshotted.id, 3)
    with pytest.raises(StoreError, match="the vector of face 1 does not match its checksum"):
        back_up(database.path, target, quiet)
    assert names(target.parent) == set()


def test_an_interrupted_backup_leaves_nothing(
    database: Database, snapshotted: GenerationRow, target: Path
) -> None:
    assert snapshotted.id

    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(database.path, target, interrupt)
    assert names(target.parent) == set()
    (target.parent / ".monday.db.partial").write_text("left by kill -9")
    assert back_up(database.path, target, quiet).faces == 6
    assert names(target.parent) == {"monday.db"}
