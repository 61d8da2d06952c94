"""work --ray: where it cannot run, it says so in one sentence."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.conftest import Run, write_config
from tests.postgres import new_database
from tests.ray_head import need_ray


def refused(run: Run, config: Path, *options: str) -> str:
    with new_database() as url:
        secret = url.get_secret_value()
        config = write_config(config.parent, database_url=secret)
        outcome = run("work", *options, "--config", config)
    assert outcome.code == 1
    assert outcome.out == ""
    (line,) = outcome.err.splitlines()
    return line


def test_without_the_extra_it_says_how_to_install_it(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    said = refused(run, config, "--ray", "local", "--workers", "2")
    assert said == (
        "person-count: Ray is not installed; pip install 'person-count[cluster]' brings it"
    )


def test_a_library_in_a_file_has_one_worker(run: Run, library: Path, config: Path) -> None:
    outcome = run("work", "--ray", "local", "--workers", "2", "--config", config)
    assert outcome.code == 1
    (line,) = outcome.err.splitlines()
    assert line.endswith(
        "is a file, which one process works on; run person-count watch, or set database_url"
    )
    assert library.is_dir()


def test_a_new_process_says_no_more_than_that(library: Path, config: Path) -> None:
    """In this process FAISS has been loaded before, which it logs."""
    command = [sys.executable, "-m", "person_count", "work", "--ray", "local", "--config", config]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    (line,) = ended.stderr.splitlines()
    assert line.startswith("person-count: ")
    assert ended.returncode == 1
    assert library.is_dir()


def test_where_nothing_listens_it_says_so_at_once(run: Run, config: Path) -> None:
    need_ray()
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    for given in (address, f"ray://{address}"):
        said = refused(run, config, "--ray", given)
        assert said == f"person-count: Ray cannot be reached at {given}: Connection refused"


@pytest.mark.parametrize("given", ["nowhere", "127.0.0.1", "host:port", "ray://", ":1", "a:70000"])
def test_what_is_no_address_is_named(run: Run, config: Path, given: str) -> None:
    need_ray()
    assert refused(run, config, "--ray", given) == (
        f"person-count: {given} is no address of Ray; write auto, local, HOST:PORT or "
        "ray://HOST:PORT"
    )


def test_where_no_ray_runs_auto_says_what_is_needed(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another test's Ray may run on this machine, so this is what Ray says where none does."""
    need_ray()

    def init(*_: object, **__: object) -> None:
        raise ConnectionError("Could not find any running Ray instance.")

    monkeypatch.setattr("ray.init", init)
    said = refused(run, config, "--ray", "auto")
    assert said.startswith("person-count: Ray at auto cannot be joined: ")
    assert said.endswith("a node of the cluster on this machine, which `ray start` makes")


def test_workers_without_ray_are_refused(run: Run, config: Path) -> None:
    assert refused(run, config, "--workers", "2") == (
        "person-count: --workers is for --ray; without Ray, run person-count work again"
    )


def test_a_database_that_is_away_is_told_before_ray_is_started(run: Run, config: Path) -> None:
    config = write_config(config.parent, database_url="postgresql://nobody@127.0.0.1:1/none")
    outcome = run("work", "--ray", "local", "--config", config)
    assert outcome.code == 1
    (line,) = outcome.err.splitlines()
    assert "Ray" not in line
