"""Shared fixtures: settings in a folder of their own, databases, photos, no leaks."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.base.one_thread import keep_to_one_thread

# As the program does, and before numpy and FAISS are imported: where a test runs on each core,
# counting took three times as long otherwise.
keep_to_one_thread()

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries.generations import GenerationRow
from tests.index.builders import fake_generation, new_library

DEFAULT_FACES = Path(__file__).resolve().parent.parent.parent / "shared" / "faces"
ENDING_SECONDS = 30.0  # for a thread that has nothing more to do


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine's reaches a test, and no test the project's folder."""
    for name in os.environ:
        if name.startswith("PERSON_COUNT_") and name not in (
            "PERSON_COUNT_FACES",
            "PERSON_COUNT_PHOTOS",
        ):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def no_thread_leaks() -> Iterator[None]:
    """Every thread that a test starts ends with it, or soon: a shared service may be at work."""
    before = set(threading.enumerate())
    yield
    started = [thread for thread in threading.enumerate() if thread not in before]
    for thread in started:
        if not thread.daemon:
            thread.join(ENDING_SECONDS)
    left = [thread.name for thread in started if not thread.daemon and thread.is_alive()]
    assert not left, f"threads left running: {left}"


ENGINES = ("sqlite", "postgres")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests with the mark engines on all of them, or on those that it names."""
    marked = metafunc.definition.get_closest_marker("engines")
    if marked and "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", marked.args or ENGINES, indirect=True, scope="module")


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> str:
    """Which engine the library has."""
    return str(getattr(request, "param", ENGINES[0]))


@pytest.fixture
def file_settings(tmp_path: Path) -> Settings:
    """Settings for a test: everything in its folder, nothing to wait for."""
    made = Settings(
        inbox=tmp_path / "inbox",
        data=tmp_path / "data",
        settle_seconds=0.0,
        batch_wait_seconds=0.0,
        port=0,
        wait_seconds=10.0,
    )
    made.inbox.mkdir()
    made.data.mkdir()
    return made


@pytest.fixture
def _library(engine: str, file_settings: Settings) -> Iterator[tuple[Settings, Database]]:
    with new_library(engine, file_settings) as made:
        yield made


@pytest.fixture
def settings(request: pytest.FixtureRequest, file_settings: Settings) -> Settings:
    """Settings for a test, and for its database if it has one."""
    if not {"database", "_library"} & set(request.fixturenames):
        return file_settings
    found: Settings = request.getfixturevalue("_library")[0]
    return found


@pytest.fixture
def database(_library: tuple[Settings, Database]) -> Database:
    """An empty database at the newest revision, copied: there are thousands of tests."""
    return _library[1]


@pytest.fixture
def generation(database: Database) -> GenerationRow:
    """An active generation of the fake model (tests/fakes.py), centre zero, operating at 0.4."""
    with database.write() as connection:
        return fake_generation(connection)


@pytest.fixture(scope="session")
def faces_folder() -> Path:
    """The labelled photos; tests that need them skip without, except in CI."""
    folder = Path(os.environ.get("PERSON_COUNT_FACES", DEFAULT_FACES))
    if not (folder / "lfw").is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"CI needs the photos, and there are none in {folder}")
        pytest.skip(f"no photos in {folder}; set PERSON_COUNT_FACES")
    return folder
