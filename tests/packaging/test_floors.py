"""Older versions of these have holes or lose data; nobody lowers a floor by accident."""

import tomllib
from importlib.metadata import version
from pathlib import Path

import pillow_heif
import pysqlite3
import pytest
from packaging.requirements import Requirement
from packaging.version import Version

# the lowest version that may ever be allowed, and why
FLOORS = {
    "faiss-cpu": "1.15.0",  # reading damaged indexes overflowed; range search crashed
    "pillow": "13.0.0",  # heap overflow in the JPEG decoder
    "pillow-heif": "1.8.1",  # brings a libheif that does not write beyond the heap
    "pysqlite3": "0.6.1",  # brings an SQLite that does not corrupt a WAL database
    "torch": "2.11",  # loading a checkpoint could run code
    "tornado": "6.6.1",  # denial of service, in several ways
    "watchdog": "7.1.0",  # events lost in an overflow went unnoticed
}
SQLITE = "3.51.3"


@pytest.fixture(scope="module")
def required(project: Path) -> dict[str, Requirement]:
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    lines = [Requirement(line) for line in tomllib.loads(text)["project"]["dependencies"]]
    return {requirement.name: requirement for requirement in lines}


@pytest.mark.parametrize("name", FLOORS)
def test_no_version_below_the_floor_is_allowed(name: str, required: dict[str, Requirement]) -> None:
    lower = [Version(s.version) for s in required[name].specifier if s.operator in (">=", "==")]
    assert lower, f"{name} has no lowest version"
    assert max(lower) >= Version(FLOORS[name])


@pytest.mark.parametrize("name", FLOORS)
def test_what_is_installed_is_no_older(name: str) -> None:
    assert Version(version(name)) >= Version(FLOORS[name])


def test_every_dependency_has_a_lowest_version(required: dict[str, Requirement]) -> None:
    open_ended = [name for name, needed in required.items() if not str(needed.specifier)]
    assert open_ended == []


def test_sqlite_itself_is_new_enough() -> None:
    assert Version(pysqlite3.sqlite_version) >= Version(SQLITE)


def test_facenet_pytorch_is_not_the_version_that_pins_vulnerable_packages(
    required: dict[str, Requirement],
) -> None:
    assert "2.6.0" not in required["facenet-pytorch"].specifier


def test_the_libheif_in_use_does_not_write_beyond_the_heap() -> None:
    # GHSA-x8r2-mggj-j6wr, in uncompressed HEIF
    assert Version(pillow_heif.libheif_version()) >= Version("1.23.4")
