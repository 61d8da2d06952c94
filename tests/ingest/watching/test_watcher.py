"""The real watchdog on real folders: every way in which files come, change and go."""

import os
import shutil

import pytest

from tests.fakes import save_picture
from tests.ingest.watched import REGISTERED_TWICE, Watched
from tests.waiting import wait_until

pytestmark = REGISTERED_TWICE


# --- the event table of guides/RELIABILITY.md ----------------------------------------------------


def test_open_write_close(watched: Watched) -> None:
    watched.write("a.png")
    watched.expect("a.png")


def test_a_slow_writer_is_noted_again_when_it_closes(watched: Watched) -> None:
    with (watched.inbox / "a.png").open("wb") as stream:
        stream.write(b"one")
        stream.flush()
        wait_until(watched.ingest.rows, "the beginning is noted")
        stream.write(b"two")
    watched.expect("a.png")


def test_rename_in_from_outside(watched: Watched) -> None:
    outside = watched.inbox.parent / "outside.png"
    outside.write_bytes(b"x")
    outside.rename(watched.inbox / "a.png")
    watched.expect("a.png")


def test_hard_link_in(watched: Watched) -> None:
    outside = watched.inbox.parent / "outside.png"
    outside.write_bytes(b"x")
    os.link(outside, watched.inbox / "a.png")
    watched.expect("a.png")


def test_symlink_in(watched: Watched) -> None:
    outside = watched.inbox.parent / "outside.png"
    outside.write_bytes(b"x")
    (watched.inbox / "a.png").symlink_to(outside)
    watched.expect("a.png")
    assert "symbolic link" in watched.ingest.reason("a.png")


def test_symlink_to_a_folder_in(watched: Watched) -> None:
    outside = watched.inbox.parent / "outside"
    outside.mkdir()
    (outside / "b.png").write_bytes(b"x")
    (watched.inbox / "link").symlink_to(outside)
    watched.expect("link")
    (outside / "c.png").write_bytes(b"x")
    watched.write("a.png")
    watched.expect("link", "a.png")


def test_whole_folder_moved_in(watched: Watched) -> None:
    outside = watched.inbox.parent / "outside"
    (outside / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/b.png", ".c.png", "d.tmp"):
        (outside / name).write_bytes(b"x")
    outside.rename(watched.inbox / "in")
    watched.expect("in/a.png", "in/deep/b.png")
    watched.write("in/deep/e.png")  # and is watched from now on
    watched.expect("in/a.png", "in/deep/b.png", "in/deep/e.png")


def test_folders_made_and_written_into_at_once(watched: Watched) -> None:
    names = [f"{n}/deep/er/{m}.png" for n in range(10) for m in range(3)]
    for name in names:
        watched.write(name)
    watched.expect(*names)


def test_rename_inside_from_an_ignored_name(watched: Watched) -> None:
    watched.write("a.png.tmp").rename(watched.inbox / "a.png")
    watched.expect("a.png")


def test_rename_inside(watched: Watched) -> None:
    path = watched.write("a.png")
    watched.expect("a.png")
    path.rename(watched.inbox / "b.png")
    watched.expect("b.png")


def test_rename_inside_to_an_ignored_name(watched: Watched) -> None:
    path = watched.write("a.png")
    watched.write("b.png")
    watched.expect("a.png", "b.png")
    path.rename(watched.inbox / ".a.png")
    watched.expect("b.png")


def test_replace_over(watched: Watched) -> None:
    watched.write("a.png", b"old")
    watched.expect("a.png")
    before = watched.ingest.row("a.png").signature
    watched.write("a.png.tmp", b"new").replace(watched.inbox / "a.png")
    watched.expect("a.png")
    assert watched.ingest.row("a.png").signature != before


def test_replace_over_from_outside(watched: Watched) -> None:
    watched.write("a.png", b"old")
    watched.expect("a.png")
    outside = watched.inbox.parent / "outside.png"
    outside.write_bytes(b"new")
    outside.replace(watched.inbox / "a.png")
    watched.expect("a.png")


def test_move_out(watched: Watched) -> None:
    path = watched.write("a.png")
    watched.write("b.png")
    watched.expect("a.png", "b.png")
    path.rename(watched.inbox.parent / "outside.png")
    watched.expect("b.png")


def test_delete(watched: Watched) -> None:
    path = watched.write("a.png")
    watched.write("b.png")
    watched.expect("a.png", "b.png")
    path.unlink()
    watched.expect("b.png")


def test_rewrite_in_place_with_the_same_size(watched: Watched) -> None:
    path = watched.write("a.png", b"old")
    watched.expect("a.png")
    before = watched.ingest.row("a.png").signature
    with path.open("r+b") as stream:
        stream.write(b"new")
    watched.expect("a.png")
    after = watched.ingest.row("a.png").signature
    assert after.size == before.size
    assert after.inode == before.inode
    assert after != before


def test_append(watched: Watched) -> None:
    path = watched.write("a.png")
    watched.expect("a.png")
    with path.open("ab") as stream:
        stream.write(b"more")
    watched.expect("a.png")


def test_rename_of_a_folder(watched: Watched) -> None:
    for name in ("in/a.png", "in/deep/b.png"):
        watched.write(name)
    watched.expect("in/a.png", "in/deep/b.png")
    (watched.inbox / "in").rename(watched.inbox / "out")
    watched.expect("out/a.png", "out/deep/b.png")
    watched.write("out/deep/c.png")
    watched.expect("out/a.png", "out/deep/b.png", "out/deep/c.png")


def test_folder_moved_out(watched: Watched) -> None:
    watched.write("in/a.png")
    watched.write("in/deep/b.png")
    watched.write("c.png")
    watched.expect("in/a.png", "in/deep/b.png", "c.png")
    (watched.inbox / "in").rename(watched.inbox.parent / "out")
    watched.expect("c.png")


def test_folder_deleted(watched: Watched) -> None:
    watched.write("in/a.png")
    watched.write("in/deep/b.png")
    watched.write("c.png")
    watched.expect("in/a.png", "in/deep/b.png", "c.png")
    shutil.rmtree(watched.inbox / "in")
    watched.expect("c.png")


def test_two_files_swapped(watched: Watched) -> None:
    one, two = watched.write("a.png", b"one"), watched.write("b.png", b"other")
    watched.expect("a.png", "b.png")
    one.rename(watched.inbox / "c.tmp")
    two.rename(one)
    (watched.inbox / "c.tmp").rename(two)
    watched.expect("a.png", "b.png")


def test_unusual_names(watched: Watched) -> None:
    names = ["张三 合影.png", "new\nline.png", "x" * 251 + ".png", "José.png", "a'b\"c%.png"]
    for name in names:
        watched.write(name)
    watched.expect(*names)


def test_a_name_that_is_no_utf8(watched: Watched) -> None:
    with open(os.path.join(os.fsencode(watched.inbox), b"caf\xe9.png"), "wb") as stream:
        stream.write(b"x")
    wait_until(lambda: set(watched.ingest.rows()) == {"caf\\xe9.png"}, "the file is noted")


@pytest.mark.parametrize(
    "name", [".a.png", "a.png.tmp", "a.part", "a.png~", "a.crdownload", ".in/a.png", "b.tmp/a.png"]
)
def test_ignored_names_stay_ignored(watched: Watched, name: str) -> None:
    watched.write(name)
    watched.write("z.png")
    watched.expect("z.png")


def test_reading_the_folder_is_no_event(watched: Watched) -> None:
    path = watched.write("a.png", b"content")
    watched.expect("a.png")
    before = watched.watcher._event_paths.take()
    for _ in range(20):
        path.read_bytes()
        path.stat()
        list(watched.inbox.iterdir())
    watched.write("b.png")
    watched.expect("a.png", "b.png")
    assert before == ([], 0)


def test_a_burst_of_files(watched: Watched) -> None:
    names = [f"{number}.png" for number in range(500)]
    for name in names:
        watched.write(name)
    watched.expect(*names)


# --- together with the worker --------------------------------------------------------------------


def settle(watched: Watched, *names: str) -> None:
    """Index everything once the table holds *names*."""
    watched.expect(*names)
    watched.ingest.clock.advance(60)
    watched.ingest.drain()
    watched.ingest.check()


def test_what_was_moved_or_copied_is_not_embedded_again(watched: Watched) -> None:
    inbox, ingest = watched.inbox, watched.ingest
    save_picture(inbox / "a.png", 1)
    (inbox / "in").mkdir()
    save_picture(inbox / "in/b.png", 2)
    settle(watched, "a.png", "in/b.png")
    (inbox / "a.png").rename(inbox / "in/a.png")
    shutil.copy(inbox / "in/b.png", inbox / "copy.png")
    settle(watched, "in/a.png", "in/b.png", "copy.png")
    (inbox / "in").rename(inbox / "out")
    settle(watched, "out/a.png", "out/b.png", "copy.png")
    assert ingest.images_seen == 2
    assert ingest.orphans() == set()
    assert ingest.persons("out/a.png", "out/b.png", "copy.png") == 2


def test_what_was_overwritten_has_its_new_faces_and_what_was_deleted_none(watched: Watched) -> None:
    inbox, ingest = watched.inbox, watched.ingest
    save_picture(inbox / "a.png", 1)
    save_picture(inbox / "b.png", 2)
    settle(watched, "a.png", "b.png")
    save_picture(inbox / "a.png", 3, 4)
    (inbox / "b.png").unlink()
    settle(watched, "a.png")
    assert ingest.persons("a.png") == 2
    assert ingest.drop_orphans() == 2
    assert sorted(face for face, added in ingest.changes() if not added) == [1, 2]
    ingest.check()
