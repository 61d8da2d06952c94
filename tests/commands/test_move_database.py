"""move-database: every row there and back, none of it when it is interrupted, and only alone."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Boolean, Float, LargeBinary, String, Table, insert

from index.database.engine import Database
from index.database.engines import engine_of
from index.database.schema import Base
from tests.commands.conftest import Run, write_config
from tests.index.builders import ask, by_hand, open_copy
from tests.postgres import new_database, server

PROJECT = Path(__file__).resolve().parents[2]
NUMBERS = (3, 7, 9)  # of the rows; the last one is removed again
HALF_WAY = """
import os, sys
from pathlib import Path
from pydantic import SecretStr
from index.database import moving

def progress(done, total):
    if done > total // 2:
        os._exit(9)

moving.ROWS = 1
source, target = (SecretStr(one) if "://" in one else Path(one) for one in sys.argv[1:])
moving.move(source, target, progress)
"""


OPEN = """
import sys
from pathlib import Path
from index.database.engine import Database
kept = Database(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.readline()
"""


def made_up(table: Table, number: int) -> dict[str, Any]:
    """A row of any table; in the first, what may be missing is missing."""
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.nullable and number == NUMBERS[0]:
            row[column.name] = None
        elif isinstance(column.type, Boolean):
            row[column.name] = number == NUMBERS[0]
        elif isinstance(column.type, LargeBinary):
            row[column.name] = bytes([number, 0, 255, 39]) * number
        elif isinstance(column.type, Float):
            row[column.name] = number + 1 / 3
        elif isinstance(column.type, String):
            row[column.name] = f"{number}'人"
        else:
            row[column.name] = number
    return row


@pytest.fixture
def file(config: Path) -> Path:
    """A library with rows in every table; ids were used that no row has any more."""
    path = config.parent / "data" / "person_count.db"
    with open_copy(path) as database:
        for number in NUMBERS:
            with database.write() as connection:
                for table in Base.metadata.sorted_tables:
                    if table.name != "commits":
                        connection.execute(insert(table), made_up(table, number))
        for table in reversed(Base.metadata.sorted_tables):
            key = next(iter(table.primary_key)).name
            if table.name != "commits":
                by_hand(database, f"DELETE FROM {table.name} WHERE {key} IN ('9', '9''人')")
    return path


@pytest.fixture
def url() -> Iterator[SecretStr]:
    with new_database("template0") as made:
        yield made


def contents(address: Path | SecretStr) -> dict[str, object]:
    """All rows of all tables, and the last id of each."""
    found: dict[str, object] = {}
    with Database(address) as database, database.read() as connection:
        for table in Base.metadata.sorted_tables:
            if table.name in {"commits", "processes", "turns"}:
                continue
            ordered = table.select().order_by(*table.primary_key)
            found[table.name] = [tuple(row) for row in connection.execute(ordered)]
            if (column := table.autoincrement_column) is not None:
                last = engine_of(connection).last_id(connection, table.name, column.name)
                found[f"{table.name}, last"] = last
    return found


def test_a_library_comes_back_as_it_went(
    run: Run, config: Path, file: Path, url: SecretStr
) -> None:
    before, as_it_was = contents(file), file.read_bytes()
    assert before["faces, last"] == 9
    given = url.get_secret_value()
    there = run("move-database", given, "--config", config)
    assert (there.code, there.err) == (0, "")
    assert "each the same as before" in there.out
    assert "database_url: postgresql://tester@" in there.out
    assert "with the password" in there.out
    assert "geheim" not in there.out
    assert contents(url) == before
    assert file.read_bytes() == as_it_was

    with Database(url) as database:  # new rows get new ids
        row = made_up(Base.metadata.tables["changelog"], 50)
        del row["seq"]
        with database.write() as connection:
            connection.execute(insert(Base.metadata.tables["changelog"]), row)
        assert ask(database, "SELECT max(seq) FROM changelog") == [(10,)]
        by_hand(database, "DELETE FROM changelog WHERE seq = 10")
        before["changelog, last"] = 10

    server = write_config(config.parent, database_url=given)
    file.rename(file.with_name("old.db"))
    back = run("move-database", file, "--config", server)
    assert (back.code, back.err) == (0, "")
    assert "remove this line from config.yaml: database_url" in back.out
    assert contents(file) == before
    assert file.stat().st_mode & 0o077 == 0


def test_what_was_killed_half_way_leaves_nothing_and_is_run_again(
    run: Run, config: Path, file: Path, url: SecretStr
) -> None:
    before, given = contents(file), url.get_secret_value()
    assert run("move-database", given, "--config", config).code == 0
    file.unlink()
    killed = subprocess.run(
        [sys.executable, "-c", HALF_WAY, given, str(file)], cwd=PROJECT, check=False
    )
    assert killed.returncode == 9
    with Database(file) as database:
        assert ask(database, "SELECT count(*) FROM files") == [(0,)]
    server = write_config(config.parent, database_url=given)
    assert run("move-database", file, "--config", server).code == 0
    assert contents(file) == before


def test_an_interrupted_run_leaves_nothing_and_says_so(
    run: Run, config: Path, file: Path, url: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, stop = contents(file), threading.Event()
    stop.set()
    monkeypatch.setattr("commands.move_database.stop_on_signals", lambda: stop)
    stopped = run("move-database", url.get_secret_value(), "--config", config)
    assert (stopped.code, stopped.out) == (130, "")
    assert "nothing has changed" in stopped.err
    stop.clear()
    assert run("move-database", url.get_secret_value(), "--config", config).code == 0
    assert contents(url) == before


def test_a_row_that_is_another_one_when_it_is_read_again_is_found(
    run: Run, config: Path, file: Path
) -> None:
    with new_database() as url:
        name = url.get_secret_value().partition("@/")[2].partition("?")[0]
        server().run(
            "CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN NEW.probability := 0.5; RETURN NEW; END $$;"
            "CREATE TRIGGER change BEFORE INSERT ON faces FOR EACH ROW EXECUTE FUNCTION change()",
            name,
        )
        moved = run("move-database", url.get_secret_value(), "--config", config)
        assert moved.code == 1
        assert f"row ({NUMBERS[0]},) of faces is not the same" in moved.err
        with Database(url) as database:
            assert ask(database, "SELECT count(*) FROM files") == [(0,)]
    assert contents(file)


def test_it_is_refused_while_another_process_has_the_library_open(
    run: Run, config: Path, file: Path, url: SecretStr
) -> None:
    given = url.get_secret_value()
    with subprocess.Popen(
        [sys.executable, "-c", OPEN, file],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        refused = run("move-database", given, "--config", config)
        other.communicate("\n")
    assert refused.code == 1
    assert f"{file} is in use: first stop process {other.pid}" in refused.err

    assert run("move-database", given, "--config", config).code == 0
    file.unlink()
    server_config = write_config(config.parent, database_url=given)
    with Database(url):
        refused = run("move-database", file, "--config", server_config)
    assert refused.code == 1
    assert "is in use: first stop the processes on the server itself" in refused.err


def test_what_is_not_empty_is_refused_and_left_as_it_is(
    run: Run, config: Path, file: Path, url: SecretStr
) -> None:
    given = url.get_secret_value()
    assert run("move-database", given, "--config", config).code == 0
    before = contents(url)
    again = run("move-database", given, "--config", config)
    assert again.code == 1
    assert "there is a library at postgresql://tester@" in again.err
    assert contents(url) == before
    back = run("move-database", file, "--config", write_config(config.parent, database_url=given))
    assert back.code == 1
    assert f"there is a library at {file} already" in back.err


def test_a_row_that_cannot_be_stored_is_named(
    run: Run, config: Path, file: Path, url: SecretStr
) -> None:
    with Database(file) as database:
        by_hand(database, "UPDATE files SET attempts = 3000000000 WHERE id = 7")
    failed = run("move-database", url.get_secret_value(), "--config", config)
    assert failed.code == 1
    assert "out of range" in failed.err
    assert failed.err.count("\n") == 1
    with Database(url) as database:
        assert ask(database, "SELECT count(*) FROM generations") == [(0,)]


def test_another_file_is_refused(run: Run, config: Path, file: Path) -> None:
    refused = run("move-database", file.with_name("other.db"), "--config", config)
    assert refused.code == 1
    assert f"the file of a library is {file}" in refused.err
    refused = run("move-database", file, "--config", config)
    assert "person-count backup" in refused.err
