"""Decoding: every kind of image that callers drop in."""

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from ingest.decoding.pixels import decode, decode_reduced
from tests.ingest.decoded import LIMIT, close_to
from tests.ingest.samples import encoded, scene

# --- formats and modes ---------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": 1})])
def test_lossless_formats_give_the_very_pixels(kind: str, options: dict[str, object]) -> None:
    found = decode(encoded(Image.fromarray(scene()), kind, **options), LIMIT)
    np.testing.assert_array_equal(found, scene())
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}])
def test_a_jpeg_gives_nearly_the_pixels(options: dict[str, object]) -> None:
    data = encoded(Image.fromarray(scene()), "JPEG", quality=98, subsampling=0, **options)
    close_to(decode(data, LIMIT), scene(), 12)


def test_a_lossy_webp_gives_nearly_the_pixels() -> None:
    smooth = np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], 48, 0)
    smooth = np.repeat(smooth, 3, 2)
    close_to(decode(encoded(Image.fromarray(smooth), "WEBP", quality=95), LIMIT), smooth, 8)


def test_grey_becomes_grey_in_three_channels() -> None:
    grey = Image.fromarray(scene()).convert("L")
    expected = np.repeat(np.asarray(grey)[..., None], 3, axis=2)
    for kind in ("PNG", "BMP"):
        np.testing.assert_array_equal(decode(encoded(grey, kind), LIMIT), expected)
    close_to(decode(encoded(grey, "JPEG", quality=98), LIMIT), expected, 8)


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_one_bit_becomes_black_and_white(kind: str) -> None:
    bits = Image.fromarray(scene()).convert("1", dither=Image.Dither.NONE)
    expected = np.repeat(np.asarray(bits)[..., None] * np.uint8(255), 3, axis=2)
    found = decode(encoded(bits, kind), LIMIT)
    np.testing.assert_array_equal(found, expected)
    assert set(np.unique(found)) == {0, 255}


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_palettes_are_looked_up(kind: str) -> None:
    flat = Image.fromarray((scene() // 64) * 64)
    palette = flat.quantize(16)
    expected = np.asarray(palette.convert("RGB"))
    np.testing.assert_array_equal(decode(encoded(palette, kind), LIMIT), expected)


def test_cmyk_jpegs_have_the_right_colours() -> None:
    # Photoshop stores CMYK inverted and says so by an Adobe marker, as Pillow does when writing
    solid = {"red": (255, 0, 0), "white": (255, 255, 255), "black": (0, 0, 0), "blue": (0, 0, 255)}
    for name, colour in solid.items():
        image = Image.new("RGB", (64, 48), name).convert("CMYK")
        data = encoded(image, "JPEG", quality=98)
        assert b"Adobe" in data
        found = decode(data, LIMIT)
        close_to(found, np.full((48, 64, 3), colour, np.uint8), 8)


def test_ycck_jpegs_are_read() -> None:
    image = Image.fromarray(scene()).convert("CMYK")
    data = encoded(image, "JPEG", quality=98)
    marker = data.index(b"Adobe")
    ycck = data[: marker + 11] + b"\x02" + data[marker + 12 :]
    found = decode(ycck, LIMIT)
    assert found.shape == (48, 64, 3)


# --- orientation ---------------------------------------------------------------------------------


UPRIGHT = {  # what has to be done to the stored pixels, by the EXIF standard
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda stored: np.rot90(stored, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_images_are_turned_upright(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"WEBP": {"lossless": 1}, "JPEG": {"quality": 98, "subsampling": 0}}.get(kind, {})
    data = encoded(Image.fromarray(scene()), kind, exif=exif, **options)
    expected = np.ascontiguousarray(UPRIGHT[orientation](scene()))
    found, size, _ = decode_reduced(data, LIMIT, None)
    close_to(found, expected, 12 if kind == "JPEG" else 0)
    assert size == (expected.shape[1], expected.shape[0])
    assert found.flags.c_contiguous


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode(encoded(Image.fromarray(scene()), "PNG", exif=exif), LIMIT)
    np.testing.assert_array_equal(found, scene())


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # which Pillow then leaves aside
def test_damaged_metadata_does_not_make_a_photo_unreadable() -> None:
    image = Image.fromarray(scene())
    whole = encoded(image, "JPEG", quality=98, subsampling=0)
    for junk in (
        b"Exif\x00\x00",
        b"Exif\x00\x00II*\x00\xff\xff\xff\xff",
        b"Exif\x00\x00" + b"\xff" * 99,
    ):
        segment = b"\xff\xe1" + struct.pack(">H", len(junk) + 2) + junk
        close_to(decode(whole[:2] + segment + whole[2:], LIMIT), scene(), 12)


# --- several frames ------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "options"), [("WEBP", {"lossless": 1}), ("PNG", {})])
def test_of_an_animation_the_first_frame_counts(kind: str, options: dict[str, object]) -> None:
    first = Image.fromarray(scene())
    more = [Image.new("RGB", first.size, name) for name in ("red", "blue")]
    data = encoded(first, kind, save_all=True, append_images=more, duration=100, **options)
    with Image.open(BytesIO(data)) as image:
        assert image.n_frames == 3
    np.testing.assert_array_equal(decode(data, LIMIT), scene())


def test_of_a_photo_with_a_preview_the_photo_counts() -> None:
    first = Image.fromarray(scene())
    data = encoded(
        first,
        "MPO",
        save_all=True,
        append_images=[first.resize((32, 24))],
        quality=98,
        subsampling=0,
    )
    close_to(decode(data, LIMIT), scene(), 12)
