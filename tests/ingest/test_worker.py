"""What becomes of files of every kind, and of what happens to them on the way."""

import errno
import logging
import os
import shutil
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from index.database import Database
from index.errors import DecoderUnavailableError, ModelUnavailableError, StoreUnavailableError
from index.schema import FileState, GenerationState
from index.settings import Settings
from index.space import UNMEASURED
from index.store import generations, queue
from index.store.generations import GenerationRow
from ingest import reading
from ingest import worker as module
from ingest.decoders import Decoders
from ingest.faces import Crops, DetectedFace, RgbImage
from ingest.models import Models
from tests.fakes import DECODERS, FakeDetector, FakeEncoder, fake_models, picture, save_picture
from tests.index.builders import ask, full
from tests.ingest.conftest import Ingest

MIB = 1 << 20


class BusyDetector(FakeDetector):
    """Does something once while the worker has files in hand: they are read, not yet committed."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self._act: Callable[[], None] | None = act
        self._lock = threading.Lock()

    def detect(self, images: Sequence[RgbImage]) -> list[list[DetectedFace]]:
        with self._lock:
            act, self._act = self._act, None
        if act is not None:
            act()
        return super().detect(images)


def ingest_that(
    act: Callable[[Ingest], None],
    database: Database,
    settings: Settings,
    generation: GenerationRow,
) -> Ingest:
    """Ingest during whose first batch *act* happens."""
    made: list[Ingest] = []
    detector = BusyDetector(lambda: act(made[0]))
    made.append(Ingest(database, settings, generation, Models(detector, FakeEncoder(), DECODERS)))
    return made[0]


def expected_vector(person: int) -> NDArray[np.float32]:
    crops = np.empty((1, 160, 160, 3), np.uint8)
    crops[:] = np.asarray(picture(person))[50, 50]
    return FakeEncoder().encode(crops)


# --- what becomes of good files ------------------------------------------------------------------


def test_a_new_file_ends_with_its_faces_vectors_and_changes(ingest: Ingest) -> None:
    ingest.drop("a.png", 1, 2)
    assert ingest.index() == 1
    row = ingest.row("a.png")
    assert (row.state, row.error) == (FileState.INDEXED, None)
    expected = np.concatenate([expected_vector(1), expected_vector(2)])
    np.testing.assert_array_equal(ingest.vectors("a.png"), expected)
    assert ingest.changes() == [(1, True), (2, True)]
    assert ingest.orphans() == set()
    ingest.check()


def test_a_file_without_a_face_is_indexed_with_none(ingest: Ingest) -> None:
    ingest.drop("wall.png")
    ingest.index()
    assert ingest.states() == {"wall.png": "indexed"}
    assert len(ingest.vectors("wall.png")) == 0
    assert ingest.changes() == []
    ingest.check()


def test_nothing_is_read_again_that_has_not_changed(ingest: Ingest) -> None:
    ingest.drop("a.png", 1)
    ingest.index()
    assert ingest.index() == 0
    assert ingest.images_seen == 1


def test_an_overwritten_file_has_the_new_faces_and_the_old_ones_go(ingest: Ingest) -> None:
    ingest.drop("a.png", 1)
    ingest.index()
    old = ingest.row("a.png").image_id
    ingest.drop("a.png", 2, 3)
    ingest.index()
    assert ingest.row("a.png").image_id != old
    assert ingest.orphans() == {old}
    assert ingest.persons("a.png") == 2
    assert ingest.drop_orphans() == 1
    assert ingest.changes() == [(1, True), (2, True), (3, True), (1, False)]
    ingest.check()


def test_a_file_rewritten_in_place_with_the_same_size_is_read_again(ingest: Ingest) -> None:
    path = ingest.inbox / "a.bmp"
    picture(1).save(path)
    ingest.index()
    before = ingest.row("a.bmp")
    with path.open("r+b") as stream:
        picture(2).save(stream, format="BMP")
    ingest.index()
    after = ingest.row("a.bmp")
    assert after.signature.size == before.signature.size
    np.testing.assert_array_equal(ingest.vectors("a.bmp"), expected_vector(2))


def test_a_file_touched_but_not_changed_keeps_its_image(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1)
    ingest.index()
    before = ingest.row("a.png")
    os.utime(path, ns=(1, 1))
    assert ingest.index() == 1
    after = ingest.row("a.png")
    assert after.image_id == before.image_id
    assert after.signature != before.signature
    assert ingest.images_seen == 1
    ingest.check()


@pytest.mark.parametrize("target", ["b.png", "deep/er/a.png", "张三.png"])
def test_a_renamed_or_moved_file_keeps_its_image_and_is_not_embedded_again(
    ingest: Ingest, target: str
) -> None:
    path = ingest.drop("a.png", 1)
    ingest.index()
    image = ingest.row("a.png").image_id
    (ingest.inbox / target).parent.mkdir(parents=True, exist_ok=True)
    path.rename(ingest.inbox / target)
    ingest.index()
    assert ingest.states() == {target: "indexed"}
    assert ingest.row(target).image_id == image
    assert ingest.images_seen == 1
    assert ingest.drop_orphans() == 0
    assert ingest.changes() == [(1, True)]
    ingest.check()


def test_a_copied_file_shares_the_image_and_adds_no_phantom_person(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1)
    ingest.index()
    (ingest.inbox / "copy.png").write_bytes(path.read_bytes())
    os.link(path, ingest.inbox / "link.png")
    ingest.index()
    assert {row.image_id for row in ingest.rows().values()} == {ingest.row("a.png").image_id}
    assert ingest.images_seen == 1
    assert ingest.persons("a.png", "copy.png", "link.png") == 1
    path.unlink()
    ingest.index()
    assert ingest.orphans() == set()
    ingest.check()


def test_a_deleted_file_takes_its_faces_with_it(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1, 2)
    ingest.drop("b.png", 3)
    ingest.index()
    image = ingest.row("a.png").image_id
    path.unlink()
    ingest.index()
    assert ingest.states() == {"b.png": "indexed"}
    assert ingest.orphans() == {image}
    ingest.drop_orphans()
    assert ingest.changes()[3:] == [(1, False), (2, False)]
    ingest.check()


def test_a_file_that_comes_back_before_its_faces_went_is_not_embedded_again(
    ingest: Ingest,
) -> None:
    path = ingest.drop("a.png", 1)
    content = path.read_bytes()
    ingest.index()
    path.unlink()
    ingest.index()
    assert len(ingest.orphans()) == 1
    path.write_bytes(content)
    ingest.index()
    assert ingest.orphans() == set()
    assert ingest.images_seen == 1
    ingest.check()


def test_a_file_that_comes_back_later_is_embedded_under_new_ids(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1)
    content = path.read_bytes()
    ingest.index()
    path.unlink()
    ingest.index()
    ingest.drop_orphans()
    path.write_bytes(content)
    ingest.index()
    assert ingest.images_seen == 2
    assert ingest.changes() == [(1, True), (1, False), (2, True)]
    ingest.check()


def test_two_files_that_swap_their_names_swap_their_images(ingest: Ingest) -> None:
    one, two = ingest.drop("a.png", 1), ingest.drop("b.png", 2)
    ingest.index()
    before = ingest.row("a.png").image_id, ingest.row("b.png").image_id
    one.rename(ingest.inbox / "c.png")
    two.rename(one)
    (ingest.inbox / "c.png").rename(two)
    ingest.index()
    assert (ingest.row("b.png").image_id, ingest.row("a.png").image_id) == before
    assert ingest.images_seen == 2
    ingest.check()


def test_the_same_content_many_times_in_a_batch_is_embedded_once(ingest: Ingest) -> None:
    content = ingest.drop("0.png", 1, 2).read_bytes()
    for number in range(1, 30):
        (ingest.inbox / f"{number}.png").write_bytes(content)
    ingest.index()
    assert ingest.images_seen == 1
    assert len(ingest.changes()) == 2
    assert set(ingest.states().values()) == {"indexed"}
    ingest.check()


def test_batches_are_no_larger_than_the_settings_say(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    settings = settings.model_copy(update={"batch_files": 3})
    ingest = Ingest(database, settings, generation)
    for number in range(7):
        ingest.drop(f"{number}.png", number)
    ingest.scanner.scan()
    assert [ingest.worker.step() for _ in range(4)] == [3, 3, 1, 0]
    ingest.check()


def test_the_answer_does_not_depend_on_batch_sizes(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    ingest = Ingest(database, settings.model_copy(update={"batch_files": 1}), generation)
    names = [f"{number}.png" for number in range(12)]
    for number, name in enumerate(names):
        ingest.drop(name, number % 5, 100 + number % 3, seed=number)
    ingest.index()
    assert ingest.persons(*names) == ingest.persons(*reversed(names)) == 8


def test_files_that_somebody_waits_for_come_first(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    ingest = Ingest(database, settings.model_copy(update={"batch_files": 1}), generation)
    for number in range(5):
        ingest.drop(f"{number}.png", number)
    ingest.scanner.scan()
    with database.write() as connection:
        queue.prioritise(connection, [str(ingest.inbox / "3.png")])
    ingest.worker.step()
    assert [name for name, state in ingest.states().items() if state == "indexed"] == ["3.png"]


def test_a_file_is_not_touched_before_it_has_settled(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    ingest = Ingest(database, settings.model_copy(update={"settle_seconds": 5.0}), generation)
    ingest.drop("a.png", 1)
    ingest.scanner.scan()
    assert not ingest.worker.is_due()
    assert ingest.worker.step() == 0
    ingest.clock.advance(4.9)
    assert ingest.worker.step() == 0
    ingest.clock.advance(0.2)
    assert ingest.worker.step() == 1
    ingest.check()


def test_a_file_from_the_future_is_read_after_settling(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    ingest = Ingest(database, settings.model_copy(update={"settle_seconds": 5.0}), generation)
    path = ingest.drop("a.png", 1)
    os.utime(path, (4e9, 4e9))
    ingest.scanner.scan()
    assert ingest.drain() == 0
    ingest.clock.advance(6)
    ingest.scanner.scan()
    assert ingest.drain() == 1
    ingest.check()


def test_a_batch_waits_to_fill_unless_somebody_waits_for_it(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    changes = {"batch_wait_seconds": 10.0, "batch_files": 3}
    ingest = Ingest(database, settings.model_copy(update=changes), generation)
    ingest.clock.advance(1)  # no file is newer than the clock
    assert not ingest.worker.is_due()
    ingest.drop("a.png", 1)
    ingest.scanner.scan()
    assert not ingest.worker.is_due()
    ingest.clock.advance(10.1)
    assert ingest.worker.is_due()
    ingest.drain()
    ingest.drop("b.png", 2)
    ingest.scanner.scan()
    assert not ingest.worker.is_due()
    with database.write() as connection:
        queue.prioritise(connection, [str(ingest.inbox / "b.png")])
    assert ingest.worker.is_due()
    ingest.drain()
    for number in range(3):
        ingest.drop(f"{number}.png", number)
    ingest.scanner.scan()
    assert ingest.worker.is_due()


def test_the_log_holds_numbers_and_no_names(
    ingest: Ingest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ingest.drop("geheim.png", 1)
    (ingest.inbox / "geheim.jpg").write_text("no image")
    ingest.index()
    batches = [r.getMessage() for r in caplog.records if "ingest.batch" in r.getMessage()]
    assert len(batches) == 1
    assert batches[0].startswith("ingest.batch files=2 images=1 faces=1 failed=1 ")
    assert "geheim" not in caplog.text


# --- what becomes of bad files -------------------------------------------------------------------


def jpeg() -> bytes:
    stream = BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    noise[:32] = 255  # the fake detector finds nothing in pictures that begin white
    Image.fromarray(noise).save(stream, format="JPEG", quality=90)
    return stream.getvalue()


def huge_png() -> bytes:
    """A valid PNG of 10,000 x 10,000 black pixels of one bit, some kilobytes long."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return len(data).to_bytes(4, "big") + checked + zlib.crc32(checked).to_bytes(4, "big")

    header = struct.pack(">IIBBBBB", 10_000, 10_000, 1, 0, 0, 0, 0)
    rows = zlib.compress((b"\x00" + bytes(1250)) * 10_000, 9)
    pieces = [chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(pieces)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bare:
        bare.bind(str(path))


def link_out(path: Path) -> None:
    outside = path.parent.parent / "outside.png"
    save_picture(outside, 1)
    path.symlink_to(outside)


def link_inside(path: Path) -> None:
    path.symlink_to(save_picture(path.with_name("real.png"), 1))


def broken_link(path: Path) -> None:
    path.symlink_to("nothing-here.png")


def link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_to_a_folder(path: Path) -> None:
    path.symlink_to("/")


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "fifo.png": (fifo, "not a regular file"),
    "socket.png": (unix_socket, "not a regular file"),
    "out.png": (link_out, "symbolic link"),
    "inside.png": (link_inside, "symbolic link"),
    "nowhere.png": (broken_link, "symbolic link"),
    "device.png": (link_to_a_device, "symbolic link"),
    "folder.png": (link_to_a_folder, "symbolic link"),
    "empty.png": (Path.touch, "empty"),
    "text.jpg": (lambda path: path.write_text("this is text"), "no JPEG, PNG, WebP or BMP"),
    "zeros.jpg": (lambda path: path.write_bytes(bytes(10_000)), "no JPEG, PNG, WebP or BMP"),
    "pdf.jpg": (lambda path: path.write_bytes(b"%PDF-1.7\n" + bytes(99)), "no JPEG"),
    "gif.png": (lambda path: picture(1).save(path, format="GIF"), "no JPEG, PNG, WebP or BMP"),
    "tiff.png": (lambda path: picture(1).save(path, format="TIFF"), "no JPEG, PNG, WebP or BMP"),
    "huge.png": (lambda path: path.write_bytes(huge_png()), "10000x10000 pixels are more"),
    "tiny.png": (lambda path: Image.new("RGB", (19, 50)).save(path), "19x50 pixels are not"),
    "cut.jpg": (lambda path: path.write_bytes(jpeg()[:5000]), "cut off"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_fails_with_its_reason(ingest: Ingest, name: str) -> None:
    make, reason = BAD[name]
    make(ingest.inbox / name)
    ingest.drop("good.png", 1)
    ingest.index()
    assert reason in ingest.reason(name)
    assert "\n" not in ingest.reason(name)
    assert ingest.states()["good.png"] == "indexed"
    assert ingest.row(name).image_id is None
    ingest.check()


def test_no_bad_file_stops_the_others(ingest: Ingest) -> None:
    for name, (make, _) in BAD.items():
        make(ingest.inbox / name)
    ingest.drop("0.png", 1)
    ingest.drop("zz.png", 2)
    ingest.index()
    good = {name for name, state in ingest.states().items() if state == "indexed"}
    assert good == {"0.png", "zz.png", "real.png"}
    assert {name: ingest.reason(name) for name in BAD}
    assert ingest.index() == 0  # and none of them is tried again in vain
    ingest.check()


def test_bad_files_of_the_same_content_all_fail_with_the_reason(ingest: Ingest) -> None:
    for number in range(5):
        (ingest.inbox / f"{number}.jpg").write_text("this is text")
    ingest.drop("good.png", 1)
    ingest.index()
    for number in range(5):
        assert "no JPEG" in ingest.reason(f"{number}.jpg")
    assert ingest.states()["good.png"] == "indexed"


def test_a_name_that_is_no_utf8_is_kept_readable_and_refused(ingest: Ingest) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    save_picture(ingest.inbox / "x.png", 1).rename(ingest.inbox / name)
    ingest.drop("good.png", 1)
    ingest.index()
    assert ingest.states() == {"caf\\xe9.png": "failed", "good.png": "indexed"}
    assert "UTF-8" in ingest.reason(name)
    assert ingest.index() == 0
    (ingest.inbox / name).unlink()
    ingest.index()
    assert ingest.states() == {"good.png": "indexed"}


def test_unusual_names_are_just_names(ingest: Ingest) -> None:
    names = [
        "张三 合影.png",
        "new\nline.png",
        "100%.png",
        "a'b\"c.png",
        "x" * 251 + ".png",
        "%_.png",
    ]
    for number, name in enumerate(names):
        path = ingest.inbox / "x"
        picture(number).save(path, format="PNG")
        path.rename(ingest.inbox / name)
    ingest.index()
    assert ingest.states() == dict.fromkeys(names, "indexed")


def test_a_file_larger_than_allowed_is_refused_unread(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    ingest = Ingest(database, settings.model_copy(update={"max_file_mib": 1}), generation)
    with (ingest.inbox / "large.png").open("wb") as stream:
        stream.truncate(MIB + 1)
    ingest.index()
    assert f"{MIB + 1} bytes are more than" in ingest.reason("large.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_fails_until_it_may(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1)
    path.chmod(0)
    ingest.index()
    assert "Permission denied" in ingest.reason("a.png")
    path.chmod(0o600)
    ingest.index()
    assert ingest.states() == {"a.png": "indexed"}


def test_a_file_that_became_bad_loses_its_image(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1)
    ingest.index()
    image = ingest.row("a.png").image_id
    path.write_text("no image")
    ingest.index()
    assert ingest.row("a.png").image_id is None
    assert ingest.orphans() == {image}
    ingest.drop("a.png", 1)
    ingest.index()
    assert ingest.row("a.png").image_id == image
    assert ingest.images_seen == 1
    ingest.check()


def test_a_file_that_looks_cut_off_is_tried_three_times_more_then_left(ingest: Ingest) -> None:
    (ingest.inbox / "cut.jpg").write_bytes(jpeg()[:5000])
    ingest.index()
    for seconds in (5, 60, 600):
        again = ingest.retry_at("cut.jpg")
        assert again is not None
        assert again - ingest.clock.now == pytest.approx(seconds)
        ingest.clock.advance(seconds - 0.5)
        assert ingest.index() == 0
        ingest.clock.advance(1)
        assert ingest.index() == 1
        assert "cut off" in ingest.reason("cut.jpg")
    assert ingest.retry_at("cut.jpg") is None


def test_a_file_that_looks_cut_off_is_read_again_when_it_changes(ingest: Ingest) -> None:
    path = ingest.inbox / "slow.jpg"
    whole = jpeg()
    path.write_bytes(whole[:5000])
    ingest.index()
    assert "cut off" in ingest.reason("slow.jpg")
    with path.open("ab") as stream:
        stream.write(whole[5000:7000])
    ingest.index()
    assert ingest.retry_at("slow.jpg") == pytest.approx(ingest.clock.now + 5)  # counted anew
    with path.open("ab") as stream:
        stream.write(whole[7000:])
    ingest.index()
    assert ingest.states() == {"slow.jpg": "indexed"}
    ingest.check()


def failing(number: int) -> Callable[..., int]:
    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
def test_a_file_that_the_system_fails_to_read_keeps_its_image_and_is_tried_until_it_can(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = ingest.drop("a.png", 1)
    ingest.index()
    image = ingest.row("a.png").image_id
    os.utime(path, ns=(1, 1))
    ingest.scanner.scan()
    with monkeypatch.context() as patch:
        patch.setattr(reading, "_open_below", failing(number))
        ingest.drain()
        for seconds in (5, 60, 600, 600, 600):
            assert ingest.retry_at("a.png") == pytest.approx(ingest.clock.now + seconds)
            assert ingest.reason("a.png") == f"it cannot be opened ({os.strerror(number)})"
            assert ingest.row("a.png").image_id == image
            ingest.clock.advance(seconds + 1)
            assert ingest.index() == 1
    assert ingest.orphans() == set()
    ingest.check()
    ingest.clock.advance(601)
    ingest.index()
    assert ingest.states() == {"a.png": "indexed"}
    assert ingest.row("a.png").image_id == image
    assert ingest.images_seen == 1
    ingest.check()


def test_a_file_that_cannot_even_be_looked_at_stops_nobody(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ingest.drop("a.png", 1)
    ingest.drop("b.png", 2)
    ingest.scanner.scan()
    ingest.drop("a.png", 3)
    known = os.lstat

    def lstat(name: str, **more: int) -> os.stat_result:
        if name == str(path):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return known(name, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "lstat", lstat)
        ingest.drain()
    assert ingest.states() == {"a.png": "failed", "b.png": "indexed"}
    ingest.clock.advance(6)
    ingest.drain()
    assert ingest.states() == {"a.png": "indexed", "b.png": "indexed"}


def test_files_for_which_no_handles_are_left_are_handed_back(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest.drop("a.png", 1)
    ingest.drop("b.png", 2)
    ingest.scanner.scan()
    for _ in range(5):
        with monkeypatch.context() as patch:
            patch.setattr(reading, "_open_below", failing(errno.EMFILE))
            assert ingest.worker.step() == 0
            assert not ingest.worker.is_due()
        ingest.clock.advance(6)
    assert ingest.states() == {"a.png": "pending", "b.png": "pending"}
    ingest.drain()
    assert ingest.states() == {"a.png": "indexed", "b.png": "indexed"}
    assert ask(ingest.database, "SELECT max(crashes), max(attempts) FROM files") == [(0, 0)]
    ingest.check()


def test_a_decoder_that_does_not_start_is_held_against_no_file(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    models = Models(FakeDetector(), FakeEncoder(), Decoders("nothing.at.all"))
    ingest = Ingest(database, settings, generation, models)
    ingest.drop("a.png", 1)
    ingest.scanner.scan()
    with pytest.raises(DecoderUnavailableError):
        ingest.worker.step()
    with database.write() as connection:
        assert queue.release(connection, ingest.clock()) == 0  # nothing was left in hand


def test_a_file_that_is_plainly_no_image_is_not_tried_again_until_it_changes(
    ingest: Ingest,
) -> None:
    path = ingest.inbox / "a.png"
    path.write_text("this is text")
    ingest.index()
    assert ingest.retry_at("a.png") is None
    ingest.clock.advance(1e6)
    assert ingest.index() == 0
    ingest.drop("a.png", 1)
    ingest.index()
    assert ingest.states() == {"a.png": "indexed"}


def test_an_encoder_gone_mad_stores_nothing(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    class Mad(FakeEncoder):
        def encode(self, crops: Crops) -> NDArray[np.float32]:
            return np.full((len(crops), 512), np.nan, np.float32)

    ingest = Ingest(database, settings, generation, Models(FakeDetector(), Mad(), DECODERS))
    ingest.drop("a.png", 1)
    ingest.scanner.scan()
    with pytest.raises(ModelUnavailableError, match="not finite"):
        ingest.worker.step()
    assert ingest.changes() == []


def test_a_file_that_ends_the_ingester_every_time_is_put_aside(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    class Poisoned(FakeDetector):
        def detect(self, images: Sequence[RgbImage]) -> list[list[DetectedFace]]:
            found = super().detect(images)
            if any(len(faces) == 3 for faces in found):
                raise RuntimeError("crash")
            return found

    ingest = Ingest(database, settings, generation, Models(Poisoned(), FakeEncoder(), DECODERS))
    for number in range(6):
        ingest.drop(f"{number}.png", number)
    ingest.drop("poison.png", 1, 2, 3)
    ingest.scanner.scan()
    crashes = 0
    while crashes < 10:
        with database.write() as connection:  # what a new process begins with
            queue.release(connection, ingest.clock())
        try:
            ingest.drain()
            break
        except RuntimeError:
            crashes += 1
    assert crashes == 3
    states = ingest.states()
    assert states.pop("poison.png") == "failed"
    assert "3 times" in ingest.reason("poison.png")
    assert set(states.values()) == {"indexed"}


# --- what happens while a file is in hand --------------------------------------------------------


def test_a_batch_for_which_there_was_no_room_is_done_again_and_held_against_no_file(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    outage = ExitStack()
    ingest = ingest_that(
        lambda _: outage.enter_context(full(database)), database, settings, generation
    )
    ingest.drop("a.png", *range(100))
    ingest.scanner.scan()
    for _ in range(3):
        with pytest.raises(StoreUnavailableError):
            ingest.worker.step()
    assert ingest.states() == {"a.png": "pending"}
    outage.close()
    assert ingest.worker.is_due()
    ingest.drain()
    assert not ingest.worker.is_due()
    assert ingest.states() == {"a.png": "indexed"}
    assert len(ingest.vectors("a.png")) == 100
    assert ask(database, "SELECT max(crashes), max(attempts) FROM files") == [(0, 0)]
    ingest.check()


def test_a_file_that_vanished_before_it_was_read_is_forgotten(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1)
    ingest.drop("b.png", 2)
    ingest.scanner.scan()
    path.unlink()
    ingest.drain()
    assert ingest.states() == {"b.png": "indexed"}
    ingest.check()


def test_a_file_whose_folder_vanished_before_it_was_read_is_forgotten(ingest: Ingest) -> None:
    ingest.drop("folder/a.png", 1).rename(ingest.inbox / "folder/b.png")
    ingest.scanner.scan()
    (ingest.inbox / "folder").rename(ingest.inbox.parent / "elsewhere")
    (ingest.inbox / "folder").write_text("a file where a folder was")
    ingest.drain()
    assert ingest.states() == {}


def test_a_file_that_changed_before_it_was_read_is_read_as_it_is_now(ingest: Ingest) -> None:
    ingest.drop("a.png", 1)
    ingest.scanner.scan()
    ingest.drop("a.png", 2, 3)
    ingest.drain()
    assert ingest.states() == {"a.png": "indexed"}
    assert ingest.persons("a.png") == 2
    ingest.check()


def test_a_file_that_keeps_changing_is_not_read_before_it_has_settled_again(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    ingest = Ingest(database, settings.model_copy(update={"settle_seconds": 5.0}), generation)
    for seed in range(4):
        ingest.drop("a.png", 1, seed=seed)
        ingest.scanner.scan()
        ingest.clock.advance(6)
        ingest.drop("a.png", 1, 2, seed=seed)
        os.utime(ingest.inbox / "a.png", (ingest.clock(), ingest.clock()))
        ingest.drain()
        assert ingest.states() == {"a.png": "pending"}
        assert ingest.images_seen == 0
    ingest.clock.advance(6)
    ingest.drain()
    assert ingest.persons("a.png") == 2
    ingest.check()


def test_a_file_replaced_by_a_link_before_it_was_read_is_refused(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1)
    outside = save_picture(ingest.inbox.parent / "outside.png", 2)
    ingest.scanner.scan()
    path.unlink()
    path.symlink_to(outside)
    ingest.index()
    assert "link" in ingest.reason("a.png")
    assert ingest.images_seen == 0


def test_a_file_replaced_by_a_folder_before_it_was_read_stops_nobody(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1)
    ingest.drop("b.png", 2)
    ingest.scanner.scan()
    path.unlink()
    path.mkdir()
    ingest.drain()
    assert ingest.states()["b.png"] == "indexed"
    ingest.drop("a.png/c.png", 3)
    ingest.index()
    assert ingest.states() == {"b.png": "indexed", "a.png/c.png": "indexed"}
    ingest.check()


def test_a_folder_replaced_by_a_link_before_it_was_read_is_no_way_out(ingest: Ingest) -> None:
    ingest.drop("folder/a.png", 1)
    ingest.scanner.scan()
    outside = ingest.inbox.parent / "outside"
    (ingest.inbox / "folder").rename(outside)  # the very same file, now outside
    (ingest.inbox / "folder").symlink_to(outside)
    ingest.index()
    assert ingest.images_seen == 0
    assert "indexed" not in ingest.states().values()


@pytest.mark.parametrize("examined", [False, True])
def test_a_folder_replaced_by_a_link_to_its_copy_does_not_go_round_in_circles(
    ingest: Ingest, *, examined: bool
) -> None:
    path = ingest.drop("folder/a.png", 1)
    ingest.index()
    folder, outside = path.parent, ingest.inbox.parent / "outside"
    with ingest.database.write() as connection:
        queue.requeue(connection, [str(path)], ingest.clock())
    shutil.copytree(folder, outside)
    shutil.rmtree(folder)
    folder.symlink_to(outside)
    if examined:
        ingest.scanner.examine([str(path), str(folder)])
        assert "folder/a.png" not in ingest.states()
    assert sum(ingest.worker.step() for _ in range(5)) <= 1
    assert "folder/a.png" not in ingest.states()
    ingest.scanner.examine([str(folder)])
    ingest.scanner.scan()
    assert ingest.drain() == 0
    assert "links are not followed" in ingest.reason("folder")
    ingest.check()


def test_a_file_that_changed_after_it_was_read_is_read_again(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    def overwrite(ingest: Ingest) -> None:
        ingest.drop("a.png", 2, 3)
        ingest.scanner.scan()

    ingest = ingest_that(overwrite, database, settings, generation)
    ingest.drop("a.png", 1)
    ingest.scanner.scan()
    ingest.worker.step()
    assert ingest.states() == {"a.png": "pending"}
    ingest.drain()
    assert ingest.persons("a.png") == 2
    ingest.drop_orphans()
    ingest.check()


def test_a_file_that_vanished_after_it_was_read_does_not_come_back(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    def delete(ingest: Ingest) -> None:
        (ingest.inbox / "a.png").unlink()
        ingest.scanner.scan()

    ingest = ingest_that(delete, database, settings, generation)
    ingest.drop("a.png", 1)
    ingest.index()
    assert ingest.states() == {}
    assert len(ingest.orphans()) == 1  # its faces go with the next housekeeping
    ingest.drop_orphans()
    ingest.check()


def test_a_file_that_was_gone_when_it_was_read_but_is_back_is_not_forgotten(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    def bring_back(ingest: Ingest) -> None:
        ingest.drop("a.png", 2)
        ingest.scanner.scan()  # or the watcher, or a caller who asks for it

    ingest = ingest_that(bring_back, database, settings, generation)
    path = ingest.drop("a.png", 1)
    ingest.drop("b.png", 3)
    ingest.scanner.scan()
    path.unlink()
    ingest.drain()
    assert ingest.states() == {"a.png": "indexed", "b.png": "indexed"}
    np.testing.assert_array_equal(ingest.vectors("a.png"), expected_vector(2))


def test_a_renamed_file_in_hand_ends_under_its_new_name(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    def rename(ingest: Ingest) -> None:
        (ingest.inbox / "a.png").rename(ingest.inbox / "b.png")
        ingest.scanner.scan()

    ingest = ingest_that(rename, database, settings, generation)
    ingest.drop("a.png", 1)
    ingest.index()
    assert ingest.states() == {"b.png": "indexed"}
    assert ingest.images_seen == 1
    ingest.check()


def switch(ingest: Ingest, model_id: str) -> None:
    """What the end of a re-index does, for an empty library."""
    with ingest.database.write() as connection:
        made = generations.create(
            connection,
            model_id=model_id,
            weights="fake",
            profile=UNMEASURED.to_json(),
            state=GenerationState.BUILDING,
            now=0.0,
        )
        generations.switch(connection, made.id)


def faces_by_generation(database: Database) -> dict[int, int]:
    with database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT generation_id, count(*) FROM faces GROUP BY generation_id"
        ).all()
    return {row[0]: row[1] for row in rows}


def test_files_in_hand_at_a_switch_are_done_again_for_the_new_generation(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    ingest = ingest_that(lambda ingest: switch(ingest, "fake-1"), database, settings, generation)
    ingest.drop("a.png", 1)
    (ingest.inbox / "bad.jpg").write_text("no image")
    ingest.scanner.scan()
    ingest.worker.step()
    assert set(ingest.states().values()) == {"pending"}
    assert faces_by_generation(database) == {}
    ingest.drain()
    assert ingest.states() == {"a.png": "indexed", "bad.jpg": "failed"}
    assert faces_by_generation(database) == {ingest.active().id: 1}
    assert ingest.worker.generation == ingest.active() != generation
    ingest.check()


def test_after_a_switch_to_another_model_that_model_is_used(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[GenerationRow] = []

    def load(_: Settings, active: GenerationRow) -> Models:
        asked.append(active)
        return fake_models("fake-2", salt=2)

    monkeypatch.setattr(module, "load_generation", load)
    switch(ingest, "fake-2")
    ingest.drop("a.png", 1)
    ingest.index()
    assert asked == [ingest.active()]
    assert not np.allclose(ingest.vectors("a.png"), expected_vector(1))
    ingest.drop("b.png", 1, seed=1)
    ingest.index()
    assert len(asked) == 1
    assert ingest.persons("a.png", "b.png") == 1


def test_content_whose_faces_were_taken_away_in_the_meantime_is_done_again(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    def heal(ingest: Ingest) -> None:  # a caller found the rows of a.png damaged
        with ingest.database.write() as connection:
            connection.exec_driver_sql("DELETE FROM faces")
            connection.exec_driver_sql("DELETE FROM analyses")

    ingest = ingest_that(lambda _: None, database, settings, generation)
    content = ingest.drop("a.png", 1).read_bytes()
    ingest.index()
    ingest.models.detector._act = lambda: heal(ingest)
    (ingest.inbox / "copy.png").write_bytes(content)
    ingest.drop("b.png", 2)
    ingest.index()
    assert ingest.states()["copy.png"] == ingest.states()["b.png"] == "indexed"
    assert ingest.persons("copy.png", "b.png") == 2
