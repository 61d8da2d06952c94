"""The child process that cuts faces out of photos: what it makes, and what it refuses to read."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from index.base import messages
from index.base.errors import FrameError, UnreadableImageError
from index.base.paths import signature_of
from index.database.queries.browse import Box
from index.library.picture_orders import PictureOrder
from ingest.decoding.picture_process import FACE_EDGE_PX, PHOTO_EDGE_PX, make_picture
from tests.fakes import DECODERS
from tests.ingest.payload import DEEDS, exposed
from tests.ingest.payload import order as payload
from tests.ingest.sandboxed import HOSTILE

RED, BLUE = (200, 30, 30), (30, 30, 200)
MIB = 1 << 20
LIMITS = {"max_file_bytes": 64 * MIB, "max_megapixels": 50}


def painted(width: int, height: int, box: tuple[int, int, int, int]) -> Image.Image:
    """Blue, with a red box."""
    pixels = np.full((height, width, 3), BLUE, np.uint8)
    pixels[box[1] : box[3], box[0] : box[2]] = RED
    return Image.fromarray(pixels)


def order_of(path: Path, size: tuple[int, int], box: Box | None) -> PictureOrder:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    signature = signature_of(os.lstat(path))
    return PictureOrder(str(path), str(path.parent), signature, digest, size, box)


def make(order: PictureOrder, max_bytes: int = 64 * MIB, max_megapixels: int = 50) -> bytes | None:
    with DECODERS.decoder(max_megapixels) as decoder:
        return make_picture(order, decoder, max_bytes)


def made(order: PictureOrder) -> Image.Image:
    jpeg = make(order)
    assert jpeg is not None
    image = Image.open(BytesIO(jpeg))
    assert image.format == "JPEG"
    image.load()
    return image


def is_like(pixel: object, colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(np.subtract(pixel, colour)).max() < 40)


@pytest.fixture
def photo(tmp_path: Path) -> tuple[Path, Box]:
    box = (1000, 600, 1400, 1000)
    painted(3000, 2000, box).save(tmp_path / "photo.jpg", quality=95)
    return tmp_path / "photo.jpg", box


def test_a_face_is_cut_out_with_a_margin(photo: tuple[Path, Box]) -> None:
    path, box = photo
    image = made(order_of(path, (3000, 2000), box))
    assert image.size == (FACE_EDGE_PX, FACE_EDGE_PX)
    assert is_like(image.getpixel((80, 80)), RED)
    assert is_like(image.getpixel((40, 80)), RED)  # the box covers two thirds of the frame
    assert is_like(image.getpixel((10, 80)), BLUE)
    assert is_like(image.getpixel((80, 150)), BLUE)


@pytest.mark.parametrize(
    "box", [(0, 0, 300, 300), (2700, 1700, 3000, 2000), (-50, -80, 200, 220), (2900, 0, 3050, 180)]
)
def test_a_face_at_the_edge_is_in_a_whole_square_too(tmp_path: Path, box: Box) -> None:
    path = tmp_path / "edge.png"
    inside = tuple(max(int(edge), 0) for edge in box)
    painted(3000, 2000, inside).save(path)  # type: ignore[arg-type]  # four of them
    image = made(order_of(path, (3000, 2000), box))
    assert image.size == (FACE_EDGE_PX, FACE_EDGE_PX)
    colours = np.asarray(image).reshape(-1, 3)
    assert any(is_like(pixel, RED) for pixel in colours)
    assert any(is_like(pixel, BLUE) for pixel in colours)


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_face_that_lies_is_shown_upright(tmp_path: Path, turn: int) -> None:
    path = tmp_path / "lying.png"
    standing = np.full((300, 300, 3), BLUE, np.uint8)
    standing[:150] = RED  # above
    Image.fromarray(np.rot90(standing, -turn)).save(path)
    order = replace(order_of(path, (300, 300), (100, 100, 200, 200)), turn=turn)
    found = made(PictureOrder.from_head(order.to_head()))
    assert is_like(found.getpixel((75, 20)), RED)
    assert is_like(found.getpixel((75, 130)), BLUE)


def test_a_small_face_is_not_blown_up_and_a_large_one_fits(tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    painted(400, 300, (100, 100, 140, 140)).save(path)
    assert made(order_of(path, (400, 300), (100, 100, 140, 140))).size == (60, 60)
    assert made(order_of(path, (400, 300), (0, 0, 400, 300))).size == (160, 120)


def test_a_photo_is_upright_and_no_larger_than_a_screen(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    image = painted(3000, 2000, (0, 0, 1500, 2000))  # red on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: the left becomes the top
    exif[0x010F] = "a camera"
    image.save(path, exif=exif, comment=b"where it was taken")
    found = made(order_of(path, (2000, 3000), None))
    assert found.size == (round(PHOTO_EDGE_PX * 2 / 3), PHOTO_EDGE_PX)
    assert is_like(found.getpixel((500, 100)), RED)
    assert is_like(found.getpixel((500, 1500)), BLUE)
    crop = made(order_of(path, (2000, 3000), (800, 1300, 1200, 1700)))
    assert is_like(crop.getpixel((80, 20)), RED)
    assert is_like(crop.getpixel((80, 140)), BLUE)


def test_nothing_but_pixels_leaves(tmp_path: Path) -> None:
    path = tmp_path / "told.jpg"
    exif = Image.Exif()
    exif[0x010F] = "secret camera"
    image = painted(800, 600, (0, 0, 9, 9))
    image.save(path, exif=exif, comment=b"secret", icc_profile=b"secret" * 30)
    for box in (None, (0.0, 0.0, 300.0, 300.0)):
        jpeg = make(order_of(path, (800, 600), box))
        assert jpeg is not None
        assert b"secret" not in jpeg
        assert set(Image.open(BytesIO(jpeg)).info) <= {
            "jfif",
            "jfif_version",
            "jfif_unit",
            "jfif_density",
        }


def changed(path: Path, order: PictureOrder) -> PictureOrder:
    path.write_bytes(path.read_bytes() + b"more")
    return order


def other_content(path: Path, order: PictureOrder) -> PictureOrder:
    path.write_bytes(path.read_bytes() + b"more")
    return replace(order, signature=signature_of(os.lstat(path)))


def a_link(path: Path, order: PictureOrder) -> PictureOrder:
    path.rename(path.with_name("real.jpg"))
    path.symlink_to("real.jpg")
    return order


def gone(path: Path, order: PictureOrder) -> PictureOrder:
    path.unlink()
    return order


def another_size(_path: Path, order: PictureOrder) -> PictureOrder:
    return replace(order, size=(3000, 2001))


@pytest.mark.parametrize("change", [changed, other_content, a_link, gone, another_size])
def test_a_file_that_is_not_what_it_was_gives_no_picture(
    photo: tuple[Path, Box], change: Callable[[Path, PictureOrder], PictureOrder]
) -> None:
    path, box = photo
    order = order_of(path, (3000, 2000), box)
    assert make(order) is not None
    assert make(change(path, order)) is None


def test_the_limits_of_ingest_hold_here_too(photo: tuple[Path, Box]) -> None:
    path, box = photo
    order = order_of(path, (3000, 2000), box)
    assert make(order, max_bytes=1000) is None
    with pytest.raises(UnreadableImageError, match="max_megapixels: 1 allows"):
        make(order, max_megapixels=1)


# the real process, but the one that decodes does what a file tells it
HOSTILE_CHILD = f"""
import logging, os, sys
from ingest.decoding.decoder_pool import Decoders
from ingest.decoding.picture_process import serve_pictures
logging.basicConfig()
serve_pictures(sys.stdin.buffer, os.fdopen(1, "wb"), Decoders({HOSTILE!r}))
"""


class Child:
    """The process as the service starts it."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *(command or ("-m", "person_count", "pictures"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).resolve().parents[3],
        )

    def ask(self, head: messages.Head) -> tuple[messages.Head, bytes]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(messages.pack(head))
        self.process.stdin.flush()
        found = messages.read(self.process.stdout)  # type: ignore[arg-type]  # a BinaryIO
        assert found is not None
        return found

    def close(self) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        if self.process.stderr is not None:
            self.process.stderr.close()
        return self.process.wait(30)


@pytest.fixture
def child() -> Iterator[Child]:
    made = Child()
    yield made
    made.process.kill()
    made.close()


@pytest.mark.processes
def test_the_child_answers_one_order_after_the_other_and_ends_with_its_pipe(
    child: Child, photo: tuple[Path, Box]
) -> None:
    path, box = photo
    order = order_of(path, (3000, 2000), box)
    assert child.ask(LIMITS) == ({"ready": True}, b"")
    head, jpeg = child.ask(order.to_head())
    assert (head, jpeg[:2]) == ({"outcome": "made"}, b"\xff\xd8")
    path.unlink()
    assert child.ask(order.to_head()) == ({"outcome": "gone"}, b"")
    maps = Path(f"/proc/{child.process.pid}/maps").read_text()
    assert "torch" not in maps
    assert "openvino" not in maps
    assert child.close() == 0


@pytest.mark.processes
@pytest.mark.parametrize("deed", [b"crash", b"lie huge", b"text"])
def test_a_photo_that_harms_its_decoder_costs_one_order(
    photo: tuple[Path, Box], deed: bytes
) -> None:
    path, box = photo
    child = Child("-c", HOSTILE_CHILD)
    try:
        child.ask(LIMITS)
        good = order_of(path, (3000, 2000), box)
        bad = path.with_name("bad.jpg")
        bad.write_bytes(deed)
        assert child.ask(order_of(bad, (3000, 2000), box).to_head()) == ({"outcome": "failed"}, b"")
        assert child.ask(good.to_head())[0] == {"outcome": "made"}
    finally:
        child.close()


@pytest.mark.processes
def test_code_in_a_photo_gets_nowhere_from_here_either(tmp_path: Path) -> None:
    """The table of what it tries is that of test_payload.py."""
    photo = tmp_path / "photo.jpg"
    child = Child("-c", HOSTILE_CHILD)
    try:
        child.ask(LIMITS)
        with exposed() as target:
            photo.write_bytes(payload(target))
            found = child.ask(order_of(photo, (30, 20), None).to_head())
        assert found == ({"outcome": "failed"}, b"")
        assert child.process.stderr is not None
        assert child.process.stderr.readline().split()[-1] == b"r" * len(DEEDS)
    finally:
        child.close()


def test_frames_survive_the_pipe_and_nonsense_is_refused() -> None:
    packed = messages.pack({"name": "合影"}, b"\x00\xff")
    assert messages.read(BytesIO(packed)) == ({"name": "合影"}, b"\x00\xff")
    assert messages.read(BytesIO(b"")) is None
    for wrong in (packed[:3], packed[:-1], b"\xff" * 20, messages.LENGTHS.pack(2, 0) + b"[]"):
        with pytest.raises(FrameError):
            messages.read(BytesIO(wrong))
