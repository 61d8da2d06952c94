"""Files that cannot be read, by their fault or the machine's: none stops the others."""

import errno
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from index.base.paths import Signature
from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries.generations import GenerationRow
from ingest.decoding import reading
from tests.fakes import picture, save_picture
from tests.index.builders import ask
from tests.ingest.builders import Ingest
from tests.ingest.samples import jpeg, png

MIB = 1 << 20


def huge_png() -> bytes:
    """A valid PNG of 15,000 x 15,000 black pixels of one bit, some kilobytes long."""
    return png(15_000, 15_000, 1, 0, (b"\x00" + bytes(1875)) * 15_000)


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
    "text.jpg": (lambda path: path.write_text("this is text"), "it is a text, not a photo"),
    "zeros.jpg": (lambda path: path.write_bytes(bytes(10_000)), "nothing but zeros"),
    "pdf.jpg": (lambda path: path.write_bytes(b"%PDF-1.7\n" + bytes(99)), "it is a PDF document"),
    "icon.png": (lambda path: picture(1).save(path, format="ICO"), "it is an icon (ICO)"),
    "odd.png": (lambda path: path.write_bytes(b"\1\2\3" * 99), "it is no JPEG, PNG, WebP, HEIC"),
    "huge.png": (lambda path: path.write_bytes(huge_png()), "15000x15000 pixels are more"),
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
        assert "it is a text" in ingest.reason(f"{number}.jpg")
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


@pytest.mark.parametrize("how", ["gone", "shorter", "another"])
def test_a_file_that_is_listed_otherwise_than_it_opens_does_not_go_round_in_circles(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """As network file systems may show them: see the files below /sys, of 4096 bytes each."""
    ingest.drop("a.png", 1)
    ingest.scanner.scan()
    ingest.drain()
    image = ingest.row("a.png").image_id
    os.utime(ingest.inbox / "a.png", ns=(1, 1))
    ingest.drop("b.png", 2)
    ingest.scanner.scan()
    known = reading._open_below

    def open_below(root: str, parts: Sequence[str]) -> int:
        if parts != ("a.png",):
            return known(root, parts)
        if how == "gone":
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        handle = known(root, ("b.png",) if how == "another" else parts)
        if how == "shorter":
            os.lseek(handle, 100, os.SEEK_SET)
        return handle

    with monkeypatch.context() as patch:
        patch.setattr(reading, "_open_below", open_below)
        assert sum(ingest.worker.step() for _ in range(5)) == 2
        assert ingest.states() == {"a.png": "failed", "b.png": "indexed"}
        assert ingest.reason("a.png").startswith("the file that can be opened is not ")
        assert ingest.retry_at("a.png") == pytest.approx(ingest.clock.now + 5)
        assert ingest.row("a.png").image_id == image
        ingest.clock.advance(6)
        assert sum(ingest.worker.step() for _ in range(5)) == 1
    ingest.clock.advance(61)
    assert ingest.index() == 1
    assert ingest.states() == {"a.png": "indexed", "b.png": "indexed"}
    ingest.check()


def test_a_file_too_large_for_the_memory_that_is_left_keeps_none_of_its_batch_waiting(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    large = ingest.drop("1.png", 1)
    for number in (0, 2, 3):
        ingest.drop(f"{number}.png", number)
    read = reading._content

    def content(handle: int, path: str, signature: Signature, max_bytes: int) -> bytes:
        if path == str(large):
            raise MemoryError
        return read(handle, path, signature, max_bytes)

    ingest.scanner.scan()
    with monkeypatch.context() as patch:
        patch.setattr(reading, "_content", content)
        assert ingest.worker.step() == 3
        assert ingest.worker.step() == 0
        ingest.clock.advance(6)
        assert ingest.worker.step() == 0
    states = ingest.states()
    assert states.pop("1.png") == "pending"
    assert set(states.values()) == {"indexed"}
    assert caplog.text.count("ingest.out_of_resources files=1") == 2
    ingest.clock.advance(6)
    assert ingest.worker.step() == 1
    assert ask(ingest.database, "SELECT max(crashes), max(attempts) FROM files") == [(0, 0)]
    ingest.check()
