import re
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pysqlite3.dbapi2 as sqlite_driver
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event

from index import database as database_module
from index.database import MIGRATIONS, Database, head_revision, integrity_problems, migrate
from index.errors import SchemaMismatchError, StoreError
from index.schema import Base
from index.snapshots import write_snapshot
from index.space import Profile, Space
from index.store import generations, library, queue
from index.vectors import VectorIndex

PROFILE = Profile((0.0,) * 4, 0.4)
VECTORS = np.arange(12, dtype="<f4").reshape(3, 4) + 1
BLOBS = [vector.tobytes() for vector in VECTORS]

# Revisions that have landed are never edited: databases have been made with them.
FIRST_COLUMNS = {
    "generations": "id model_id weights profile state created_at",
    "images": "id sha256 width height orphaned_at",
    "files": (
        "id path size mtime_ns ctime_ns inode state image_id attempts error priority ready_at"
    ),
    "analyses": "image_id generation_id face_count",
    "faces": (
        "id image_id generation_id x1 y1 x2 y2 probability landmarks sharpness dim embedding crc32"
    ),
    "changelog": "seq generation_id face_id added",
}
SECOND_COLUMNS = {
    "index_chunks": "id generation_id face_count sha256 data",
    "snapshots": "id generation_id upto_seq face_count space_id faiss_version created_at",
    "snapshot_chunks": "snapshot_id position chunk_id",
}

FIFTH_COLUMNS = {
    "ingest_report": "id document reported_at",
    "places": "path device inode missing reason held_scans held_seconds accepted",
}

POPULATION: dict[str, list[tuple[Any, ...]]] = {
    "generations": [(1, "model", "weights", PROFILE.to_json(), "active", 1.5)],
    "images": [(1, b"1" * 32, 640, 480, None), (2, b"2" * 32, 64, 48, 9.5)],
    "files": [
        (1, "/in/人.jpg", 1, 2, 3, "18446744073709551615", "indexed", 1, 0, None, 0, None),
        (2, "/in/b.jpg", 1, 2, 3, "7", "failed", None, 2, "it is cut off", 0, 99.5),
        (3, "/in/c.jpg", 1, 2, 3, "8", "pending", None, 0, None, 1, 3.5),
    ],
    "analyses": [(1, 1, 2), (2, 1, 1)],
    "faces": [
        (5, 1, 1, -1.5, 2.0, 3.0, 4.0, 0.99, b"", 7.25, 4, BLOBS[0], zlib.crc32(BLOBS[0])),
        (6, 1, 1, 1.0, 2.0, 3.0, 4.0, 0.98, b"", 7.25, 4, BLOBS[1], zlib.crc32(BLOBS[1])),
        (9, 2, 1, 1.0, 2.0, 3.0, 4.0, 0.97, b"", 7.25, 4, BLOBS[2], zlib.crc32(BLOBS[2])),
    ],
    "changelog": [(1, 1, 5, 1), (2, 1, 6, 1), (3, 1, 9, 1)],
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "person_count.db"


def alembic(path: Path, action: Callable[[Config, str], None], revision: str) -> None:
    """Run an Alembic command as index.database.migrate does."""
    path.parent.mkdir(exist_ok=True)
    engine = database_module._engine(path, writer=True)
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA foreign_keys=OFF"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        action(config, revision)
        assert integrity_problems(connection) == []
        connection.commit()
    engine.dispose()


def run(path: Path, sql: str, *rows: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Run *sql* past SQLAlchemy, once for each of *rows*."""
    connection = sqlite_driver.connect(path)
    try:
        found: list[tuple[Any, ...]] = []
        for row in rows or [()]:
            found += connection.execute(sql, row).fetchall()
        connection.commit()
        return found
    finally:
        connection.close()


def populate(path: Path) -> None:
    """Fill a database of the first revision."""
    alembic(path, command.upgrade, "0001")
    for table, rows in POPULATION.items():
        names = FIRST_COLUMNS[table].split()
        marks = ", ".join("?" * len(names))
        run(path, f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", *rows)


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The columns that the first revision had, of all rows."""
    found = {}
    for table, names in FIRST_COLUMNS.items():
        found[table] = run(path, f"SELECT {names.replace(' ', ', ')} FROM {table} ORDER BY 1, 2")
    return found


def columns(path: Path, table: str) -> str:
    return " ".join(row[1] for row in run(path, f"PRAGMA table_info({table})"))


def tables(path: Path) -> dict[str, str]:
    return dict(run(path, "SELECT name, sql FROM sqlite_master WHERE type = 'table'"))


def layout(path: Path) -> dict[str, set[tuple[Any, ...]]]:
    """Tables and indexes with the names, types and constraints of their columns."""
    found = {name: set(run(path, f"PRAGMA table_info({name})")) for name in tables(path)}
    for (name,) in run(path, "SELECT name FROM sqlite_master WHERE type = 'index'"):
        found[name] = set(run(path, f"PRAGMA index_info({name})"))
    return found


def older_revisions() -> list[str]:
    script = ScriptDirectory(str(MIGRATIONS))
    return sorted(revision.revision for revision in script.walk_revisions())[:-1]


class TestFromEmpty:
    def test_a_database_is_created_at_the_newest_revision(self, path: Path) -> None:
        assert migrate(path) == (None, head_revision())
        with Database(path) as database, database.read() as connection:
            assert integrity_problems(connection) == []
            assert queue.counts(connection) == {"pending": 0, "indexed": 0, "failed": 0}

    def test_only_the_owner_can_read_it(self, path: Path) -> None:
        migrate(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_nothing_is_backed_up(self, path: Path) -> None:
        migrate(path)
        assert [found.name for found in path.parent.iterdir()] == [path.name]

    def test_migrating_again_changes_nothing(self, path: Path) -> None:
        migrate(path)
        before = path.read_bytes()
        assert migrate(path) == (head_revision(), head_revision())
        assert path.read_bytes() == before
        assert [found.name for found in path.parent.iterdir()] == [path.name]

    def test_an_empty_file_becomes_a_database(self, path: Path) -> None:
        path.parent.mkdir()
        path.touch()
        assert migrate(path) == (None, head_revision())


class TestFromAnOlderRevision:
    @pytest.mark.parametrize("revision", older_revisions())
    def test_rows_stay_as_they_were(self, path: Path, revision: str) -> None:
        populate(path)
        alembic(path, command.upgrade, revision)
        assert contents(path) == POPULATION
        assert migrate(path) == (revision, head_revision())
        assert contents(path) == POPULATION
        assert integrity(path) == []

    def test_the_library_goes_on_working(self, path: Path) -> None:
        populate(path)
        migrate(path)
        space = Space(PROFILE)
        with Database(path) as database:
            with database.read() as connection:
                generation = generations.active(connection)
                assert generation is not None
                assert library.face_ids(connection, 1).tolist() == [5, 6, 9]
            assert write_snapshot(database, generation.id, space, 1.0)
            index = VectorIndex(generation.id, space)
            with database.read() as connection:
                index.open(connection)
            np.testing.assert_array_equal(index.vectors([5, 6, 9]), space.unit(VECTORS))
            with database.write() as connection:
                claims = queue.claim(connection, 10, 100.0)
                assert [claim.path for claim in claims] == ["/in/c.jpg", "/in/b.jpg"]
                assert library.drop_orphans(connection, 9.5) == 1

    def test_a_copy_of_what_was_is_kept_beside_it(self, path: Path) -> None:
        populate(path)
        migrate(path)
        copy = path.with_name(f"{path.name}.before-{head_revision()}")
        assert contents(copy) == POPULATION
        assert run(copy, "SELECT version_num FROM alembic_version") == [("0001",)]
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600

    def test_a_copy_includes_what_is_only_in_the_log_so_far(self, path: Path) -> None:
        populate(path)
        held = sqlite_driver.connect(path)
        try:
            held.execute("PRAGMA journal_mode=WAL")
            held.execute("INSERT INTO images VALUES (3, x'33', 1, 1, NULL)")
            held.commit()
            assert path.with_name(path.name + "-wal").stat().st_size > 0
            migrate(path)
        finally:
            held.close()
        copy = path.with_name(f"{path.name}.before-{head_revision()}")
        assert run(copy, "SELECT count(*) FROM images") == [(3,)]

    def test_a_migration_that_fails_leaves_everything_as_it_was(self, path: Path) -> None:
        populate(path)
        run(path, "CREATE TABLE snapshots (in_the_way)")
        with pytest.raises(StoreError, match="snapshots already exists"):
            migrate(path)
        assert contents(path) == POPULATION
        assert "index_chunks" not in tables(path)
        assert run(path, "SELECT version_num FROM alembic_version") == [("0001",)]
        run(path, "DROP TABLE snapshots")
        assert migrate(path) == ("0001", head_revision())

    def test_broken_references_are_found_before_anything_is_committed(self, path: Path) -> None:
        populate(path)
        run(path, "UPDATE faces SET image_id = 77 WHERE id = 5")
        with pytest.raises(StoreError, match="faces row 5 refers to a missing row of images"):
            migrate(path)
        assert run(path, "SELECT version_num FROM alembic_version") == [("0001",)]


class TestThereAndBack:
    def test_every_revision_can_be_left_and_entered_again(self, path: Path) -> None:
        migrate(path)
        newest = layout(path)
        alembic(path, command.downgrade, "base")
        assert set(tables(path)) <= {"alembic_version", "sqlite_sequence"}
        migrate(path)
        assert layout(path) == newest

    def test_stepping_back_from_the_newest_keeps_the_library(self, path: Path) -> None:
        populate(path)
        first = layout(path)
        migrate(path)
        with Database(path) as database:
            write_snapshot(database, 1, Space(PROFILE), 1.0)
        alembic(path, command.downgrade, "0001")
        assert layout(path) == first
        kept = {table: rows for table, rows in POPULATION.items() if table != "changelog"}
        assert {table: contents(path)[table] for table in kept} == kept
        assert migrate(path) == ("0001", head_revision())

    def test_revisions_that_have_landed_are_never_edited(self, path: Path) -> None:
        alembic(path, command.upgrade, "0002")
        landed = FIRST_COLUMNS | SECOND_COLUMNS
        assert {table: columns(path, table) for table in landed} == landed

    def test_the_fifth_is_never_edited_either(self, path: Path) -> None:
        alembic(path, command.upgrade, "0005")
        assert {table: columns(path, table) for table in FIFTH_COLUMNS} == FIFTH_COLUMNS

    def test_revisions_form_one_line(self) -> None:
        script = ScriptDirectory(str(MIGRATIONS))
        revisions = [revision.revision for revision in script.walk_revisions()]
        assert revisions == sorted(revisions, reverse=True)
        assert len(script.get_heads()) == len(script.get_bases()) == 1


class TestModels:
    def test_are_what_the_migrations_make(self, path: Path) -> None:
        migrate(path)
        with Database(path) as database, database.read() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "compare_server_default": True}
            )
            assert compare_metadata(context, Base.metadata) == []

    def test_agree_on_what_alembic_does_not_compare(self, path: Path) -> None:
        migrate(path)
        modelled = path.with_name("modelled.db")
        engine = database_module._engine(modelled, writer=True)
        Base.metadata.create_all(engine)
        engine.dispose()

        def special(sql: str) -> list[str]:
            return sorted(re.findall(r"AUTOINCREMENT|CONSTRAINT ck.*\)|ON DELETE \w+", sql))

        made = {name: special(sql) for name, sql in tables(modelled).items()}
        assert {name: special(tables(path)[name]) for name in made} == made
        assert "AUTOINCREMENT" in made["faces"]

    def test_a_vector_of_another_length_than_it_says_is_refused(self, path: Path) -> None:
        populate(path)
        migrate(path)
        with pytest.raises(sqlite_driver.IntegrityError, match="embedding_length"):
            run(path, "UPDATE faces SET dim = 5 WHERE id = 5")


class TestRefusals:
    def test_a_missing_database_names_the_cure(self, path: Path) -> None:
        with pytest.raises(SchemaMismatchError, match="person-count migrate") as caught:
            Database(path)
        assert str(path) in str(caught.value)
        assert not path.exists()

    def test_an_older_database_names_the_cure(self, path: Path) -> None:
        populate(path)
        with pytest.raises(SchemaMismatchError, match="person-count migrate") as caught:
            Database(path)
        assert "revision 0001" in str(caught.value)
        assert f"needs {head_revision()}" in str(caught.value)
        assert contents(path) == POPULATION

    def test_a_newer_database_is_refused_and_left_alone(self, path: Path) -> None:
        migrate(path)
        run(path, "UPDATE alembic_version SET version_num = '9999'")
        before = path.read_bytes()
        with pytest.raises(SchemaMismatchError, match="revision 9999"):
            Database(path)
        with pytest.raises(StoreError, match="9999"):
            migrate(path)
        assert path.read_bytes() == before

    @pytest.mark.parametrize("open_it", [Database, migrate])
    def test_a_newer_database_names_the_cure(
        self, path: Path, open_it: Callable[[Path], object]
    ) -> None:
        migrate(path)
        run(path, "UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(StoreError, match="install the version that wrote it"):
            open_it(path)

    def test_a_newer_database_costs_no_copy_that_an_upgrade_has_left(self, path: Path) -> None:
        populate(path)
        migrate(path)
        copy = path.with_name(f"{path.name}.before-{head_revision()}")
        before = copy.read_bytes()
        run(path, "UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(StoreError):
            migrate(path)
        assert copy.read_bytes() == before

    @pytest.mark.parametrize("open_it", [Database, migrate])
    def test_a_file_that_is_no_database_is_refused_and_left_alone(
        self, path: Path, open_it: Callable[[Path], object]
    ) -> None:
        path.parent.mkdir()
        path.write_bytes(b"these are somebody's notes\n" * 100)
        with pytest.raises(StoreError, match="file is not a database") as caught:
            open_it(path)
        assert path.read_bytes() == b"these are somebody's notes\n" * 100
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("open_it", [Database, migrate])
    def test_a_file_that_is_no_database_names_the_cure(
        self, path: Path, open_it: Callable[[Path], object]
    ) -> None:
        path.parent.mkdir()
        path.write_bytes(b"these are somebody's notes\n" * 100)
        with pytest.raises(StoreError) as caught:
            open_it(path)
        advice = str(caught.value).replace(str(path), "")
        assert re.search(r"move it|restore|person-count", advice), advice

    def test_another_programs_database_is_refused_and_left_alone(self, path: Path) -> None:
        path.parent.mkdir()
        run(path, "CREATE TABLE files (theirs)")
        with pytest.raises(SchemaMismatchError, match="schema revision none"):
            Database(path)
        with pytest.raises(StoreError, match="files already exists"):
            migrate(path)
        assert set(tables(path)) == {"files"}


def integrity(path: Path) -> list[str]:
    with Database(path) as database, database.read() as connection:
        return integrity_problems(connection)
