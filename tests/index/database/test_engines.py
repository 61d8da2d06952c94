"""Every engine does what Database promises; the suites of queries and services run on both, too."""

import io
import subprocess
import sys
import threading
import tokenize
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from index.base.errors import (
    ConfigError,
    DatabaseReplacedError,
    SchemaMismatchError,
    StoreError,
    StoreUnavailableError,
)
from index.base.settings import Settings
from index.database.engine import Database
from index.database.engines import postgres
from index.database.engines.postgres import Postgres
from index.database.migration import migrate
from index.database.queries import browse, changelog, files, sightings
from index.database.queries.browse import Filter
from index.database.queries.generations import GenerationRow
from index.database.queries.stored_images import record_images
from index.database.whereabouts import exists, is_missing
from tests.authorities import Authority
from tests.index.builders import ask, by_hand, image, sighting
from tests.postgres import TEMPLATE, new_database, server
from tests.waiting import wait_until

psycopg = pytest.importorskip("psycopg", reason="the extra postgres is not installed")
PROJECT = Path(__file__).resolve().parents[3]
MIGRATING = """
import sys
from pydantic import SecretStr
from index.database.migration import migrate
migrate(SecretStr(sys.argv[1]))
"""
# the URL's own check and description, and kinds of files that are no photos
ALLOWED = (
    "index/base/database_url.py",
    "index/base/other_files.py",
    "index/base/settings.py",
    "ingest/decoding/file_kinds.py",
)
# database_path is the file, also where a server has the library; database_address is right
ENGINE_WORDS = ("sqlite", "postgres", "dialect", "database_path")
ROOMS = ("commands", "ingest", "service", "index")


@pytest.fixture
def here() -> SecretStr:
    with new_database() as url:
        yield url


@pytest.mark.engines
class TestBoth:
    def test_a_commit_of_another_connection_changes_the_number_each_time(
        self, database: Database
    ) -> None:
        with database.watch_commits() as counter:
            seen = [counter.value()]
            for number in range(3):
                with database.write() as connection:
                    sightings.record(connection, [sighting(f"/{number}")])
                seen.append(counter.value())
            assert counter.value() == seen[-1]
        assert len(set(seen)) == len(seen)

    def test_a_read_sees_one_moment(self, database: Database) -> None:
        with database.read() as connection:
            assert files.paths_below(connection, "/") == []
            with database.write() as other:
                sightings.record(other, [sighting("/a")])
            assert files.paths_below(connection, "/") == []
        with database.read() as connection:
            assert files.paths_below(connection, "/") == ["/a"]

    def test_what_fails_half_way_leaves_nothing(self, database: Database) -> None:
        with pytest.raises(ZeroDivisionError), database.write() as connection:  # noqa: PT012
            sightings.record(connection, [sighting("/a")])
            _ = 1 // 0
        assert ask(database, "SELECT count(*) FROM files") == [(0,)]

    def test_changes_are_numbered_in_the_order_of_the_commits(
        self, database: Database, settings: Settings, generation: GenerationRow
    ) -> None:
        """A follower reads on from the last number that it saw: no lower one may come later."""
        seen, last, done = 0, 0, threading.Event()

        def write(name: str) -> None:
            with Database(settings.database_address) as own:
                for number in range(30):
                    with own.write() as connection:
                        record_images(connection, generation.id, [image(f"{name}{number}", 2)])

        workers = [threading.Thread(target=write, args=(name,)) for name in "abc"]
        for worker in workers:
            worker.start()
        while not done.is_set():
            if not any(worker.is_alive() for worker in workers):
                done.set()  # and look once more
            with database.read() as connection:
                found = changelog.changes_since(connection, generation.id, last)
            seen, last = seen + len(found), found[-1][0] if found else last
        for worker in workers:
            worker.join()
        assert seen == 3 * 30 * 2

    def test_readers_cannot_write(self, database: Database) -> None:
        with pytest.raises((DBAPIError, StoreUnavailableError)), database.read() as connection:
            sightings.record(connection, [sighting("/a")])

    def test_names_are_found_in_any_case_and_special_characters_mean_themselves(
        self, database: Database
    ) -> None:
        names = [
            "Ärger.jpg",
            "a.b",
            "axb",
            "1+1=2",
            "[x]",
            "100%",
            "a_b",
            "^$",
            "back\\slash",
            "*?",
        ]
        with database.write() as connection:
            sightings.record(connection, [sighting(f"/in/{name}") for name in names])

        def found(text: str) -> list[str]:
            with database.read() as connection:
                listed = browse.list_files(connection, Filter(("/in",), search=text), 100)
            return sorted(file.name for file in listed)

        for name in names:
            assert found(name) == [name]
        assert found("äRG") == ["Ärger.jpg"]
        assert found(".") == ["a.b", "Ärger.jpg"]
        assert found("%") == ["100%"]

    def test_what_is_below_a_folder_is_found_in_any_script(self, database: Database) -> None:
        below = [
            "/in/a/b.jpg",
            "/in/a/Z.jpg",
            "/in/a/é.jpg",
            "/in/a/张.jpg",
            "/in/a/_",
            "/in/a/0/1",
        ]
        beside = ["/in/a b.jpg", "/in/a.jpg", "/in/A/b.jpg", "/in/a0", "/in/á/b.jpg"]
        with database.write() as connection:
            sightings.record(connection, map(sighting, below + beside))
        with database.read() as connection:
            assert sorted(files.paths_below(connection, "/in/a")) == sorted(below)

    @pytest.mark.usefixtures("database")
    def test_what_is_there_is_told_apart_from_what_is_missing(self, settings: Settings) -> None:
        assert exists(settings.database_address)
        assert not is_missing(settings.database_address)


class TestServer:
    def test_an_empty_database_names_the_cure_and_gets_its_tables(self) -> None:
        with new_database("template0") as url:
            assert is_missing(url)
            with pytest.raises(SchemaMismatchError, match="person-count migrate"):
                Database(url)
            before, after = migrate(url)
            assert before is None
            assert migrate(url) == (after, after)
            Database(url).close()

    def test_two_processes_may_make_the_tables_at_once(self) -> None:
        with new_database("template0") as url:
            command = [sys.executable, "-c", MIGRATING, url.get_secret_value()]
            both = [subprocess.Popen(command, cwd=PROJECT) for _ in range(2)]
            assert [one.wait() for one in both] == [0, 0]
            Database(url).close()

    def test_an_ordinary_user_is_enough(self) -> None:
        server().run("CREATE ROLE plain LOGIN")
        server().run("CREATE DATABASE plain OWNER plain TEMPLATE template0")
        url = SecretStr(server().url("plain").get_secret_value().replace("tester", "plain"))
        migrate(url)
        with Database(url) as database:
            with database.write() as connection:
                sightings.record(connection, [sighting("/a")])
            assert ask(database, "SELECT path FROM files") == [("/a",)]

    def test_a_missing_driver_is_named(
        self, here: SecretStr, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "psycopg", None)
            with pytest.raises(ConfigError, match="pip install"):
                Database(here)

    def test_another_encoding_is_refused(self) -> None:
        name = "latin1"
        server().run(f"CREATE DATABASE {name} ENCODING latin1 LOCALE 'C' TEMPLATE template0")
        with pytest.raises(StoreError, match="UTF8"):
            migrate(server().url(name))

    def test_a_writer_that_stops_half_way_lets_the_others_on(
        self, here: SecretStr, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(postgres, "WRITER_IDLE_SECONDS", 0.2)
        with Database(here) as frozen, Database(here) as other:
            with pytest.raises(StoreUnavailableError), frozen.write() as connection:  # noqa: PT012
                sightings.record(connection, [sighting("/late")])
                with other.write() as going_on:  # waits until the server has ended the other one
                    sightings.record(going_on, [sighting("/a")])
                sightings.record(connection, [sighting("/later")])
            assert ask(other, "SELECT path FROM files") == [("/a",)]
            with frozen.write() as connection:
                sightings.record(connection, [sighting("/b")])
            assert len(ask(other, "SELECT path FROM files")) == 2

    def test_a_writer_waits_no_longer_than_it_must(
        self, here: SecretStr, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(postgres, "_SESSION", "SET lock_timeout = '100ms';")
        with Database(here) as one, Database(here) as other, one.write() as connection:
            with pytest.raises(StoreUnavailableError, match="lock timeout"), other.write():
                pass
            sightings.record(connection, [sighting("/a")])

    def test_after_an_immediate_stop_everything_goes_on_by_itself(self, here: SecretStr) -> None:
        with Database(here) as database, database.watch_commits() as counter:
            counter.value()
            with database.write() as connection:
                sightings.record(connection, [sighting("/a")])
            server().stop()
            with pytest.raises(StoreUnavailableError), database.read():
                pass
            with pytest.raises(StoreUnavailableError), database.write():
                pass
            with pytest.raises(StoreUnavailableError):
                counter.value()
            server().start()
            with database.write() as connection:
                sightings.record(connection, [sighting("/b")])
            assert len(ask(database, "SELECT path FROM files")) == 2
        with Database(here) as database, database.watch_commits() as counter:
            assert counter.value() == 2

    def test_a_connection_that_is_lost_half_way_is_not_used_again(self, here: SecretStr) -> None:
        with Database(here) as database:
            with pytest.raises(StoreUnavailableError), database.read() as connection:  # noqa: PT012
                [(own,)] = connection.exec_driver_sql("SELECT pg_backend_pid()").all()
                server().run(f"SELECT pg_terminate_backend({own}, 5000)")
                files.rows_of(connection, ["/a"])
            with database.read() as connection:
                assert files.rows_of(connection, ["/a"]) == {}

    def test_another_database_of_the_same_name_is_not_used(self, here: SecretStr) -> None:
        name = here.get_secret_value().partition("@/")[2].partition("?")[0]
        with Database(here) as database:
            with database.write() as connection:
                sightings.record(connection, [sighting("/a")])
            server().run(f"DROP DATABASE {name} WITH (FORCE)")
            server().run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
            with pytest.raises(DatabaseReplacedError, match="start this process again"):
                wait_until(lambda: ask(database, "SELECT path FROM files") == [], "it is looked at")

    def test_a_lost_row_of_commits_is_no_silent_loss_of_the_lock(self, here: SecretStr) -> None:
        with Database(here) as database:
            by_hand(database, "DELETE FROM commits")
            with pytest.raises(StoreError, match="commits"), database.write():
                pass


def test_a_server_must_prove_who_it_is_where_the_url_says_so(tmp_path: Path) -> None:
    trusted, other = Authority(tmp_path, "trusted"), Authority(tmp_path, "other")

    def url(authority: Authority, host: str) -> SecretStr:
        at = f"tester:geheim@{host}:{server().port}/{TEMPLATE}"
        given = f"sslmode=verify-full&sslrootcert={authority.certificate}"
        return SecretStr(f"postgresql://{at}?{given}")

    with server().encrypted(*trusted.pair("localhost")):
        with Database(url(trusted, "localhost")) as database:
            used = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            assert ask(database, used) == [(True, "TLSv1.3")]
        for wrong in (url(other, "localhost"), url(trusted, "127.0.0.1")):
            with pytest.raises(StoreError, match="does not prove who it is") as refused:
                Database(wrong)
            said = str(refused.value)
            assert "\n" not in said
            assert "geheim" not in said


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (psycopg.errors.DiskFull, True),
        (psycopg.errors.TooManyConnections, True),
        (psycopg.errors.AdminShutdown, True),
        (psycopg.errors.LockNotAvailable, True),
        (psycopg.errors.IdleInTransactionSessionTimeout, True),
        (psycopg.errors.DeadlockDetected, True),
        (psycopg.errors.ReadOnlySqlTransaction, True),
        (psycopg.OperationalError, True),
        (psycopg.errors.UndefinedTable, False),
        (psycopg.errors.UniqueViolation, False),
        (psycopg.errors.DataCorrupted, False),
        (psycopg.ProgrammingError, False),
        (ZeroDivisionError, False),
    ],
)
def test_trouble_that_may_pass_is_told_by_its_code(error: type[Exception], passes: bool) -> None:
    assert Postgres.is_passing(error()) is passes


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("postgresql://db.example.org/a", "require"),
        ("postgresql://127.0.0.1,10.0.0.2/a", "require"),
        ("postgresql://db.example.org/a?sslmode=verify-full", "verify-full"),
        ("postgresql://localhost/a", None),
        ("postgresql://[::1]/a", None),
        ("postgresql:///a?host=/run", None),
    ],
)
def test_a_connection_to_another_machine_is_encrypted_unless_the_url_says_otherwise(
    url: str, mode: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, object]] = []

    def connect(**options: object) -> None:
        asked.append(options)
        raise psycopg.OperationalError

    monkeypatch.setattr(psycopg, "connect", connect)
    with pytest.raises(StoreUnavailableError):
        is_missing(SecretStr(url))
    assert asked[0].get("sslmode") == mode


def test_nothing_outside_the_room_knows_which_engine_it_is() -> None:
    found = []
    for room in ROOMS:
        for path in sorted((PROJECT / room).rglob("*.py")):
            if path.is_relative_to(PROJECT / "index" / "database"):
                continue
            for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
                words = token.string.lower()
                code = token.type == tokenize.NAME or (
                    token.type == tokenize.STRING
                    and not token.line.lstrip().startswith(('"""', "#"))
                )
                if code and any(word in words for word in ENGINE_WORDS):
                    found.append((str(path.relative_to(PROJECT)), token.string[:60]))
    assert [(path, said) for path, said in found if not path.endswith(ALLOWED)] == []
