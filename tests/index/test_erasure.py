"""What it takes for a photo to be gone: rows, index, snapshots, bytes, and for good."""

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from index import erasure, forget, proof, residue, snapshots
from index.database import Database, exclusive
from index.erasure import Erased, eraser, expire, finish_erasures
from index.erasure_log import FORGOTTEN
from index.errors import ConfigError, StoreError, StoreUnavailableError, WriterBusyError
from index.forget import Forgotten
from index.paths import Roots
from index.settings import Settings
from index.space import UNMEASURED, Space
from index.store import erasures, library
from index.store.generations import GenerationRow
from index.vectors import VectorIndex
from index.verify import verify
from ingest import process, reindex
from ingest.process import Housekeeping
from tests.fakes import fake_models
from tests.index.builders import ask, by_hand
from tests.ingest.builders import Ingest

SPACE = Space(UNMEASURED)
DAY = 86_400.0


def quiet(_done: int, _total: int) -> None:
    pass


class Home(Ingest):
    """An ingest with hands to forget."""

    @property
    def data(self) -> Path:
        return self.settings.data

    def snapshot(self) -> None:
        snapshots.write_snapshot(self.database, self.generation.id, SPACE, 1.0)

    def forget(self, *names: str) -> Forgotten:
        paths = [self.inbox / name for name in names]
        return forget.forget(self.database, self.data, Roots([self.inbox]), paths, quiet)

    def allow(self, *names: str) -> int:
        paths = [self.inbox / name for name in names]
        return forget.allow(self.database, self.data, Roots([self.inbox]), paths, quiet)

    def remains(self, erased: Erased) -> list[Path]:
        return proof.remains(self.database, self.data, erased.pieces, quiet)

    def bytes_of(self) -> bytes:
        """All that the data folder holds."""
        return b"".join(path.read_bytes() for path in self.data.rglob("*") if path.is_file())


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "ROUND_SECONDS", 0.05)
    monkeypatch.setattr(erasure, "WAIT_SECONDS", 0.2)


@pytest.fixture
def home(database: Database, settings: Settings, generation: GenerationRow) -> Iterator[Home]:
    """Three photos of four people, indexed and in a snapshot."""
    made = Home(database, settings, generation)
    made.drop("ann.png", 1)
    made.drop("trip/pair.png", 2, 3)
    made.drop("trip/bob.png", 4)
    made.index()
    made.snapshot()
    return made


def pragma(database: Database, text: str) -> None:
    """Set something on the writer's one connection."""
    raw = database._writer.raw_connection()
    raw.cursor().execute(f"PRAGMA {text}")
    raw.close()


def parts(vector: NDArray[np.float32]) -> list[bytes]:
    """Raw and unit vectors as bytes, in quarters: a page may cut one in two."""
    raw = vector.reshape(1, -1)
    return [
        whole[start : start + 512]
        for whole in (raw.astype("<f4").tobytes(), SPACE.unit(raw).astype("<f4").tobytes())
        for start in range(0, 2048, 512)
    ]


def test_a_forgotten_photo_leaves_no_row_and_no_byte(home: Home) -> None:
    vector = home.vectors("ann.png")[0]
    assert any(part in home.bytes_of() for part in parts(vector)[:4])
    assert any(part in home.bytes_of() for part in parts(vector)[4:])
    done = home.forget("ann.png")
    assert (len(done.plan.rows), done.erased.images, done.erased.faces) == (1, 1, 1)
    assert not done.snapshot_left
    assert home.remains(done.erased) == []
    assert not any(part in home.bytes_of() for part in parts(vector))
    assert set(home.states()) == {"trip/pair.png", "trip/bob.png"}
    assert (home.inbox / "ann.png").exists()
    assert ask(home.database, "SELECT count(*) FROM snapshots") == [(1,)]
    home.check()


def test_everything_below_a_folder_goes_whatever_its_state(home: Home) -> None:
    home.drop("trip/waiting.png", 5)
    (home.inbox / "trip" / "bad.jpg").write_text("no image")
    home.scanner.scan()
    done = home.forget("trip")
    assert (len(done.plan.rows), done.erased.images, done.erased.faces) == (4, 2, 3)
    assert set(home.states()) == {"ann.png"}
    home.index()
    assert {
        name: home.reason(name) for name in home.states() if name != "ann.png"
    } == dict.fromkeys(
        ("trip/pair.png", "trip/bob.png", "trip/waiting.png", "trip/bad.jpg"), FORGOTTEN
    )


def test_a_running_index_sees_the_face_go(home: Home) -> None:
    index = VectorIndex(home.generation.id, SPACE)
    with home.database.read() as connection:
        index.open(connection)
    assert len(index) == 4
    home.forget("trip/pair.png")
    with home.database.read() as connection:
        index.refresh(connection)
        assert index.ids.tolist() == library.face_ids(connection, home.generation.id).tolist()
    assert (len(index), index.rebuilds) == (2, 0)


def test_an_index_opened_before_the_next_snapshot_is_whole(home: Home) -> None:
    with exclusive(home.data, "ingest"):
        assert home.forget("ann.png").snapshot_left
    assert verify(home.database).problems == []
    index = VectorIndex(home.generation.id, SPACE)
    with home.database.read() as connection:
        index.open(connection)
    assert (len(index), index.rebuilds) == (3, 0)


def test_a_forgotten_photo_is_never_indexed_again_nor_under_another_name(home: Home) -> None:
    home.forget("ann.png")
    seen = home.images_seen
    shutil.copy(home.inbox / "ann.png", home.inbox / "copy.png")
    (home.inbox / "ann.png").rename(home.inbox / "other.png")
    home.index()
    assert home.images_seen == seen
    assert home.reason("copy.png") == home.reason("other.png") == FORGOTTEN
    home.check()


def test_a_photo_that_was_never_indexed_can_be_forgotten_beforehand(home: Home) -> None:
    home.drop("new.png", 9)
    done = home.forget("new.png")
    assert (done.plan.rows, done.erased.images, len(done.plan.contents)) == ([], 0, 1)
    home.index()
    assert home.reason("new.png") == FORGOTTEN


def test_a_photo_that_is_gone_from_the_disk_can_be_forgotten(home: Home) -> None:
    content = (home.inbox / "ann.png").read_bytes()
    (home.inbox / "ann.png").unlink()
    assert home.forget("ann.png").erased.faces == 1
    (home.inbox / "again.png").write_bytes(content)
    home.index()
    assert home.reason("again.png") == FORGOTTEN


def test_a_photo_that_was_overwritten_is_forgotten_in_both_versions(home: Home) -> None:
    old = (home.inbox / "ann.png").read_bytes()
    home.drop("ann.png", 8)
    done = home.forget("ann.png")
    assert len(done.plan.contents) == 2
    (home.inbox / "old.png").write_bytes(old)
    home.index()
    assert home.reason("ann.png") == home.reason("old.png") == FORGOTTEN


def test_other_files_with_the_same_photo_are_forgotten_and_named(home: Home) -> None:
    shutil.copy(home.inbox / "ann.png", home.inbox / "trip" / "twin.png")
    home.index()
    done = home.forget("ann.png")
    assert done.others == [str(home.inbox / "trip" / "twin.png")]
    assert "trip/twin.png" not in home.states()


def test_faces_that_another_photo_has_by_rights_do_not_spoil_the_proof(home: Home) -> None:
    home.drop("ann-again.png", 1, seed=77)  # the same face, other bytes
    home.index()
    done = home.forget("ann.png")
    assert home.remains(done.erased) == []
    assert home.states()["ann-again.png"] == "indexed"


def test_allowing_it_again_takes_the_suppression_back(home: Home) -> None:
    home.forget("ann.png", "trip")
    home.index()
    assert home.allow("ann.png") == 1
    home.clock.advance(60)
    home.drain()
    assert home.states()["ann.png"] == "indexed"
    assert home.reason("trip/bob.png") == FORGOTTEN
    assert home.allow("ann.png") == 0
    home.forget("ann.png")
    home.index()
    assert home.reason("ann.png") == FORGOTTEN
    home.check()


def test_all_generations_lose_the_faces(home: Home) -> None:
    by_hand(
        home.database,
        "INSERT INTO generations (model_id, weights, profile, state, created_at) "
        "SELECT 'fake-2', weights, profile, 'building', 0 FROM generations",
    )
    by_hand(
        home.database,
        "INSERT INTO faces (image_id, generation_id, x1, y1, x2, y2, probability, landmarks, "
        "sharpness, dim, embedding, crc32) SELECT image_id, 2, x1, y1, x2, y2, probability, "
        "landmarks, sharpness, dim, embedding, crc32 FROM faces",
    )
    assert home.forget("ann.png").erased.faces == 2
    gone = ask(home.database, "SELECT generation_id FROM changelog WHERE NOT added ORDER BY 1")
    assert (2,) in gone


def test_paths_outside_or_unknown_are_refused_and_change_nothing(
    home: Home, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.png"
    outside.write_bytes(b"x")
    with pytest.raises(ConfigError, match="outside the drop folder"):
        home.forget(str(outside))
    with pytest.raises(ConfigError, match=r"there is no .*nowhere\.png"):
        home.forget("ann.png", "nowhere.png")
    assert len(home.states()) == 3
    assert not (home.data / "erasures.log").exists()


def test_what_is_left_of_a_root_that_was_taken_out_can_be_forgotten(
    home: Home, tmp_path: Path
) -> None:
    roots = Roots([tmp_path / "new"])
    (home.inbox / "unknown.png").write_bytes(b"x")
    done = forget.forget(home.database, home.data, roots, [home.inbox / "trip"], quiet)
    assert done.erased.images == 2
    assert [Path(path).name for path in done.plan.on_disk] == ["bob.png", "pair.png"]
    done = forget.forget(home.database, home.data, roots, [home.inbox], quiet)
    assert done.plan.on_disk == [str(home.inbox / "ann.png")]  # and no file that is not known
    assert home.states() == {}
    home.check()


def test_a_folder_that_a_root_lies_in_is_outside_the_roots(home: Home, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="outside the drop folder"):
        home.forget(str(tmp_path))
    assert len(home.states()) == 3


# --- the log -------------------------------------------------------------------------------------


def test_the_log_tells_no_names_and_no_digests(home: Home) -> None:
    [(digest,)] = ask(home.database, "SELECT sha256 FROM images WHERE id = 1")
    assert isinstance(digest, bytes)
    home.forget("ann.png")
    text = (home.data / "erasures.log").read_text()
    assert "ann" not in text
    assert digest.hex() not in text
    assert (home.data / "erasures.log").stat().st_mode & 0o077 == 0


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


# --- while others are at work --------------------------------------------------------------------


def test_a_photo_forgotten_while_it_is_in_hand_is_not_recorded(home: Home) -> None:
    home.drop("late.png", 6)
    home.scanner.scan()
    encoder = home.models.encoder
    plain: Callable[..., NDArray[np.float32]] = encoder.encode

    def encode(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        home.forget("late.png")
        return plain(crops)

    encoder.encode = encode  # type: ignore[method-assign]
    home.worker.step()
    encoder.encode = plain  # type: ignore[method-assign]
    home.index()
    assert home.reason("late.png") == FORGOTTEN
    assert ask(home.database, "SELECT count(*) FROM images") == [(3,)]
    home.check()


def test_a_reindex_does_not_bring_back_what_is_forgotten_meanwhile(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = fake_models("fake-2", salt=2)
    plain: Callable[..., NDArray[np.float32]] = models.encoder.encode
    erased: list[Forgotten] = []

    def encode(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        if not erased:
            erased.append(home.forget("ann.png"))
        return plain(crops)

    monkeypatch.setattr(models.encoder, "encode", encode)
    monkeypatch.setattr(reindex, "load_models", lambda *_: models)
    reindexer = reindex.Reindexer(home.database, home.settings, "fake", threading.Event())
    outcome = reindexer.run(quiet)
    assert outcome is not None
    assert (outcome.images, outcome.faces) == (2, 3)
    assert ask(home.database, "SELECT count(*) FROM images") == [(2,)]
    assert verify(home.database).problems == []


def test_a_snapshot_under_way_does_not_bring_vectors_back(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    vector = home.vectors("trip/bob.png")[0]
    home.drop("more.png", 6)
    home.index()
    load, erased = snapshots.load_chunks, []
    pragma(home.database, "busy_timeout=50")  # the snapshot's own reading holds the log back

    def slow(*arguments: object) -> Iterator[object]:
        yield from load(*arguments)  # type: ignore[arg-type]
        if not erased:
            with exclusive(home.data, "ingest"):  # held by whoever writes the snapshot
                erased.append(home.forget("trip/bob.png"))

    monkeypatch.setattr(snapshots, "load_chunks", slow)
    home.snapshot()
    assert erased
    home.database.checkpoint()
    assert not any(part in home.bytes_of() for part in parts(vector))
    assert ask(home.database, "SELECT face_count FROM snapshots") == [(4,)]
    home.check()


def test_one_erasure_at_a_time(home: Home) -> None:
    with eraser(home.database, home.data), pytest.raises(WriterBusyError, match="erasure"):
        home.forget("ann.png")


def test_copies_of_the_database_that_hold_the_vectors_are_deleted(home: Home) -> None:
    copy = home.data / "person_count.db.before-0003"
    home.database.checkpoint()
    shutil.copy(home.database.path, copy)
    unrelated = home.data / "person_count.db.before-0001"
    unrelated.write_bytes(b"nothing of it")
    done = home.forget("ann.png")
    assert done.removed == [copy]
    assert home.remains(done.erased) == []
    assert unrelated.exists()
    assert not copy.exists()


def test_bytes_that_are_found_elsewhere_are_reported(home: Home) -> None:
    stray = home.data / "notes.bin"
    stray.write_bytes(b"xyz" + home.vectors("ann.png")[0].tobytes())
    done = home.forget("ann.png")
    assert home.remains(done.erased) == [stray]


def test_bytes_left_in_unused_parts_of_the_database_are_rewritten(home: Home) -> None:
    pragma(home.database, "secure_delete=OFF")
    vector = home.vectors("trip/bob.png")[0]
    with exclusive(home.data, "ingest"):  # a fresh snapshot would overwrite the freed pages
        done = home.forget("trip/bob.png")
    assert any(part in home.bytes_of() for part in parts(vector))
    assert home.remains(done.erased) == []
    assert not any(part in home.bytes_of() for part in parts(vector))
    home.check()


def test_nothing_is_left_of_many_erasures_in_any_order(home: Home) -> None:
    rng = np.random.default_rng(3)
    names = [f"many/{number}.png" for number in range(60)]
    for number, name in enumerate(names):
        home.drop(name, 100 + number, seed=number)
    home.index()
    home.snapshot()
    gone: list[NDArray[np.float32]] = []
    for start in range(0, 45, 15):
        some = [str(name) for name in rng.permutation(names)[:15] if name in home.states()]
        gone += [home.vectors(name)[0] for name in some]
        assert home.remains(home.forget(*some).erased) == [], start
    everything = home.bytes_of()
    assert not any(part in everything for vector in gone for part in parts(vector))
    home.check()


# --- retention -----------------------------------------------------------------------------------


def test_what_is_older_than_its_days_is_forgotten(home: Home) -> None:
    by_hand(home.database, "UPDATE images SET created_at = 100.0 * id")
    assert expire(home.database, home.data, 1.0, DAY + 50).images == 0
    assert not (home.data / "erasures.log").exists()
    assert expire(home.database, home.data, 1.0, DAY + 250).images == 2
    assert len(home.states()) == 1
    home.index()
    assert sorted(home.states().values()) == ["failed", "failed", "indexed"]


def test_what_is_gone_from_the_folder_is_erased_but_may_come_back(home: Home) -> None:
    content = (home.inbox / "ann.png").read_bytes()
    (home.inbox / "ann.png").unlink()
    home.scanner.scan()
    expire(home.database, home.data, 1.0, home.clock() + 2 * DAY)
    assert home.states() == {}
    (home.inbox / "ann.png").write_bytes(content)
    home.index()
    assert home.states()["ann.png"] == "indexed"
    assert home.reason("trip/bob.png") == FORGOTTEN


def test_a_dropped_mount_counts_as_still_there(home: Home) -> None:
    (home.inbox / "trip").rename(home.inbox.parent / "trip-elsewhere")
    expire(home.database, home.data, 1.0, home.clock() + 2 * DAY)
    (home.inbox.parent / "trip-elsewhere").rename(home.inbox / "trip")
    home.index()
    assert set(home.states().values()) == {"failed"}


def test_what_is_held_as_missing_counts_as_still_there(home: Home) -> None:
    """The disk of the whole root dropped out: an empty folder is left."""
    away = home.inbox.with_name("away")
    home.inbox.rename(away)
    home.inbox.mkdir()
    home.scanner.scan()
    expire(home.database, home.data, 1.0, home.clock() + 2 * DAY)
    home.inbox.rmdir()
    away.rename(home.inbox)
    home.index()
    assert set(home.states().values()) == {"failed"}


def test_many_expire_in_small_transactions(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "EXPIRE_IMAGES", 2)
    assert expire(home.database, home.data, 1.0, home.clock() + 2 * DAY).faces == 4
    home.check()


def test_housekeeping_forgets_and_writes_the_next_snapshot(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "HOUSEKEEPING_SECONDS", 0.0)
    settings = home.settings.model_copy(update={"retention_days": 3.0})
    housekeeping = Housekeeping(home.database, settings, home.clock)
    housekeeping.run_if_due(home.worker)
    assert len(home.states()) == 3
    home.clock.advance(4 * DAY)
    monkeypatch.setattr(process, "EXPIRY_SECONDS", 0.0)
    housekeeping = Housekeeping(home.database, settings, home.clock)
    housekeeping.run_if_due(home.worker)
    assert home.states() == {}
    assert ask(home.database, "SELECT face_count FROM snapshots") == [(0,)]
    home.check()


# --- pieces --------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0, 1, 2, 3, residue.BLOCK_BYTES - 1000])
def test_a_vector_is_found_wherever_it_begins(tmp_path: Path, offset: int) -> None:
    vector = np.random.default_rng(1).normal(size=(1, 512)).astype(np.float32)
    (tmp_path / "file").write_bytes(bytes(offset) + vector.tobytes() + bytes(5))
    wanted = residue.pieces(vector)
    assert residue.search(tmp_path, wanted, quiet) == {tmp_path / "file": wanted}


def test_a_vector_cut_in_two_is_found(tmp_path: Path) -> None:
    vector = np.random.default_rng(1).normal(size=(1, 512)).astype(np.float32)
    data = vector.tobytes()
    (tmp_path / "file").write_bytes(data[:1030] + b"\0\0\0\7" + data[1030:])
    assert len(residue.search(tmp_path, residue.pieces(vector), quiet)[tmp_path / "file"]) >= 3


def test_other_vectors_are_not_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    (tmp_path / "file").write_bytes(rng.normal(size=(500, 512)).astype(np.float32).tobytes())
    wanted = residue.pieces(rng.normal(size=(500, 512)).astype(np.float32))
    assert residue.search(tmp_path, wanted, quiet) == {}
    assert residue.search(tmp_path, set(), quiet) == {}
