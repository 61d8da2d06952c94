"""The program is killed with SIGKILL at every named point, and started again."""

import signal
from contextlib import closing
from pathlib import Path

import pysqlite3.dbapi2 as sqlite_driver
import pytest
from alembic import command

from index.database.engine import Database
from index.database.queries import judgements
from index.database.queries.embeddings import embeddings_of
from index.database.queries.faces import faces_of
from index.database.queries.judgements import JudgedFace, JudgementRow
from index.database.states import FileState, Verdict
from index.library.judgement_lines import line_of
from index.upkeep import byte_search
from index.upkeep.backup import back_up
from index.upkeep.verify import verify
from tests.crash.home import Home
from tests.crash.points import POINTS, Point
from tests.crash.soaking import FakedService
from tests.fakes import save_picture
from tests.migrations.databases import alembic

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

BEFORE = {"a.png": (1,), "b.png": (2, 3), "c.png": (4,), "d.png": (5, 1)}
OTHER = "other-model"
COMMANDS = {
    "watch": ("watch",),
    "snapshot": ("watch",),
    "reindex": ("reindex", "--model", OTHER),
    "judge": ("judgements", "import", "said.jsonl"),
    "forget": ("forget", "inbox/b.png"),
    "migrate": ("migrate",),
    "backup": ("backup", "copy.db"),
    "restore": ("restore", "copy.db"),
}


def of(*commands: str) -> pytest.MarkDecorator:
    """All points of some commands."""
    points = [point for point in POINTS if point.command in commands]
    return pytest.mark.parametrize("point", points, ids=lambda point: point.name.replace(" ", "-"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Four indexed files with a snapshot."""
    made = Home(tmp_path / "home", batch_files=2)
    made.prepare(BEFORE)
    return made


def kill(home: Home, point: Point) -> None:
    """Run the point's command up to the point; fail if it is never reached."""
    status = home.run("--die", point.moment, *COMMANDS[point.command])
    assert status == -signal.SIGKILL, f"{point.moment} was never reached: {home.said()}"


@of("watch", "snapshot")
def test_files_on_their_way_in_are_indexed_once(home: Home, point: Point) -> None:
    home.drop("e.png", 6, 2)
    home.drop("f.png", 7)
    home.copy("a.png", "again.png")
    home.drop("b.png", 8, 9)
    home.delete("c.png")
    home.drop("nobody.png")
    kill(home, point)
    home.check_sound()
    done = home.acknowledged()
    home.watch()
    home.check()
    after = home.acknowledged()
    for name in done.keys() - {"b.png", "c.png"}:
        assert after[name] == done[name]


@of("serve")
def test_an_index_that_never_heard_of_a_commit_finds_it_at_the_next_start(
    tmp_path: Path, point: Point
) -> None:
    service = FakedService(tmp_path / "home", settle_seconds=0.0, snapshot_changes=1)
    try:
        save_picture(service.inbox / "a.png", 1, 2)
        service.start()
        service.wait_indexed(1)
        service.stop()  # which writes a snapshot
        service.program = (*FakedService.program, "--die", point.moment)
        service.start()
        assert service.process is not None
        save_picture(service.inbox / "b.png", 3)
        assert service.process.wait(60) == -signal.SIGKILL, service.log.read_text()
        service.program = FakedService.program
        service.start()
        assert service.count(["a.png", "b.png"])[1].get("person_num") == 3
        assert service.get("/status")[1]["index"] == {
            "ready": True,
            "faces": 3,
            "whole": True,
            "rebuilds": 0,
        }
        assert service.run("verify").returncode == 0
    finally:
        if service.process is not None:
            service.kill()


@of("reindex")
def test_a_reindex_is_taken_up_where_it_was_and_switches_once(home: Home, point: Point) -> None:
    before = home.acknowledged()
    kill(home, point)
    home.check_sound()
    with home.database() as database:
        switched = home.active(database).model == OTHER
    if not switched:
        assert home.acknowledged() == before
        assert home.run(*COMMANDS["reindex"]) == 0, home.said()
    home.watch()  # which also removes what is left of the old generation
    home.check()
    with home.database() as database, database.read() as connection:
        left = connection.exec_driver_sql("SELECT model, state FROM generations").all()
    assert left == [(OTHER, "active")]


@of("judge")
def test_judgements_are_kept_all_or_none_and_once(home: Home, point: Point) -> None:
    names = ("a.png", "b.png", "c.png")
    with home.database() as database, database.read() as connection:
        images = [home.rows(database)[name].image_id or 0 for name in names]
        ids = [row.id for row in faces_of(connection, home.active(database).id, images)]
        known = judgements.faces_by_id(connection, ids)
    faces = [known[number] for number in ids]
    rows = [
        JudgementRow(0, Verdict.SAME, (faces[0], faces[1]), None, 0.0, "ann", None),
        JudgementRow(0, Verdict.DIFFERENT, (faces[1], faces[3]), None, 0.0, "ann", "a note"),
    ]
    (home.folder / "said.jsonl").write_text("".join(f"{line_of(row)}\n" for row in rows))
    kill(home, point)
    home.check_sound()
    assert kept(home) in ([], [row.faces for row in rows])
    assert home.run(*COMMANDS["judge"]) == 0, home.said()
    assert kept(home) == [row.faces for row in rows]
    home.watch()
    home.check()


def kept(home: Home) -> list[tuple[JudgedFace, ...]]:
    """The faces of every judgement."""
    with home.database() as database, database.read() as connection:
        return [row.faces for row in judgements.all_rows(connection)]


@of("forget")
def test_an_erasure_is_finished_down_to_the_bytes(home: Home, point: Point) -> None:
    wanted = vectors_of(home, "b.png")
    data = home.folder / "data"
    older = data / "person_count.db.before-0003"
    back_up(home.settings.database_path, older, lambda *_: None)
    kill(home, point)
    home.check_sound()
    assert home.run(*COMMANDS["forget"]) == 0, home.said()
    assert byte_search.search(byte_search.files_below(data), wanted, lambda *_: None) == {}
    home.watch()
    with home.database() as database:
        assert home.rows(database)["b.png"].state is FileState.FAILED
    assert byte_search.search(byte_search.files_below(data), wanted, lambda *_: None) == {}
    home.delete("b.png")
    home.watch()
    home.check()


def vectors_of(home: Home, name: str) -> set[bytes]:
    """What to search for: the vectors of a file's faces, raw and as the index holds them."""
    with home.database() as database:
        generation, row = home.active(database), home.rows(database)[name]
        with database.read() as connection:
            ids = [face.id for face in faces_of(connection, generation.id, [row.image_id or 0])]
            _, raw = embeddings_of(connection, generation.id, ids)
        return byte_search.pieces(raw) | byte_search.pieces(home.space(generation).unit(raw))


@of("migrate")
def test_a_migration_happens_wholly_or_not_at_all(home: Home, point: Point) -> None:
    path = home.settings.database_path
    alembic(path, command.downgrade, "0001")
    before = dump(path)
    kill(home, point)
    assert dump(path) == before
    assert home.run(*COMMANDS["migrate"]) == 0, home.said()
    home.watch()
    home.check()


def dump(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table with its definition and its rows."""
    with closing(sqlite_driver.connect(path)) as connection:
        tables = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
        return {
            sql: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)
            for name, sql in tables.fetchall()
        }


@of("backup")
def test_a_backup_is_there_only_when_it_is_whole(home: Home, point: Point) -> None:
    target = home.folder / "copy.db"
    kill(home, point)
    assert not target.exists()
    assert home.run(*COMMANDS["backup"]) == 0, home.said()
    assert not list(home.folder.glob(".copy.db*"))
    with Database(target) as database:
        assert verify(database).problems == []
        assert home.rows(database).keys() == home.people.keys()


@of("restore")
def test_a_restore_leaves_one_of_two_whole_databases(home: Home, point: Point) -> None:
    back_up(home.settings.database_path, home.folder / "copy.db", lambda *_: None)
    old = home.acknowledged()
    home.drop("e.png", 6, 7)
    home.watch()
    new = home.acknowledged()
    kill(home, point)
    home.check_sound()
    assert home.acknowledged() in (old, new)
    assert home.run(*COMMANDS["restore"]) == 0, home.said()
    assert home.acknowledged() == old
    home.watch()
    home.check()
