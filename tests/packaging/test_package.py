"""What an installed program consists of: everything that the repository has of it."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def packages(project: Path) -> list[str]:
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    patterns = tomllib.loads(text)["tool"]["setuptools"]["packages"]["find"]["include"]
    return [pattern.removesuffix("*") for pattern in patterns]


@pytest.fixture(scope="module")
def contents(
    project: Path, packages: list[str], tmp_path_factory: pytest.TempPathFactory
) -> set[str]:
    """The files in a wheel that is built from a copy."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "person_count.py"):
        shutil.copy(project / name, folder)
    for name in packages:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(project / name, folder / name, ignore=ignore)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder / "dist"), str(folder)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        return set(opened.namelist())


def test_every_file_of_the_program_is_installed(
    project: Path, packages: list[str], contents: set[str]
) -> None:
    expected = {
        str(path.relative_to(project))
        for name in packages
        for path in (project / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert expected - contents == set()


def test_nothing_else_is_installed(packages: list[str], contents: set[str]) -> None:
    tops = {name.partition("/")[0] for name in contents if ".dist-info/" not in name}
    assert tops == set(packages) | {"person_count.py"}
