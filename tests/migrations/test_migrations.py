"""Migrations from nothing and from every older revision, there and back."""

import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pysqlite3.dbapi2 as sqlite_driver
import pytest
from alembic import command
from alembic.script import ScriptDirectory

from index.base.errors import StoreError
from index.database import migration
from index.database.engine import Database
from index.database.migration import integrity_problems, migrate
from index.database.queries import embeddings, generations, queue, stored_images
from index.database.revisions import MIGRATIONS, head_revision
from index.database.states import FileState
from index.vectors.snapshot_writer import write_snapshot
from index.vectors.space import Space
from index.vectors.vector_index import VectorIndex
from tests.migrations.databases import (
    FIRST_COLUMNS,
    POPULATION,
    PROFILE,
    VECTORS,
    alembic,
    columns,
    contents,
    older_revisions,
    populate,
    run,
    tables,
)

SECOND_COLUMNS = {
    "index_chunks": "id generation_id face_count sha256 data",
    "snapshots": "id generation_id upto_seq face_count space_id faiss_version created_at",
    "snapshot_chunks": "snapshot_id position chunk_id",
}

FIFTH_COLUMNS = {
    "ingest_report": "id document reported_at",
    "places": "path device inode missing reason held_scans held_seconds accepted",
}


def layout(path: Path) -> dict[str, set[tuple[Any, ...]]]:
    """Tables and indexes with the names, types and constraints of their columns."""
    found = {name: set(run(path, f"PRAGMA table_info({name})")) for name in tables(path)}
    for (name,) in run(path, "SELECT name FROM sqlite_master WHERE type = 'index'"):
        found[name] = set(run(path, f"PRAGMA index_info({name})"))
    return found


class TestFromEmpty:
    def test_a_database_is_created_at_the_newest_revision(self, path: Path) -> None:
        assert migrate(path) == (None, head_revision())
        with Database(path) as database, database.read() as connection:
            assert integrity_problems(connection) == []
            assert queue.counts(connection) == dict.fromkeys(FileState, 0)

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
        space = Space.calibrated(PROFILE)
        with Database(path) as database:
            with database.read() as connection:
                generation = generations.active(connection)
                assert generation is not None
                assert embeddings.face_ids(connection, 1).tolist() == [5, 6, 9]
            assert write_snapshot(database, generation.id, space, 1.0)
            index = VectorIndex(generation.id, space)
            with database.read() as connection:
                index.open(connection)
            np.testing.assert_array_equal(index.vectors([5, 6, 9]), space.unit(VECTORS))
            with database.write() as connection:
                claims = queue.claim(connection, 10, 100.0)
                assert [claim.path for claim in claims] == ["/in/c.jpg", "/in/b.jpg"]
                assert stored_images.drop_orphans(connection, 9.5) == 1

    def test_a_copy_of_what_was_is_kept_beside_it(self, path: Path) -> None:
        populate(path)
        migrate(path)
        copy = path.with_name(f"{path.name}.before-{head_revision()}")
        assert contents(copy) == POPULATION
        assert run(copy, "SELECT version_num FROM alembic_version") == [("0001",)]
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600

    @pytest.mark.parametrize("is_new", [True, False])
    def test_no_file_is_open_to_others_for_a_moment(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, is_new: bool
    ) -> None:
        if not is_new:
            populate(path)
            path.chmod(0o600)
            path.parent.chmod(0o700)
        monkeypatch.setattr(Path, "chmod", lambda *_: None)  # which would come too late
        seen: set[int] = set()

        def look(*_: object, **__: object) -> list[str]:
            seen.update(stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir())
            return []

        monkeypatch.setattr(migration, "integrity_problems", look)
        before = os.umask(0)
        try:
            migrate(path)
        finally:
            os.umask(before)
        assert seen == {0o600}

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

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (("casia-webface-704a", "casia-webface"), ("facenet-704a", "facenet")),
            (("vggface2-281c", "vggface2"), ("facenet-vggface2-281c", "facenet-vggface2")),
            (("vggface2-281c", "/nets/vggface2.pt"), ("vggface2-281c", "/nets/vggface2.pt")),
        ],
    )
    def test_models_bear_the_names_that_the_settings_know_now(
        self, path: Path, before: tuple[str, str], after: tuple[str, str]
    ) -> None:
        populate(path)
        run(path, "UPDATE generations SET model_id = ?, weights = ?", before)
        migrate(path)
        assert run(path, "SELECT model_id, model FROM generations") == [after]
        alembic(path, command.downgrade, "0005")
        assert run(path, "SELECT model_id, weights FROM generations") == [before]


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
            write_snapshot(database, 1, Space.calibrated(PROFILE), 1.0)
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

    def test_the_sixth_is_never_edited_either(self, path: Path) -> None:
        alembic(path, command.upgrade, "0006")
        assert columns(path, "generations") == (
            "id model_id model profile state created_at pruned_upto"
        )

    def test_files_that_failed_for_good_are_read_again_once(self, path: Path) -> None:
        """Of those some are no photos, and some are of formats that are read since."""
        populate(path)
        rows = [(7, None, 1), (8, 99.5, 1), (9, None, 0)]  # the last is a link
        for number, ready_at, attempts in rows:
            run(
                path,
                "INSERT INTO files (id, path, size, mtime_ns, ctime_ns, inode, state, attempts, "
                f"error, priority, ready_at) VALUES ({number}, '/in/{number}', 1, 2, 3, '9', "
                f"'failed', {attempts}, 'why', 0, {ready_at or 'NULL'})",
            )
        migrate(path)
        found = "SELECT id, state, error, attempts, ready_at FROM files WHERE id >= 7 ORDER BY id"
        assert run(path, found) == [
            (7, "pending", None, 0, 0.0),
            (8, "failed", "why", 1, 99.5),
            (9, "failed", "why", 0, None),
        ]
        run(path, "UPDATE files SET state = 'no_photo' WHERE id = 7")
        alembic(path, command.downgrade, "0006")  # which knows no such state
        assert run(path, "SELECT state FROM files WHERE id = 7") == [("failed",)]

    def test_the_eighth_is_never_edited_either(self, path: Path) -> None:
        alembic(path, command.upgrade, "0008")
        assert columns(path, "images") == ("id sha256 width height orphaned_at created_at note")

    def test_the_ninth_is_never_edited_either(self, path: Path) -> None:
        alembic(path, command.upgrade, "0009")
        assert columns(path, "judgements") == (
            "id verdict sha256 x1 y1 x2 y2 other_sha256 other_x1 other_y1 other_x2 other_y2 undoes "
            "at author note"
        )

    def test_the_tenth_is_never_edited_either(self, path: Path) -> None:
        alembic(path, command.upgrade, "0010")
        assert columns(path, "people") == (
            "id version change counted_at photos faces images persons"
        )

    def test_the_sixteenth_is_never_edited_either(self, path: Path) -> None:
        alembic(path, command.upgrade, "0016")
        assert columns(path, "faces") == f"{FIRST_COLUMNS['faces']} embedding_norm"

    def test_revisions_form_one_line(self) -> None:
        script = ScriptDirectory(str(MIGRATIONS))
        revisions = [revision.revision for revision in script.walk_revisions()]
        assert revisions == sorted(revisions, reverse=True)
        assert len(script.get_heads()) == len(script.get_bases()) == 1


def integrity(path: Path) -> list[str]:
    with Database(path) as database, database.read() as connection:
        return integrity_problems(connection)
