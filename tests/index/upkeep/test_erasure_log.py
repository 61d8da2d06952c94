"""The log of erasures: what an interrupted one leaves is finished, and no log is no leave."""

import errno
import os
from pathlib import Path

import pytest

from index.base.errors import StoreError, StoreUnavailableError
from index.database.queries import erasures
from index.upkeep import forget
from index.upkeep.erasure import finish_erasures
from index.upkeep.erasure_log import FORGOTTEN
from tests.index.builders import ask
from tests.index.erasing import Home, parts


def test_the_log_tells_no_names_and_no_digests(home: Home) -> None:
    [(digest,)] = ask(home.database, "SELECT sha256 FROM images WHERE id = 1")
    assert isinstance(digest, bytes)
    home.forget("ann.png")
    text = (home.data / "erasures.log").read_text()
    assert "ann" not in text
    assert digest.hex() not in text
    assert (home.data / "erasures.log").stat().st_mode & 0o077 == 0


def test_a_link_to_a_log_that_machines_share_stays_one_even_before_the_first_entry(
    home: Home, tmp_path: Path
) -> None:
    shared = tmp_path / "share" / "erasures.log"
    shared.parent.mkdir()
    (home.data / "erasures.log").symlink_to(shared)
    home.forget("ann.png")
    assert (home.data / "erasures.log").is_symlink()
    assert len(shared.read_text().splitlines()) == 2  # the key and the entry


@pytest.mark.parametrize("step", ["remove_images", "drop_snapshots", "record"])
def test_an_erasure_that_was_interrupted_is_finished_by_the_next_run(
    home: Home, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    vector = home.vectors("ann.png")[0]

    def crash(*_: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as broken:
        broken.setattr(erasures, step, crash)
        with pytest.raises(RuntimeError, match="power cut"):
            home.forget("ann.png")
    assert home.states()["ann.png"] == "indexed"  # all or nothing
    done = home.forget("ann.png")
    assert done.erased.faces == 1
    assert home.remains(done.erased) == []
    assert not any(part in home.bytes_of() for part in parts(vector))
    home.check()


def test_an_erasure_interrupted_after_its_commit_is_finished_by_the_next_run(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    vector = home.vectors("ann.png")[0]
    with monkeypatch.context() as broken:
        broken.setattr(forget, "clean_up", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            home.forget("ann.png")
    home.forget("ann.png")
    assert not any(part in home.bytes_of() for part in parts(vector))


def test_whoever_comes_next_finishes_an_interrupted_erasure(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(erasures, "remove_images", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            home.forget("ann.png")
    finish_erasures(home.database, home.data)  # as ingest does when it starts
    assert "ann.png" not in home.states()


def test_a_log_for_which_there_is_no_room_is_said_in_a_line_and_can_be_tried_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        with pytest.raises(StoreUnavailableError, match="No space left"):
            home.forget("ann.png")
    assert home.states()["ann.png"] == "indexed"
    assert home.forget("ann.png").erased.faces == 1


def test_a_log_that_cannot_be_read_is_said_in_a_line(home: Home) -> None:
    """As one that forget made when it was run by another user; modes would not keep root out."""
    (home.data / "erasures.log").mkdir()
    with pytest.raises(StoreUnavailableError, match="log cannot be read at present: Is a dir"):
        finish_erasures(home.database, home.data)


def test_a_torn_last_line_is_ignored_and_overwritten(home: Home) -> None:
    home.forget("ann.png")
    with open(home.data / "erasures.log", "a") as stream:
        stream.write("2 suppress 00ff")
    home.forget("trip/bob.png")
    lines = (home.data / "erasures.log").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["key", "1", "2"]
    home.index()
    assert home.reason("trip/bob.png") == FORGOTTEN


@pytest.mark.parametrize("text", ["key 00zz\n", "", "key 00"])
def test_a_log_without_a_key_is_refused(home: Home, text: str) -> None:
    home.forget("ann.png")
    (home.data / "erasures.log").write_text(text)
    with pytest.raises(StoreError, match=r"erasures\.log is damaged"):
        home.forget("trip")


def test_a_damaged_line_is_refused(home: Home) -> None:
    home.forget("ann.png")
    with open(home.data / "erasures.log", "a") as stream:
        stream.write("what is this\n")
    with pytest.raises(StoreError, match=r"line 3 of .*erasures\.log is damaged"):
        home.forget("trip")


def test_without_its_log_a_library_with_erasures_indexes_nothing(home: Home) -> None:
    home.forget("ann.png")
    (home.data / "erasures.log").unlink()
    fresh = Home(home.database, home.settings, home.generation)
    fresh.drop("new.png", 7)
    fresh.scanner.scan()
    with pytest.raises(StoreError, match=r"erasures\.log is missing"):
        fresh.worker.step()
    with pytest.raises(StoreError, match=r"erasures\.log is missing"):
        fresh.forget("trip")


def test_the_log_of_another_library_is_refused(home: Home) -> None:
    home.forget("ann.png")
    path = home.data / "erasures.log"
    lines = path.read_text().splitlines()
    path.write_text(f"key {'00' * 32}\n{lines[1].replace(lines[1].split()[2], '11' * 32)}\n")
    with pytest.raises(StoreError, match="belongs to another database"):
        home.forget("trip")
