"""Disks that drop out while files on them wait or are forgotten, and disks below a root."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from index.base.paths import Roots, is_in
from index.database.queries import places
from index.database.queries.places import HoldReason, Identity
from index.upkeep.forget import forget
from ingest.jobs.drain import Drain
from ingest.jobs.worker import UNCERTAIN_RETRY_SECONDS
from ingest.watching import findings
from ingest.watching.scan import Held
from ingest.watching.walk import Walk
from tests.ingest.builders import Ingest
from tests.ingest.holding import Library, drop_out


@pytest.fixture
def photos(ingest: Ingest) -> Ingest:
    """Eight photos, indexed, and one that is not yet; then their disk drops out."""
    for number in range(8):
        ingest.drop(f"{number}.png", number, seed=number)
    ingest.index()
    ingest.drop("pending.png", 9, seed=9)
    ingest.scanner.scan()
    return ingest


def test_forgetting_most_of_what_is_held_does_not_remove_the_rest(photos: Ingest) -> None:
    drop_out(photos.inbox)
    for number in range(8):
        photos.drop(f"new {number}.png", number, seed=20 + number)
    photos.scanner.scan()
    photos.scanner.scan()
    roots = photos.settings.resolve_roots()
    paths = [photos.inbox / f"{number}.png" for number in range(6)]
    data = photos.settings.data
    forget(photos.database, data, roots, paths, lambda _done, _all: None)
    photos.scanner.scan()
    assert photos.scanner.held.removals_held == 3
    assert {"6.png", "7.png", "pending.png"} <= photos.rows().keys()


@pytest.mark.parametrize("scanned", [True, False])
def test_a_waiting_file_whose_disk_drops_out_is_not_forgotten_by_the_worker(
    photos: Ingest, scanned: bool
) -> None:
    """A camera's card that is pulled out during an import."""
    away = drop_out(photos.inbox)
    if scanned:
        photos.scanner.scan()
    photos.drain()
    photos.clock.advance(UNCERTAIN_RETRY_SECONDS)
    photos.drain()
    photos.scanner.scan()
    assert photos.scanner.held.removals_held == 9
    assert photos.states()["pending.png"] == "pending"
    summary = Drain(photos.database, photos.settings, threading.Event()).catch_up(
        lambda _done, _all: None
    )
    assert summary.pending == 1  # and nobody waits for it
    photos.inbox.rmdir()
    away.rename(photos.inbox)
    photos.scanner.scan()
    photos.clock.advance(UNCERTAIN_RETRY_SECONDS)
    photos.drain()
    assert set(photos.states().values()) == {"indexed"}
    assert photos.images_seen == 9


# --- a disk mounted below a root -----------------------------------------------------------------


Mount = Callable[[str | None], None]


@pytest.fixture
def mount(library: Library, monkeypatch: pytest.MonkeyPatch) -> Mount:
    """A function that makes the folder "disk" another device; test_kernel.py mounts."""
    place = str(library.inbox / "disk")
    device: list[str | None] = [None]
    real_files, real_identity = Walk.files, findings.identity

    def files(walk: Walk, folder: str, roots: Roots) -> object:
        if device[0] is not None:
            walk.mounts[place] = Identity(device[0], "1")
        return real_files(walk, folder, roots)

    def identity(path: str) -> Identity | None:
        mounted = path == place and device[0] is not None
        return Identity(str(device[0]), "1") if mounted else real_identity(path)

    def choose(chosen: str | None) -> None:
        device[0] = chosen

    monkeypatch.setattr(Walk, "files", files)
    monkeypatch.setattr(findings, "identity", identity)
    monkeypatch.setattr("ingest.watching.scan.identity", identity)
    return choose


def test_a_disk_below_a_root_is_a_place_of_its_own(library: Library, mount: Mount) -> None:
    library.fill(500)
    library.fill(3, "disk")
    mount("77")
    library.scanner.scan()
    hidden = library.inbox.with_name("hidden")
    (library.inbox / "disk").rename(hidden)
    (library.inbox / "disk").mkdir()
    mount(None)
    library.scanner.examine([str(library.inbox / "disk"), str(library.inbox / "disk/0.png")])
    library.scanner.scan()
    assert library.scanner.held == Held(roots_missing=0, roots_held=1, removals_held=3)
    (library.inbox / "0.png").unlink()
    assert library.scanner.scan() == (0, 1)  # the root itself goes on as ever
    shutil.rmtree(library.inbox / "disk")
    library.scanner.examine([str(library.inbox / "disk")])  # what ejecting does to its folder
    assert len(library.names()) == 502
    hidden.rename(library.inbox / "disk")
    mount("78")  # another number, as after a boot
    library.scanner.scan()
    assert library.scanner.held == Held()
    assert len(library.names()) == 502


def test_a_disk_below_a_root_that_is_absent_is_waited_for_without_end(
    library: Library, mount: Mount
) -> None:
    library.fill(3)
    library.fill(3, "disk")
    mount("77")
    library.scanner.scan()
    away = library.inbox.with_name("away")
    library.inbox.rename(away)
    mount(None)
    library.scanner.scan()
    assert library.scanner.held == Held(roots_missing=1, roots_held=2, removals_held=6)
    library.wait(HoldReason.REPLACED)
    library.wait(HoldReason.REPLACED)
    assert len(library.names()) == 6
    away.rename(library.inbox)
    mount("78")
    library.scanner.scan()
    assert library.scanner.held == Held()


def test_a_disk_that_never_comes_back_is_forgotten_as_a_place(
    library: Library, mount: Mount
) -> None:
    library.fill(3, "disk")
    mount("77")
    library.scanner.scan()
    shutil.rmtree(library.inbox / "disk")
    mount(None)
    library.scanner.scan()
    assert len(library.names()) == 3
    library.wait(HoldReason.REPLACED)
    assert library.names() == set()
    with library.database.read() as connection:
        known = [place.path for place in places.all_places(connection)]
    assert known == [str(library.inbox)]


def test_files_of_a_disk_moved_into_the_root_are_its_own(library: Library, mount: Mount) -> None:
    """Unmounted for good, its files copied to where they were: nothing is in doubt."""
    library.fill(3, "disk")
    mount("77")
    library.scanner.scan()
    mount(None)
    assert library.scanner.scan() == (0, 0)
    assert library.scanner.held == Held()


def test_folder_names_that_only_begin_alike_are_not_below(tmp_path: Path) -> None:
    assert is_in(str(tmp_path / "a/b"), str(tmp_path / "a"))
    assert is_in("/a", "/")
    assert not is_in(str(tmp_path / "ab"), str(tmp_path / "a"))
