"""Single paths that are examined or noted, and those that cannot be looked at."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.base.paths import Roots
from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import queue
from index.database.queries.generations import GenerationRow
from ingest.watching.scan import Scanner
from ingest.watching.walk import Walk
from tests.fakes import save_picture
from tests.ingest.builders import Ingest, Names, write

# --- single paths --------------------------------------------------------------------------------


def test_a_path_that_is_there_is_noted(scanner: Scanner, inbox: Path, names: Names) -> None:
    write(inbox / "a.jpg")
    write(inbox / "b.jpg")
    scanner.examine([str(inbox / "a.jpg")])
    assert names() == {"a.jpg"}


def test_a_folder_is_noted_with_all_that_is_below_it(
    scanner: Scanner, inbox: Path, names: Names
) -> None:
    for name in ("a/1.jpg", "a/b/2.jpg", "a/.c/3.jpg", "a/4.tmp", "5.jpg"):
        write(inbox / name)
    scanner.examine([str(inbox / "a")])
    assert names() == {"a/1.jpg", "a/b/2.jpg"}


def test_a_path_that_is_gone_is_forgotten_with_all_that_was_below_it(
    scanner: Scanner, inbox: Path, names: Names
) -> None:
    for name in ("a/1.jpg", "a/b/2.jpg", "c.jpg", "d.jpg"):
        write(inbox / name)
    scanner.scan()
    shutil.rmtree(inbox / "a")
    (inbox / "c.jpg").unlink()
    scanner.examine([str(inbox / "a"), str(inbox / "c.jpg")])
    assert names() == {"d.jpg"}


def test_a_moved_file_is_never_without_a_name(ingest: Ingest) -> None:
    """Its image keeps a file at every moment, so nothing throws its faces away."""
    path = ingest.drop("a.png", 1)
    ingest.index()
    path.rename(ingest.inbox / "b.png")
    ingest.scanner.examine([str(path), str(ingest.inbox / "b.png")])
    ingest.drain()
    assert ingest.states() == {"b.png": "indexed"}
    assert ingest.images_seen == 1


@pytest.mark.parametrize("name", [".a.jpg", "a.tmp", ".b/a.jpg", "c.part/d/a.jpg", ".b"])
def test_ignored_paths_are_not_examined(
    scanner: Scanner, inbox: Path, names: Names, name: str
) -> None:
    if name == ".b":
        write(inbox / ".b/a.jpg")
    else:
        write(inbox / name)
    scanner.examine([str(inbox / name)])
    assert names() == set()


def test_paths_outside_the_roots_are_not_examined(
    scanner: Scanner, inbox: Path, names: Names
) -> None:
    write(inbox / "a.jpg")
    scanner.scan()
    outside = write(inbox.parent / "outside.jpg")
    scanner.examine([str(outside), str(inbox.parent), "/", str(inbox), f"{inbox}2/x.jpg"])
    assert names() == {"a.jpg"}


def test_paths_below_a_missing_root_are_not_forgotten(
    scanner: Scanner, inbox: Path, names: Names
) -> None:
    write(inbox / "a.jpg")
    write(inbox / "b/c.jpg")
    scanner.scan()
    inbox.rename(inbox.with_name("away"))
    scanner.examine([str(inbox / "a.jpg"), str(inbox / "b"), str(inbox)])
    assert names() == {"a.jpg", "b/c.jpg"}


def test_a_path_that_cannot_be_looked_at_is_not_taken_for_gone(
    scanner: Scanner, inbox: Path, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(inbox / "a.jpg")
    scanner.scan()
    real = os.lstat

    def lstat(found: str) -> os.stat_result:
        if str(found) == str(path):
            raise OSError(5, "Input/output error")
        return real(found)

    monkeypatch.setattr(os, "lstat", lstat)
    scanner.examine([str(path)])
    assert names() == {"a.jpg"}


def test_a_file_below_a_path_that_became_a_file_is_gone(
    scanner: Scanner, inbox: Path, names: Names
) -> None:
    write(inbox / "a/b.jpg")
    scanner.scan()
    shutil.rmtree(inbox / "a")
    write(inbox / "a")
    scanner.examine([str(inbox / "a/b.jpg"), str(inbox / "a")])
    assert names() == {"a"}


def test_nothing_to_examine_is_nothing_done(scanner: Scanner, names: Names) -> None:
    scanner.examine([])
    assert names() == set()


# --- priorities ----------------------------------------------------------------------------------


def test_noting_again_does_not_take_a_priority_away(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    ingest = Ingest(database, settings.model_copy(update={"batch_files": 1}), generation)
    for number in range(4):
        save_picture(ingest.inbox / f"{number}.png", number)
    ingest.scanner.scan()
    path = str(ingest.inbox / "2.png")
    ingest.scanner.record([(path, os.lstat(path))], priority=1)  # unchanged: stays as it is
    with database.write() as connection:
        queue.prioritise(connection, [path])
    ingest.scanner.scan()
    ingest.worker.step()
    assert ingest.states()["2.png"] == "indexed"


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/r/a", False),
        ("/r/a/b/c.jpg", False),
        ("/r/ab", True),
        ("/r", True),
        ("/r/b/c", True),
        ("/r/d/e.jpg", False),
        ("/r/d/f.jpg", True),
    ],
)
def test_what_lies_below_something_unreadable_is_unknown(path: str, *, known: bool) -> None:
    walk = Walk({"/r/a": "Input/output error", "/r/d/e.jpg": "Input/output error"})
    assert walk.knows(path) is known


def test_many_files_that_cannot_be_looked_at_cost_a_line_and_no_search_among_all(
    inbox: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(50):
        write(inbox / f"{number}.jpg")

    class Counting(dict[str, str | None]):
        def __iter__(self) -> Iterator[str]:
            raise AssertionError("each was looked at for one")

    def refuse(walk: Walk, entry: os.DirEntry[str]) -> None:
        walk.unreadable[entry.path] = "Input/output error"

    monkeypatch.setattr(Walk, "_status", refuse)
    walk = Walk(Counting())
    assert list(walk.files(str(inbox), Roots([inbox]))) == []
    assert not any(walk.knows(str(inbox / f"{number}.jpg")) for number in range(50))
    assert walk.knows(str(inbox / "other.jpg"))
    assert [record.getMessage() for record in caplog.records] == [
        "scan.unreadable number=50 reason=Input/output error"
    ]
