"""The models are what the migrations make, and a database of another revision is refused."""

import re
from collections.abc import Callable
from pathlib import Path

import pysqlite3.dbapi2 as sqlite_driver
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from index.base.errors import SchemaMismatchError, StoreError
from index.database.engine import Database
from index.database.engines.interface import Use
from index.database.engines.sqlite import Sqlite
from index.database.migration import migrate
from index.database.revisions import head_revision
from index.database.schema import Base
from tests.index.builders import ask
from tests.migrations.databases import POPULATION, contents, populate, run, tables
from tests.postgres import new_database


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
        engine = Sqlite(modelled).connections(Use.WRITE)
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


def test_the_tables_on_a_server_are_what_the_models_say() -> None:
    with new_database() as url, Database(url) as database, database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        (found,) = ask(
            database,
            "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_faces_generation_id'",
        )
    assert str(found[0]).endswith("(generation_id) INCLUDE (id)")
