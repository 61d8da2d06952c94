"""A database that is moved, deleted or replaced while it is open is not used any more."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from index.base.errors import DatabaseReplacedError, WriterBusyError
from index.base.settings import Settings
from index.database.engine import Database
from index.database.holders import LIST, refuse_other_holders
from index.database.migration import migrate
from index.upkeep.backup import back_up, restore
from index.upkeep.forget import forget
from tests.waiting import wait_until


def move_the_folder(settings: Settings) -> None:
    settings.data.rename(settings.data.with_name("moved"))


def move_and_put_another(settings: Settings) -> None:
    move_the_folder(settings)
    settings.data.mkdir()
    migrate(settings.database_path)


def delete(settings: Settings) -> None:
    settings.database_path.unlink()


def replace(settings: Settings) -> None:
    other = settings.data / "other.db"
    migrate(other)
    other.replace(settings.database_path)


CHANGES = [move_the_folder, move_and_put_another, delete, replace]


def silent(*_: object) -> None:
    pass


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_neither_read_nor_written(
    database: Database, settings: Settings, change: Callable[[Settings], None]
) -> None:
    with database.watch_commits() as counter:
        counter.value()
        change(settings)
        with pytest.raises(DatabaseReplacedError, match="moved, deleted or replaced"):
            counter.value()
    with pytest.raises(DatabaseReplacedError), database.read():
        pass
    with pytest.raises(DatabaseReplacedError), database.write():
        pass
    for method in (database.checkpoint, database.vacuum):
        with pytest.raises(DatabaseReplacedError):
            method()


def test_it_is_used_again_once_it_is_back(database: Database, settings: Settings) -> None:
    move_the_folder(settings)
    with pytest.raises(DatabaseReplacedError), database.read():
        pass
    settings.data.with_name("moved").rename(settings.data)
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM files").scalar() == 0


def test_what_was_written_while_it_was_moved_is_not_called_done(
    database: Database, settings: Settings
) -> None:
    with pytest.raises(DatabaseReplacedError), database.write():
        move_and_put_another(settings)


HOLDER = """
import sys
from pathlib import Path
from index.database.engine import Database
with Database(Path(sys.argv[1])):
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(database: Database, settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has the database open."""
    database.close()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(settings.database_path)],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        yield process
        process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="no abstract sockets")
def test_restore_and_forget_refuse_while_a_process_holds_the_file_that_was_there(
    holder: subprocess.Popen[bytes], settings: Settings, tmp_path: Path
) -> None:
    backup = tmp_path / "backup.db"
    back_up(settings.database_path, backup, silent)
    refuse_other_holders(settings.database_path)  # it holds the file that is there
    move_the_folder(settings)
    settings.data.mkdir(mode=0o700)
    expected = f"process {holder.pid} still uses the database that was at"
    with pytest.raises(WriterBusyError, match=expected):
        restore(backup, settings.data, settings.database_path, silent)
    assert not settings.database_path.exists()
    migrate(settings.database_path)
    roots = settings.resolve_roots()
    with (
        Database(settings.database_path) as present,
        pytest.raises(WriterBusyError, match=expected),
    ):
        forget(present, settings.data, roots, [settings.inbox], silent)
    holder.kill()
    wait_until(lambda: holder.poll() is not None, "it has ended")
    restore(backup, settings.data, settings.database_path, silent)


def test_the_list_of_holders_tells_no_path(database: Database, settings: Settings) -> None:
    listed = LIST.read_text("utf-8").splitlines()
    ours = [line for line in listed if "@person-count/" in line and f"/{os.getpid()}/" in line]
    assert ours
    assert str(settings.data) not in "".join(ours)
    database.close()
    assert not [line for line in LIST.read_text("utf-8").splitlines() if line in ours]
