"""Decoding sixteen bits and transparency."""

import numpy as np
import pytest
from PIL import Image

from ingest.decoding.pixels import decode
from tests.ingest.decoded import LIMIT, close_to
from tests.ingest.samples import chunk, encoded, png, scene, wide_rows

# --- sixteen bits --------------------------------------------------------------------------------


def test_sixteen_bit_grey_is_scaled_and_not_clipped() -> None:
    values = np.linspace(0, 65535, 64).astype(np.uint16)
    data = png(64, 48, 16, 0, wide_rows(np.repeat(values[None, :], 48, axis=0)))
    found = decode(data, LIMIT)
    expected = np.repeat(np.repeat((values / 257)[None, :, None], 48, 0), 3, 2)
    close_to(found, expected.astype(np.uint8), 1)
    assert len(np.unique(found)) == 64


def test_dark_sixteen_bit_grey_stays_dark() -> None:
    values = np.linspace(0, 255, 64).astype(np.uint16)  # of 65,535
    data = png(64, 48, 16, 0, wide_rows(np.repeat(values[None, :], 48, axis=0)))
    assert decode(data, LIMIT).max() <= 1


def test_the_brightness_of_sixteen_bit_grey_does_not_depend_on_other_pixels() -> None:
    values = np.full((48, 64), 200, np.uint16)
    dark = decode(png(64, 48, 16, 0, wide_rows(values)), LIMIT)
    values[0, 0] = 65535
    bright = decode(png(64, 48, 16, 0, wide_rows(values)), LIMIT)
    np.testing.assert_array_equal(dark[1:], bright[1:])


def test_sixteen_bit_colours_are_scaled() -> None:
    values = scene().astype(np.uint16) * 257
    data = png(64, 48, 16, 2, wide_rows(values.reshape(48, -1)))
    close_to(decode(data, LIMIT), scene(), 1)


def test_sixteen_bit_grey_with_alpha_lies_over_white() -> None:
    values = np.zeros((48, 64, 2), np.uint16)
    values[..., 0] = 32768
    values[:, 32:, 1] = 65535
    found = decode(png(64, 48, 16, 4, wide_rows(values.reshape(48, -1))), LIMIT)
    assert (found[:, :32] == 255).all()
    close_to(found[:, 32:], np.full((48, 32, 3), 128, np.uint8), 1)


def test_sixteen_bit_colours_with_alpha_lie_over_white() -> None:
    values = np.zeros((48, 64, 4), np.uint16)
    values[..., 0] = 65535
    values[:, 32:, 3] = 65535
    found = decode(png(64, 48, 16, 6, wide_rows(values.reshape(48, -1))), LIMIT)
    assert (found[:, :32] == 255).all()
    assert (found[:, 32:] == (255, 0, 0)).all()


def test_a_sixteen_bit_image_is_turned_upright() -> None:
    values = np.zeros((48, 64), np.uint16)
    values[:, :32] = 65535  # white on the left; turned by 90 degrees it is on top
    exif = Image.Exif()
    exif[0x0112] = 6
    tag = chunk(b"eXIf", exif.tobytes()[6:])
    found = decode(png(64, 48, 16, 0, wide_rows(values), tag), LIMIT)
    assert found.shape == (64, 48, 3)
    assert (found[:32] == 255).all()
    assert (found[32:] == 0).all()


# --- transparency --------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": 1, "exact": 1})])
def test_what_is_transparent_becomes_white(kind: str, options: dict[str, object]) -> None:
    pixels = np.dstack([scene(), np.full((48, 64), 255, np.uint8)])
    pixels[:24, :, 3] = 0
    found = decode(encoded(Image.fromarray(pixels), kind, **options), LIMIT)
    assert (found[:24] == 255).all()
    np.testing.assert_array_equal(found[24:], scene()[24:])


def test_what_is_half_transparent_is_mixed_with_white() -> None:
    pixels = np.zeros((48, 64, 4), np.uint8)
    pixels[..., 3] = 128
    found = decode(encoded(Image.fromarray(pixels), "PNG"), LIMIT)
    close_to(found, np.full((48, 64, 3), 127, np.uint8), 1)


def test_grey_with_alpha_lies_over_white() -> None:
    pixels = np.zeros((48, 64, 2), np.uint8)
    pixels[:, 32:, 1] = 255
    found = decode(encoded(Image.fromarray(pixels, "LA"), "PNG"), LIMIT)
    assert (found[:, :32] == 255).all()
    assert (found[:, 32:] == 0).all()


def test_a_palette_with_transparent_entries_lies_over_white() -> None:
    pixels = np.zeros((48, 64), np.uint8)
    pixels[:, 16:32] = 1
    pixels[:, 32:] = 2
    image = Image.fromarray(pixels, "P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    data = encoded(image, "PNG", transparency=bytes([0, 128, 255]))
    found = decode(data, LIMIT)
    assert (found[:, :16] == 255).all()
    close_to(found[:, 16:32], np.full((48, 16, 3), (127, 255, 127), np.uint8), 1)
    assert (found[:, 32:] == (0, 0, 255)).all()


def test_a_palette_with_one_transparent_entry_lies_over_white() -> None:
    pixels = np.zeros((48, 64), np.uint8)
    pixels[:, 32:] = 1
    image = Image.fromarray(pixels, "P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    found = decode(encoded(image, "PNG", transparency=0), LIMIT)
    assert (found[:, :32] == 255).all()
    assert (found[:, 32:] == (0, 0, 255)).all()


@pytest.mark.parametrize("mode", ["L", "RGB", "1"])
def test_a_single_transparent_colour_lies_over_white(mode: str) -> None:
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, 32:] = 255
    pixels[:, 48:] = 0
    image = Image.fromarray(pixels).convert(mode)
    transparent = (0, 0, 0) if mode == "RGB" else 0
    found = decode(encoded(image, "PNG", transparency=transparent), LIMIT)
    assert (found == 255).all()
