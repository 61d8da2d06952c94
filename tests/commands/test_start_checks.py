"""config says no wherever serve would, in the same words; and the first start of serve."""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pysqlite3.dbapi2 as sqlite_driver
import pytest

import person_count
from index.database.engine import Database
from index.database.migration import migrate
from index.database.queries.processes import all_processes
from index.database.whereabouts import is_missing
from service.edge.tls import self_signed
from tests.commands.conftest import Run, write_config

# tornado leaves a socket open that it could not bind
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def none_left_open() -> Iterator[None]:
    yield
    gc.collect()


Change = Callable[[Path], dict[str, object]]


def a_file_for_data(folder: Path) -> dict[str, object]:
    (folder / "a file").touch()
    return {"data": str(folder / "a file" / "data")}


def a_file_for_inbox(folder: Path) -> dict[str, object]:
    (folder / "a file").touch()
    return {"inbox": str(folder / "a file")}


def no_place_for_data(_: Path) -> dict[str, object]:
    return {"data": "/proc/person-count"}  # nobody can make folders there


def no_place_for_inbox(_: Path) -> dict[str, object]:
    return {"inbox": "/proc/photos"}


def no_database(folder: Path) -> dict[str, object]:
    (folder / "data").mkdir()
    (folder / "data" / "person_count.db").write_text("not a database\n" * 100)
    return {}


def an_older_database(folder: Path) -> dict[str, object]:
    migrate(folder / "data" / "person_count.db")
    with (
        Database(folder / "data" / "person_count.db") as database,
        database.write() as connection,
    ):
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    return {}


def a_key_of_another_certificate(folder: Path) -> dict[str, object]:
    self_signed(folder / "data", "127.0.0.1")
    _, key = self_signed(folder / "other", "127.0.0.1")
    key.replace(folder / "data" / "tls.key")
    return {}


def an_address_elsewhere(_: Path) -> dict[str, object]:
    return {"host": "192.0.2.1", "allow_unauthenticated": True}


def a_host_that_is_no_name(_: Path) -> dict[str, object]:
    return {"host": "a..b", "allow_unauthenticated": True}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (a_file_for_data, "setting data: "),
        (a_file_for_inbox, "Not a directory: "),
        (no_place_for_data, "setting data: /proc cannot be written"),
        (no_place_for_inbox, "setting inbox: /proc cannot be written"),
        (no_database, "no usable database"),
        (an_older_database, "upgrade it with: person-count migrate"),
        (a_key_of_another_certificate, "no PEM files that belong together"),
        (an_address_elsewhere, "setting host must be an address of this machine"),
        (a_host_that_is_no_name, "cannot listen on a..b port 0: it is no name of a host"),
        (lambda _: {"model": "casia"}, "model 'casia' is neither"),
    ],
)
def test_config_says_no_where_serve_does(run: Run, config: Path, wrong: Change, said: str) -> None:
    write_config(config.parent, **wrong(config.parent))
    outcome = run("serve", "--no-ingest", "--config", config)
    assert outcome.code == 1
    assert said in outcome.err
    assert outcome.err.count("\n") == 1
    assert run("config", "--config", config) == outcome


def test_a_taken_port_is_named_with_the_cure(run: Run, config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        write_config(config.parent, port=taken.getsockname()[1])
        outcome = run("config", "--config", config)
    assert outcome.code == 1
    assert "Address already in use; stop what listens there" in outcome.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_without_the_right_to_write_is_refused(run: Run, config: Path) -> None:
    """As somebody who may read everything here, and write nothing."""
    assert run("config", "--config", config).code == 0  # imports what the other may not
    readable = (config, config.parent / "inbox", *list(config.parents)[:-2])
    modes = {place: place.stat().st_mode for place in readable}
    for place, mode in modes.items():
        place.chmod(mode | 0o055)
    os.seteuid(65534)
    try:
        outcome = run("config", "--config", config)
    finally:
        os.seteuid(0)
        for place, mode in modes.items():
            place.chmod(mode)
    assert outcome.code == 1
    assert f"setting data: {config.parent} cannot be written (Permission denied)" in outcome.err


def test_config_makes_nothing(run: Run, config: Path) -> None:
    before = sorted(config.parent.rglob("*"))
    assert run("config", "--config", config).code == 0
    assert sorted(config.parent.rglob("*")) == before


def test_config_tells_of_a_drop_folder_that_does_not_exist(run: Run, config: Path) -> None:
    mistyped = config.parent / "ibnox"
    write_config(config.parent, inbox=str(mistyped))
    outcome = run("config", "--config", config)
    assert outcome.code == 0
    assert f"{mistyped} does not exist, and serve would make it; is it mistyped?" in outcome.err
    assert not mistyped.exists()


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[list[dict[str, str]]]:
    """The real service in *folder*. Yields the lines of its log until it listens."""
    foreign = {name: value for name, value in os.environ.items() if name != "PERSON_COUNT_FACES"}
    environment = {**foreign, "PYTHONPATH": str(Path(person_count.__file__).parent)}
    command = [sys.executable, "-m", "person_count", "serve", "--no-ingest", "--port", "0"]
    process = subprocess.Popen(
        [*command, *arguments], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        lines = []
        for line in process.stderr:
            lines.append(json.loads(line))
            if "url" in lines[-1]:
                break
        yield lines
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()


@pytest.mark.processes
def test_serve_in_an_empty_folder_makes_what_it_needs(tmp_path: Path) -> None:
    with started(tmp_path) as lines:
        assert [line["event"] for line in lines] == ["service.database_made", "service.listening"]
        assert at_work(tmp_path) == [("serve --no-ingest", "answers")]
    assert (tmp_path / "inbox").is_dir()
    assert at_work(tmp_path) == []


def at_work(folder: Path) -> list[tuple[str, str]]:
    """The kinds and states of the processes that say that they are."""
    with (
        Database(folder / "data" / "person_count.db") as database,
        database.read() as connection,
    ):
        found = all_processes(connection)
    return [(row.told.kind, row.told.state) for row in found]


@pytest.mark.processes
def test_a_drop_folder_that_was_named_and_does_not_exist_is_said_at_the_start(
    tmp_path: Path,
) -> None:
    config = write_config(tmp_path, inbox=str(tmp_path / "ibnox"))
    with started(tmp_path, "--config", str(config)) as lines:
        (made,) = [line for line in lines if line["event"] == "service.folder_made"]
    assert made["level"] == "warning"
    assert made["folder"].startswith(str(tmp_path / "ibnox"))


@pytest.mark.parametrize("left", [b"", None])
def test_what_an_interrupted_creation_left_is_made_whole(
    run: Run, config: Path, left: bytes | None
) -> None:
    path = config.parent / "data" / "person_count.db"
    path.parent.mkdir()
    if left is None:  # SQLite's header, and no table
        sqlite_driver.connect(path).execute("PRAGMA journal_mode=WAL").connection.close()
    else:
        path.write_bytes(left)
    assert is_missing(path)
    assert run("config", "--config", config).code == 0
    migrate(path)
    assert not is_missing(path)
