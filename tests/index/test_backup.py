"""Copies of the database that are whole, and putting them back."""

import shutil
import stat
import threading
from pathlib import Path

import pysqlite3.dbapi2 as sqlite_driver
import pytest
from alembic import command
from alembic.config import Config

from index import backup as module
from index import forget
from index.backup import Contents, back_up, restore
from index.database import MIGRATIONS, Database, _engine, exclusive
from index.errors import ConfigError, StoreError, WriterBusyError
from index.paths import Roots
from index.settings import Settings
from index.snapshots import write_snapshot
from index.store.generations import GenerationRow
from index.verify import verify
from ingest.process import Housekeeping
from tests.fakes import save_picture
from tests.index.builders import SPACE, ask, flip_byte, image, index_file, small_generation
from tests.ingest.builders import Ingest


def quiet(_done: int, _total: int) -> None:
    pass


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "monday.db"


@pytest.fixture
def small(database: Database) -> GenerationRow:
    """Three photos with two faces each, in a snapshot."""
    made = small_generation(database)
    for number in range(3):
        index_file(database, made.id, f"/{number}", image(str(number), 2))
    write_snapshot(database, made.id, SPACE, 1.0)
    return made


def put_back(backup: Path, settings: Settings) -> module.Restored:
    return restore(backup, settings.data, settings.database_path, quiet)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# --- backup --------------------------------------------------------------------------------------


def test_a_backup_is_one_private_file_that_holds_everything(
    database: Database, small: GenerationRow, target: Path
) -> None:
    steps: list[tuple[int, int]] = []
    found = back_up(database.path, target, lambda done, total: steps.append((done, total)))
    assert found == Contents(images=3, faces=6)
    assert names(target.parent) == {"monday.db"}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert steps[-1][0] == steps[-1][1] > 0
    assert small.id == 1
    with Database(target) as copy:
        assert verify(copy).faces == 6


def test_a_backup_while_others_write_is_one_moment_of_theirs(
    database: Database, small: GenerationRow, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.database_file.PAGES", 1)
    written = 0

    def write(_done: int, _total: int) -> None:
        nonlocal written
        if written < 40:
            written += 1
            with Database(database.path) as other:
                index_file(other, small.id, f"/later/{written}", image(f"later {written}", 1))

    with Database(database.path):
        found = back_up(database.path, target, write)
    assert written > 10
    assert found == Contents(images=3, faces=6)
    assert ask(database, "SELECT count(*) FROM images") == [(3 + written,)]


def test_a_backup_beside_a_busy_writer_thread_holds_together(
    database: Database, small: GenerationRow, target: Path
) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            index_file(database, small.id, f"/busy/{number}", image(f"busy {number}", 2))

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
    database: Database, small: GenerationRow, target: Path
) -> None:
    flip_byte(database, "faces", "embedding", small.id, 3)
    with pytest.raises(StoreError, match="the vector of face 1 does not match its checksum"):
        back_up(database.path, target, quiet)
    assert names(target.parent) == set()


def test_an_interrupted_backup_leaves_nothing(
    database: Database, small: GenerationRow, target: Path
) -> None:
    assert small.id

    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(database.path, target, interrupt)
    assert names(target.parent) == set()
    (target.parent / ".monday.db.partial").write_text("left by kill -9")
    assert back_up(database.path, target, quiet).faces == 6
    assert names(target.parent) == {"monday.db"}


# --- restore -------------------------------------------------------------------------------------


@pytest.fixture
def closed(database: Database, small: GenerationRow, settings: Settings, target: Path) -> Settings:
    """A library with a backup that it has outgrown, used by nobody."""
    back_up(database.path, target, quiet)
    index_file(database, small.id, "/new", image("new", 1))
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
    engine = _engine(target, writer=True)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("BEGIN")
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")
        connection.commit()
    engine.dispose()
    assert put_back(target, closed).contents == Contents(3, 6)
    assert names(closed.data) >= {"person_count.db", "person_count.db.before-restore"}
    assert not [name for name in names(closed.data) if "restoring" in name]
    assert count(closed.database_path) == 6


# --- restore and erasures ------------------------------------------------------------------------


@pytest.fixture
def ingest(database: Database, settings: Settings, generation: GenerationRow) -> Ingest:
    made = Ingest(database, settings, generation)
    made.drop("ann.png", 1)
    made.drop("bob.png", 2)
    made.index()
    Housekeeping(database, settings).snapshot(made.worker)
    return made


def forget_file(ingest: Ingest, name: str) -> None:
    roots = Roots([ingest.inbox])
    forget.forget(ingest.database, ingest.settings.data, roots, [ingest.inbox / name], quiet)


def reopened(ingest: Ingest) -> Ingest:
    """Ingest after the restore, in a process of its own."""
    return Ingest(Database(ingest.settings.database_path), ingest.settings, ingest.generation)


def test_a_restored_backup_does_not_bring_back_what_was_forgotten_since(
    ingest: Ingest, target: Path
) -> None:
    vector = ingest.vectors("ann.png")[0].tobytes()
    back_up(ingest.database.path, target, quiet)
    forget_file(ingest, "ann.png")
    ingest.database.close()
    done = put_back(target, ingest.settings)
    assert (done.erased.images, done.erased.faces) == (1, 1)
    assert done.contents == Contents(1, 1)
    data = ingest.settings.data
    assert all(vector[:512] not in path.read_bytes() for path in data.iterdir())
    after = reopened(ingest)
    with after.database:
        assert after.states() == {"bob.png": "indexed"}
        after.index()
        assert after.reason("ann.png") == "it was forgotten on request"
        after.check()


def test_what_was_allowed_again_since_is_indexed_after_a_restore(
    ingest: Ingest, target: Path
) -> None:
    forget_file(ingest, "ann.png")
    back_up(ingest.database.path, target, quiet)
    roots = Roots([ingest.inbox])
    allowed = [ingest.inbox / "ann.png"]
    assert forget.allow(ingest.database, ingest.settings.data, roots, allowed, quiet) == 1
    ingest.database.close()
    put_back(target, ingest.settings)
    after = reopened(ingest)
    with after.database:
        after.index()
        assert after.states() == {"ann.png": "indexed", "bob.png": "indexed"}


def test_erasures_before_the_backup_stay_and_later_ones_go_on(ingest: Ingest, target: Path) -> None:
    forget_file(ingest, "ann.png")
    back_up(ingest.database.path, target, quiet)
    ingest.database.close()
    assert put_back(target, ingest.settings).erased.images == 0
    after = reopened(ingest)
    with after.database:
        after.index()
        assert after.reason("ann.png") == "it was forgotten on request"
        forget_file(after, "bob.png")
        after.index()
        assert set(after.states().values()) == {"failed"}


def test_on_another_machine_the_erasure_log_must_come_along(
    ingest: Ingest, target: Path, tmp_path: Path
) -> None:
    forget_file(ingest, "ann.png")
    back_up(ingest.database.path, target, quiet)
    there = ingest.settings.model_copy(update={"data": tmp_path / "elsewhere"})
    with pytest.raises(StoreError, match=r"erasures\.log is missing"):
        put_back(target, there)
    assert not there.database_path.exists()
    shutil.copy(ingest.settings.data / "erasures.log", there.data)
    assert put_back(target, there).contents == Contents(1, 1)


def test_photos_dropped_after_the_backup_are_found_by_the_next_scan(
    ingest: Ingest, target: Path
) -> None:
    back_up(ingest.database.path, target, quiet)
    save_picture(ingest.inbox / "new.png", 3)
    ingest.index()
    ingest.database.close()
    put_back(target, ingest.settings)
    after = reopened(ingest)
    with after.database:
        after.index()
        assert set(after.states().values()) == {"indexed"}
        assert len(after.states()) == 3
        after.check()
