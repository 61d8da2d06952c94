"""Scans: whatever happened unseen, the files table ends as the folders are."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries.files import signatures_below
from ingest.watching import scan as module
from ingest.watching.scan import Scanner
from tests.ingest.builders import Ingest, Names, write


def test_new_changed_and_deleted_files_are_counted(scanner: Scanner, inbox: Path) -> None:
    paths = [write(inbox / f"{number}.jpg") for number in range(5)]
    assert scanner.scan() == (5, 0)
    assert scanner.scan() == (0, 0)
    write(paths[0], b"changed")
    paths[1].unlink()
    write(inbox / "new.jpg")
    assert scanner.scan() == (2, 1)
    assert scanner.scan() == (0, 0)


def test_files_are_found_at_any_depth(scanner: Scanner, inbox: Path, names: Names) -> None:
    expected = {
        "a.jpg",
        "one/a.jpg",
        "one/two/a.jpg",
        "一/二 三/a.jpg",
        "/".join("abcdefgh") + ".jpg",
    }
    for name in expected:
        write(inbox / name)
    (inbox / "empty").mkdir()
    scanner.scan()
    assert names() == expected


def test_hidden_and_unfinished_files_and_folders_are_left_alone(
    scanner: Scanner, inbox: Path, names: Names
) -> None:
    for name in (
        ".a.jpg",
        "a.jpg.tmp",
        "a.part",
        "a.crdownload",
        "a.jpg~",
        ".b/a.jpg",
        "c.tmp/a.jpg",
    ):
        write(inbox / name)
    write(inbox / "a.tmp.jpg")
    scanner.scan()
    assert names() == {"a.tmp.jpg"}


def test_links_are_noted_and_not_followed(scanner: Scanner, inbox: Path, names: Names) -> None:
    outside = inbox.parent / "outside"
    write(outside / "a.jpg")
    (inbox / "folder").symlink_to(outside)
    (inbox / "loop").symlink_to(inbox)
    (inbox / "file.jpg").symlink_to(outside / "a.jpg")
    scanner.scan()
    assert names() == {"folder", "loop", "file.jpg"}


def test_a_name_that_is_no_utf8_is_found_and_lost_again(
    scanner: Scanner, inbox: Path, names: Names
) -> None:
    path = os.path.join(os.fsencode(inbox), b"\xff\xfe.jpg")
    with open(path, "wb") as stream:
        stream.write(b"x")
    assert scanner.scan() == (1, 0)
    assert scanner.scan() == (0, 0)
    assert names() == {"\\xff\\xfe.jpg"}
    os.unlink(path)
    assert scanner.scan() == (0, 1)


def test_a_folder_whose_name_is_no_utf8_is_found_and_lost_again(
    scanner: Scanner, inbox: Path, names: Names
) -> None:
    folder = os.path.join(os.fsencode(inbox), b"\xff")
    os.mkdir(folder)
    with open(os.path.join(folder, b"a.jpg"), "wb") as stream:
        stream.write(b"x")
    assert scanner.scan() == (1, 0)
    assert scanner.scan() == (0, 0)
    assert names() == {"\\xff/a.jpg"}
    shutil.rmtree(folder)
    assert scanner.scan() == (0, 1)


def test_a_file_that_became_a_folder_and_back(scanner: Scanner, inbox: Path, names: Names) -> None:
    write(inbox / "a")
    scanner.scan()
    (inbox / "a").unlink()
    write(inbox / "a/b.jpg")
    scanner.scan()
    assert names() == {"a/b.jpg"}
    shutil.rmtree(inbox / "a")
    write(inbox / "a")
    scanner.scan()
    assert names() == {"a"}


def test_names_beside_a_folder_are_not_taken_for_names_below_it(
    scanner: Scanner, inbox: Path, names: Names
) -> None:
    for name in ("a/1.jpg", "a.jpg", "a0.jpg", "ab/1.jpg", "a-b/1.jpg", "A/1.jpg"):
        write(inbox / name)
    scanner.scan()
    shutil.rmtree(inbox / "a")
    scanner.examine([str(inbox / "a")])
    assert names() == {"a.jpg", "a0.jpg", "ab/1.jpg", "a-b/1.jpg", "A/1.jpg"}


def test_more_files_than_fit_into_a_transaction(
    scanner: Scanner, inbox: Path, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 7)
    for number in range(50):
        write(inbox / f"{number}.jpg")
    assert scanner.scan() == (50, 0)
    assert len(names()) == 50


def test_a_missing_root_erases_nothing(
    scanner: Scanner, inbox: Path, names: Names, caplog: pytest.LogCaptureFixture
) -> None:
    write(inbox / "a.jpg")
    write(inbox / "b/c.jpg")
    scanner.scan()
    inbox.rename(inbox.with_name("away"))
    assert scanner.scan() == (0, 0)
    assert names() == {"a.jpg", "b/c.jpg"}
    assert "scan.root_missing" in caplog.text
    inbox.with_name("away").rename(inbox)
    assert scanner.scan() == (0, 0)


def test_a_root_that_became_a_file_erases_nothing(
    scanner: Scanner, inbox: Path, names: Names
) -> None:
    write(inbox / "a.jpg")
    scanner.scan()
    inbox.rename(inbox.with_name("away"))
    inbox.write_bytes(b"x")
    assert scanner.scan() == (0, 0)
    assert names() == {"a.jpg"}


def test_each_root_is_looked_at_and_stands_for_itself(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    more = tmp_path / "more"
    both = settings.model_copy(update={"roots": (more,)})
    scanner = Scanner(database, both.resolve_roots(), 0.0)
    write(settings.inbox / "a.jpg")
    write(more / "b.jpg")
    assert scanner.scan() == (2, 0)
    shutil.rmtree(more)
    (settings.inbox / "a.jpg").unlink()
    assert scanner.scan() == (0, 1)
    with database.read() as connection:
        assert set(signatures_below(connection, str(more))) == {str(more / "b.jpg")}


@pytest.fixture
def blind_to(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """A function after which a folder cannot be listed; modes would not keep root out."""
    real = os.scandir

    def forbid(folder: Path) -> None:
        def scandir(path: str) -> Iterator[os.DirEntry[str]]:
            if str(path) == str(folder):
                raise PermissionError(13, "Permission denied")
            return real(path)

        monkeypatch.setattr(os, "scandir", scandir)

    return forbid


def test_a_folder_that_cannot_be_listed_erases_nothing(
    scanner: Scanner,
    inbox: Path,
    names: Names,
    blind_to: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in ("secret/a.jpg", "secret/b/c.jpg", "open/a.jpg", "secrets.jpg"):
        write(inbox / name)
    scanner.scan()
    blind_to(inbox / "secret")
    (inbox / "open/a.jpg").unlink()
    assert scanner.scan() == (0, 1)
    assert names() == {"secret/a.jpg", "secret/b/c.jpg", "secrets.jpg"}
    assert "scan.unreadable number=1" in caplog.text
    assert "secret" not in caplog.text  # a log holds no names


def test_a_root_that_cannot_be_listed_erases_nothing(
    scanner: Scanner, inbox: Path, names: Names, blind_to: Callable[[Path], None]
) -> None:
    write(inbox / "a.jpg")
    scanner.scan()
    blind_to(inbox)
    assert scanner.scan() == (0, 0)
    assert names() == {"a.jpg"}


def test_a_folder_that_vanishes_during_the_scan_is_gone(
    scanner: Scanner, inbox: Path, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(inbox / "a/b.jpg")
    write(inbox / "c.jpg")
    scanner.scan()
    real = os.scandir

    def scandir(path: str) -> Iterator[os.DirEntry[str]]:
        if str(path) == str(inbox / "a"):
            shutil.rmtree(inbox / "a", ignore_errors=True)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert scanner.scan() == (0, 1)
    assert names() == {"c.jpg"}


def test_what_the_setting_ignore_names_is_not_looked_into(ingest: Ingest) -> None:
    """Or what was deleted on a network disk would still be there, in its trash."""
    ingest.drop("a.png", 1)
    for name in ("#recycle/b.png", "sub/@eaDir/c.png/thumb.png", "d.png.filepart"):
        ingest.drop("x.png", 2)
        (ingest.inbox / name).parent.mkdir(parents=True, exist_ok=True)
        (ingest.inbox / "x.png").rename(ingest.inbox / name)
    assert ingest.scanner.scan() == (1, 0)
    ingest.scanner.examine([str(ingest.inbox / "#recycle"), str(ingest.inbox / "sub/@eaDir/c.png")])
    assert ingest.rows().keys() == {"a.png"}


def test_a_photo_that_is_moved_into_a_trash_is_gone(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1)
    ingest.index()
    (ingest.inbox / "@Recycle").mkdir()
    path.rename(ingest.inbox / "@Recycle/a.png")
    ingest.scanner.examine([str(path), str(ingest.inbox / "@Recycle/a.png")])
    assert ingest.rows() == {}


def test_files_that_are_ignored_since_go_at_once_and_look_like_no_lost_disk(
    ingest: Ingest, settings: Settings
) -> None:
    for number in range(60):
        ingest.drop(f"raw/{number}.png", 1)
    ingest.drop("a.png", 2)
    ingest.scanner.scan()
    chosen = settings.model_copy(update={"ignore": ("raw/",)})
    scanner = Scanner(ingest.database, chosen.resolve_roots(), 0.0)
    assert scanner.scan() == (0, 60)
    assert ingest.rows().keys() == {"a.png"}
    assert scanner.held.removals_held == 0


def test_a_pattern_for_folders_holds_for_events_too(ingest: Ingest, settings: Settings) -> None:
    chosen = settings.model_copy(update={"ignore": ("raw/",)})
    scanner = Scanner(ingest.database, chosen.resolve_roots(), 0.0)
    ingest.drop("raw/a.png", 1)
    scanner.examine([str(ingest.inbox / "raw"), str(ingest.inbox / "raw/a.png")])
    assert ingest.rows() == {}
