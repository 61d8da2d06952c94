"""The real program in a folder of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.runner import Service


@pytest.fixture
def make_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Makes services that are stopped when the test ends."""
    made: list[Service] = []

    def make(name: str = "here", **settings: object) -> Service:
        service = Service(tmp_path / name, **settings)
        made.append(service)
        return service

    yield make
    for service in made:
        if service.process is not None:
            service.kill()


@pytest.fixture
def lfw(faces_folder: Path) -> Callable[[int, int], list[Path]]:
    """Photos of LFW: so many people, so many photos each, always the same ones."""

    def choose(people: int, photos: int) -> list[Path]:
        folders = sorted(p for p in (faces_folder / "lfw").iterdir() if p.is_dir())[:people]
        return [photo for folder in folders for photo in sorted(folder.iterdir())[:photos]]

    return choose
