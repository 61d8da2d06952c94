"""Dropped disks and deleted folders, as scans and events find them."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from index.database import Database
from index.forget import forget
from index.holds import CONFIRMING_SCANS, CONFIRMING_SECONDS, FEW_FILES, HoldReason, Identity
from index.paths import Roots, is_in
from index.settings import Settings
from index.store import places, queue
from ingest import census
from ingest.drain import Drain
from ingest.scan import Held, Scanner
from ingest.walk import Walk
from ingest.worker import IN_DOUBT_SECONDS
from tests.ingest.builders import Ingest

HOUR = 3600.0


class Library:
    """A scanner over an inbox, with a stopwatch that only the test moves."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.inbox = settings.inbox
        self.seconds = 0.0
        self._roots = Roots(settings.all_roots)
        self.restart()

    def restart(self) -> None:
        """Go on as a new process would."""
        self.scanner = Scanner(self.database, self._roots, 0.0, stopwatch=lambda: self.seconds)

    def fill(self, count: int, folder: str = ".") -> None:
        (self.inbox / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (self.inbox / folder / f"{number}.png").write_bytes(b"x")

    def names(self) -> set[str]:
        with self.database.read() as connection:
            found = queue.signatures_below(connection, str(self.inbox))
        return {path[len(str(self.inbox)) + 1 :] for path in found}

    def accept(self) -> int:
        with self.database.write() as connection:
            held = places.held_below(connection, self._roots.real)
            places.accept(connection, held)
        return sum(place.missing for place in held)

    def wait(self, reason: HoldReason) -> None:
        """Scan for as long as the removals have to be confirmed."""
        for _ in range(CONFIRMING_SCANS):
            self.seconds += CONFIRMING_SECONDS[reason] / CONFIRMING_SCANS
            self.scanner.scan()


def drop_out(inbox: Path) -> Path:
    """Let the disk of a root drop out. Returns where its files are now."""
    away = inbox.with_name("away")
    inbox.rename(away)
    inbox.mkdir()
    return away


@pytest.fixture
def library(database: Database, settings: Settings) -> Library:
    return Library(database, settings)


def test_a_small_folder_that_was_emptied_is_believed_at_once(library: Library) -> None:
    library.fill(FEW_FILES)
    library.scanner.scan()
    for path in library.inbox.iterdir():
        path.unlink()
    assert library.scanner.scan() == (0, FEW_FILES)
    assert library.names() == set()


def test_much_that_vanishes_is_held_told_once_and_goes_after_an_hour(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    library.fill(60, "keep")
    library.fill(60, "drop")
    library.scanner.scan()
    shutil.rmtree(library.inbox / "drop")
    assert library.scanner.scan() == (0, 0)
    assert library.scanner.held == Held(roots_missing=0, roots_held=1, removals_held=60)
    assert len(library.names()) == 120
    library.scanner.scan()
    told = [record for record in caplog.records if "scan.removals_held" in record.getMessage()]
    assert [record.levelname for record in told] == ["ERROR"]
    assert "missing=60 of=120" in told[0].getMessage()
    assert "drop" not in caplog.text  # a log holds no names
    library.wait(HoldReason.VANISHED)
    assert len(library.names()) == 60
    assert library.scanner.held == Held()


def test_a_restart_does_not_forget_a_hold_and_does_not_count_the_time_in_between(
    library: Library,
) -> None:
    library.fill(60)
    library.scanner.scan()
    shutil.rmtree(library.inbox)
    library.inbox.mkdir()
    library.scanner.scan()
    for _ in range(10):
        library.seconds += 100 * HOUR
        library.restart()
        library.scanner.scan()
    assert len(library.names()) == 60
    assert library.scanner.held.removals_held == 60


@pytest.mark.parametrize("count", [1, 60])
def test_an_empty_folder_in_the_roots_place_erases_nothing(library: Library, count: int) -> None:
    """What an unmounted disk leaves behind."""
    library.fill(count)
    library.scanner.scan()
    away = library.inbox.with_name("away")
    library.inbox.rename(away)
    library.inbox.mkdir()
    assert library.scanner.scan() == (0, 0)
    assert library.scanner.held.removals_held == count
    (library.inbox / "new.png").write_bytes(b"x")
    assert library.scanner.scan() == (1, 0)  # and what comes meanwhile is not lost either
    library.wait(HoldReason.VANISHED)
    assert len(library.names()) == count + 1
    shutil.rmtree(library.inbox)
    away.rename(library.inbox)
    library.scanner.scan()
    assert library.scanner.held.removals_held == 0
    assert len(library.names()) == count


def test_another_disk_for_good_is_believed_after_some_days(library: Library) -> None:
    library.fill(3)
    library.scanner.scan()
    library.inbox.rename(library.inbox.with_name("away"))
    library.inbox.mkdir()
    library.scanner.scan()
    library.wait(HoldReason.REPLACED)
    assert library.names() == set()


def test_an_operator_may_say_that_it_is_gone(library: Library) -> None:
    library.fill(60)
    library.scanner.scan()
    shutil.rmtree(library.inbox)
    library.scanner.scan()
    assert library.scanner.held == Held(roots_missing=1, roots_held=1, removals_held=60)
    assert not library.scanner.is_accepted()
    assert library.accept() == 60
    assert library.scanner.is_accepted()
    assert library.scanner.scan() == (0, 60)
    assert not library.scanner.is_accepted()


def test_an_operator_who_says_so_during_a_scan_is_heard(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.fill(60)
    library.scanner.scan()
    drop_out(library.inbox)
    library.scanner.scan()
    real = Walk.files

    def files(walk: Walk, folder: str) -> object:
        yield from real(walk, folder)
        assert library.accept() == 60

    monkeypatch.setattr(Walk, "files", files)
    assert library.scanner.scan() == (0, 60)


def test_what_is_left_of_a_root_that_was_taken_out_is_not_accepted_for_ever(
    library: Library, database: Database, tmp_path: Path
) -> None:
    """Or each round would scan everything, to remove what no scan looks at."""
    old = tmp_path / "old"
    old.mkdir()
    (old / "a.png").write_bytes(b"x")
    Scanner(database, Roots([library.inbox, old]), 0.0).scan()
    shutil.rmtree(old)
    Scanner(database, Roots([library.inbox, old]), 0.0).scan()
    assert library.accept() == 0
    with database.write() as connection:  # as earlier versions did
        places.accept(connection, places.held_below(connection, [str(old)]))
    assert not library.scanner.is_accepted()


def test_a_file_that_was_moved_to_another_root_is_not_gone_in_between(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    scanner = Scanner(ingest.database, Roots([ingest.inbox, other]), 0.0)
    path = ingest.drop("a.png", 1)
    scanner.scan()
    ingest.drain()
    path.rename(other / "a.png")
    real = Scanner.note

    def note(which: Scanner, *given: object) -> int:
        assert "a.png" in ingest.rows()
        return real(which, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Scanner, "note", note)
    assert scanner.scan() == (1, 1)


def test_a_deletion_that_events_tell_of_is_believed_at_once(library: Library) -> None:
    library.fill(60)
    library.fill(60, "in")
    library.scanner.scan()
    shutil.rmtree(library.inbox / "in")
    library.scanner.examine([str(library.inbox / "in")])
    assert len(library.names()) == 60


def test_events_out_of_a_root_that_was_replaced_erase_nothing(library: Library) -> None:
    """A disk falls out between a file's arrival and the look at it."""
    library.fill(3)
    library.scanner.scan()
    library.inbox.rename(library.inbox.with_name("away"))
    library.inbox.mkdir()
    library.scanner.examine([str(library.inbox / "0.png")])
    assert len(library.names()) == 3


def test_a_root_that_is_replaced_during_a_scan_is_judged_another_time(
    library: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    library.fill(1)
    library.fill(3, "in")
    library.scanner.scan()
    real = os.scandir

    def scandir(path: str) -> object:
        if path == str(library.inbox / "in"):
            library.inbox.rename(library.inbox.with_name("away"))
            library.inbox.mkdir()
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert library.scanner.scan() == (0, 0)
    assert len(library.names()) == 4
    assert "scan.root_changed_meanwhile" in caplog.text


def test_a_hold_does_not_end_because_nothing_can_be_read(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.fill(60)
    library.scanner.scan()
    away = library.inbox.with_name("away")
    library.inbox.rename(away)
    library.inbox.mkdir()
    library.scanner.scan()
    with monkeypatch.context() as patch:

        def scandir(_: str) -> object:
            raise OSError(5, "Input/output error")

        patch.setattr(os, "scandir", scandir)
        library.scanner.scan()
    assert library.scanner.held.removals_held == 60


def test_a_new_file_with_the_name_of_a_held_one_ends_no_hold(library: Library) -> None:
    library.fill(40)
    library.scanner.scan()
    drop_out(library.inbox)
    library.scanner.scan()
    for _ in range(2):
        (library.inbox / "0.png").write_bytes(b"new")
        library.scanner.scan()
    assert library.scanner.held.removals_held == 39
    assert len(library.names()) == 40


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
    roots = Roots(photos.settings.all_roots)
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
    photos.clock.advance(IN_DOUBT_SECONDS)
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
    photos.clock.advance(IN_DOUBT_SECONDS)
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
    real_files, real_identity = Walk.files, census.identity

    def files(walk: Walk, folder: str) -> object:
        if device[0] is not None:
            walk.mounts[place] = Identity(device[0], "1")
        return real_files(walk, folder)

    def identity(path: str) -> Identity | None:
        mounted = path == place and device[0] is not None
        return Identity(str(device[0]), "1") if mounted else real_identity(path)

    def choose(chosen: str | None) -> None:
        device[0] = chosen

    monkeypatch.setattr(Walk, "files", files)
    monkeypatch.setattr(census, "identity", identity)
    monkeypatch.setattr("ingest.scan.identity", identity)
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
