"""Putting a backup back: wholly, or not at all."""

import stat
from pathlib import Path

import pysqlite3.dbapi2 as sqlite_driver
import pytest
from alembic import command

from index.base.errors import ConfigError, StoreError, WriterBusyError
from index.base.lock import exclusive
from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries.generations import GenerationRow
from index.upkeep.backup import Contents, back_up
from index.upkeep.verify import verify
from tests.index.builders import flip_byte, image, index_file, names, put_back, quiet
from tests.migrations.databases import alembic


@pytest.fixture
def closed(
    database: Database, snapshotted: GenerationRow, settings: Settings, target: Path
) -> Settings:
    """A library with a backup that it has outgrown, used by nobody."""
    back_up(database.path, target, quiet)
    index_file(database, snapshotted.id, "/new", image("new", 1))
    database.close()
    return settings


def count(path: Path) -> int:
    with Database(path) as opened:
        return verify(opened).faces


def test_a_restored_library_is_what_it_was_and_the_present_one_is_kept(
    closed: Settings, target: Path
) -> None:
    done = put_back(target, closed)
    assert (done.contents, done.erased.images) == (Contents(3, 6), 0)
    assert done.kept == closed.database_path.with_name("person_count.db.before-restore")
    assert count(closed.database_path) == 6
    assert count(done.kept) == 7
    assert target.exists()
    assert stat.S_IMODE(closed.database_path.stat().st_mode) == 0o600
    with Database(closed.database_path) as opened:
        assert verify(opened).problems == []


def test_restoring_twice_keeps_the_last_one(closed: Settings, target: Path) -> None:
    put_back(target, closed)
    again = put_back(closed.database_path.with_name("person_count.db.before-restore"), closed)
    assert again.contents.faces == 7
    assert again.kept is not None
    assert count(again.kept) == 6


def test_a_library_that_is_gone_is_restored(closed: Settings, target: Path) -> None:
    closed.database_path.unlink()
    assert put_back(target, closed).kept is None
    assert count(closed.database_path) == 6


def test_a_library_that_is_ruined_is_restored_and_kept_as_it_was(
    closed: Settings, target: Path
) -> None:
    closed.database_path.write_bytes(b"ruined " * 1000)
    wal = closed.database_path.with_name("person_count.db-wal")
    wal.write_bytes(b"also ruined")
    done = put_back(target, closed)
    assert done.kept is not None
    assert done.kept.read_bytes() == b"ruined " * 1000
    assert done.kept.with_name(done.kept.name + "-wal").read_bytes() == b"also ruined"
    assert not wal.exists()
    assert count(closed.database_path) == 6


@pytest.mark.parametrize("job", ["ingest", "reindex"])
def test_nothing_is_restored_under_a_working_process(
    closed: Settings, target: Path, job: str
) -> None:
    before = closed.database_path.read_bytes()
    with exclusive(closed.data, job), pytest.raises(WriterBusyError, match=job):
        put_back(target, closed)
    assert closed.database_path.read_bytes() == before


def test_nothing_is_restored_under_a_service(closed: Settings, target: Path) -> None:
    with Database(closed.database_path) as service, service.watch_commits() as counter:
        counter.value()
        with pytest.raises(WriterBusyError, match="is in use; stop person-count serve"):
            put_back(target, closed)
    assert count(closed.database_path) == 7
    assert "person_count.db.restoring" not in names(closed.data)


def damage_pages(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 9] = b"\xa5" * 4096 * 6
    path.write_bytes(data)


def damage_vector(path: Path) -> None:
    with Database(path) as opened:
        flip_byte(opened, "faces", "embedding", 2, 9)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def replace_by_text(path: Path) -> None:
    path.write_bytes(b"some notes " * 900)


def make_newer(path: Path) -> None:
    connection = sqlite_driver.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "damage", [damage_pages, damage_vector, cut_off, replace_by_text, make_newer]
)
def test_a_damaged_backup_is_refused_and_nothing_changes(
    closed: Settings, target: Path, damage: object
) -> None:
    damage(target)  # type: ignore[operator]
    files = names(closed.data)
    with pytest.raises(StoreError, match=r"monday\.db was not (restored|copied)") as caught:
        put_back(target, closed)
    assert "\n" not in str(caught.value)
    assert names(closed.data) <= files | {"ingest.lock", "reindex.lock", "erasure.lock"}
    assert count(closed.database_path) == 7


def test_an_empty_file_is_no_backup(closed: Settings, target: Path) -> None:
    empty(target)
    with pytest.raises(StoreError, match=r"monday\.db was not restored"):
        put_back(target, closed)
    assert count(closed.database_path) == 7


def test_a_backup_that_is_not_there_is_named(closed: Settings, target: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no backup .*tuesday\.db"):
        put_back(target.with_name("tuesday.db"), closed)


def test_a_backup_of_an_older_revision_is_brought_up_to_date(
    closed: Settings, target: Path
) -> None:
    alembic(target, command.downgrade, "0002")
    assert put_back(target, closed).contents == Contents(3, 6)
    assert names(closed.data) >= {"person_count.db", "person_count.db.before-restore"}
    assert not [name for name in names(closed.data) if "restoring" in name]
    assert count(closed.database_path) == 6
