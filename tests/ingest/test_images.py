"""Decoding: every kind of image that callers drop in, and their limits."""

import contextlib
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from index.errors import UnreadableImageError
from ingest.images import (
    MAX_EDGE_PX,
    MIN_EDGE_PX,
    decode,
    decode_reduced,
)
from tests.ingest.samples import Pixels, chunk, encoded, png, scene, wide_rows

LIMIT = 50  # megapixels


def close_to(found: Pixels, expected: Pixels, most: int) -> None:
    assert found.shape == expected.shape
    difference = np.abs(found.astype(int) - expected.astype(int))
    assert difference.max() <= most, f"differs by up to {difference.max()}"


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
    found, size = decode_reduced(data, LIMIT, None)
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


# --- limits --------------------------------------------------------------------------------------


def refused(data: bytes, limit: int = LIMIT) -> UnreadableImageError:
    with pytest.raises(UnreadableImageError) as caught:
        decode(data, limit)
    assert "\n" not in str(caught.value)
    return caught.value


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises so many pixels, with hardly any data."""
    return png(width, height, 8, 2, b"")


def test_more_pixels_than_allowed_are_refused_unread() -> None:
    assert "1001x1000 pixels are more than the 1 million" in str(refused(bomb(1001, 1000), 1))
    solid = Image.new("L", (1000, 1000), 255)
    assert decode(encoded(solid, "PNG"), 1).shape == (1000, 1000, 3)


@pytest.mark.parametrize(
    ("width", "height"), [(10_000, 10_000), (13_000, 10_000), (60_000, 60_000), (2**31 - 1, 1)]
)
def test_bombs_are_refused_unread(width: int, height: int) -> None:
    error = refused(bomb(width, height))
    assert not error.maybe_partial
    assert "pixels" in str(error)


@pytest.mark.parametrize(
    ("width", "height"),
    [(MAX_EDGE_PX + 1, 30), (30, MAX_EDGE_PX + 1), (MIN_EDGE_PX - 1, 50), (50, MIN_EDGE_PX - 1)],
)
def test_edges_too_long_or_too_short_are_refused(width: int, height: int) -> None:
    assert "a side" in str(refused(encoded(Image.new("L", (width, height)), "PNG")))


@pytest.mark.parametrize(
    ("width", "height"), [(MAX_EDGE_PX, MIN_EDGE_PX), (MIN_EDGE_PX, MAX_EDGE_PX)]
)
def test_the_longest_and_shortest_edges_are_allowed(width: int, height: int) -> None:
    assert decode(encoded(Image.new("L", (width, height)), "PNG"), LIMIT).shape == (
        height,
        width,
        3,
    )


def test_an_empty_file_may_still_be_on_its_way() -> None:
    error = refused(b"")
    assert error.maybe_partial
    assert "empty" in str(error)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PPM", "ICO", "PCX", "TGA", "EPS", "PDF", "SGI"])
def test_other_formats_are_refused(kind: str) -> None:
    error = refused(encoded(Image.fromarray(scene()), kind))
    assert "no JPEG, PNG, WebP or BMP" in str(error)


@pytest.mark.parametrize(
    "data", [b"text", b"<svg xmlns='http://www.w3.org/2000/svg'/>", bytes(5000), b"PK\x03\x04" * 50]
)
def test_what_is_no_image_is_refused_for_good(data: bytes) -> None:
    error = refused(data)
    assert not error.maybe_partial
    assert "no JPEG, PNG, WebP or BMP" in str(error)


def test_a_text_chunk_that_unpacks_to_gigabytes_is_refused_or_ignored() -> None:
    packed = zlib.compress(bytes(200_000_000), 9)
    extra = chunk(b"zTXt", b"Comment\x00\x00" + packed)
    data = png(64, 48, 8, 0, (b"\x00" + bytes(64)) * 48, extra)
    with contextlib.suppress(UnreadableImageError):
        assert decode(data, LIMIT).shape == (48, 64, 3)


def test_a_palette_image_without_its_palette_is_refused() -> None:
    assert "broken" in str(refused(png(32, 24, 8, 3, (b"\x00" + bytes(32)) * 24)))


# --- cut off -------------------------------------------------------------------------------------


def noisy(kind: str) -> bytes:
    """An image of some ten kilobytes that no format can shorten much."""
    noise = np.random.default_rng(1).integers(0, 255, (60, 60, 3), np.uint8)
    options = {"JPEG": {"quality": 90}, "WEBP": {"quality": 90}}.get(kind, {})
    return encoded(Image.fromarray(noise), kind, **options)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.95])
def test_an_image_that_is_cut_off_may_still_be_on_its_way(kind: str, share: float) -> None:
    whole = noisy(kind)
    error = refused(whole[: int(share * len(whole))])
    assert error.maybe_partial
    assert "cut off" in str(error)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_an_image_cut_off_anywhere_is_refused_or_whole(kind: str) -> None:
    whole = noisy(kind)
    expected = decode(whole, LIMIT)
    for length in range(1, len(whole), 97):
        try:
            found = decode(whole[:length], LIMIT)
        except UnreadableImageError:
            continue
        np.testing.assert_array_equal(found, expected)  # only what does not matter was missing


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_large_image_cut_off_is_found_out_also_when_it_is_reduced(kind: str) -> None:
    noise = np.random.default_rng(2).integers(0, 255, (300, 2400, 3), np.uint8)
    whole = encoded(Image.fromarray(noise), kind)
    for edge_px in (None, 2000, 1000, 500):
        with pytest.raises(UnreadableImageError) as caught:
            decode_reduced(whole[: len(whole) // 2], LIMIT, edge_px)
        assert caught.value.maybe_partial


def test_reduced_and_in_full_the_same_files_are_refused() -> None:
    # faces of a reduced photo are cut out of the full one: that must not fail where this did not
    noise = np.random.default_rng(3).integers(0, 255, (120, 4100, 3), np.uint8)
    for progressive in (False, True):
        whole = encoded(Image.fromarray(noise), "JPEG", quality=50, progressive=progressive)
        for missing in (1, 2, 3, 5, 10, 50, 200, 1000, 5000):
            cut = whole[:-missing]
            outcomes = []
            for edge_px in (None, 2000, 1000, 500):
                try:
                    decode_reduced(cut, LIMIT, edge_px)
                    outcomes.append("read")
                except UnreadableImageError:
                    outcomes.append("refused")
            assert len(set(outcomes)) == 1, f"{missing} bytes missing: {outcomes}"


# --- reduced -------------------------------------------------------------------------------------


def test_a_jpeg_is_reduced_only_as_far_as_its_edge_allows() -> None:
    image = Image.fromarray(scene(600, 1000))
    data = encoded(image, "JPEG", quality=95)
    for edge_px, width in [
        (None, 1000),
        (1000, 1000),
        (501, 1000),
        (500, 500),
        (250, 250),
        (9, 125),
    ]:
        found, size = decode_reduced(data, LIMIT, edge_px)
        assert size == (1000, 600)
        assert found.shape == (width * 600 // 1000, width, 3)
        small = np.asarray(image.resize((width, found.shape[0]), Image.Resampling.BOX))
        assert np.abs(found.astype(int) - small).mean() < 6


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP"])
def test_other_formats_are_never_reduced(kind: str) -> None:
    data = encoded(Image.fromarray(scene(100, 200)), kind)
    found, size = decode_reduced(data, LIMIT, 50)
    assert found.shape == (100, 200, 3)
    assert size == (200, 100)


def test_a_reduced_image_is_turned_upright_and_so_is_its_size() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(scene(600, 1000)), "JPEG", quality=95, exif=exif)
    found, size = decode_reduced(data, LIMIT, 500)
    assert size == (600, 1000)
    assert found.shape == (500, 300, 3)
    close_to(found[40:60, -60:-40].mean((0, 1))[None, None], np.array([[[202, 20, 20]]]), 10)


@pytest.mark.parametrize("edge_px", [2000, 1000, 500, 100])
def test_a_long_strip_is_reduced_like_any_other(edge_px: int) -> None:
    data = encoded(Image.new("RGB", (MAX_EDGE_PX, MIN_EDGE_PX), "white"), "JPEG")
    found, size = decode_reduced(data, LIMIT, edge_px)
    assert size == (MAX_EDGE_PX, MIN_EDGE_PX)
    assert found.shape[1] >= edge_px


@pytest.mark.parametrize("edge_px", [None, 2000])
def test_a_small_image_is_never_reduced_nor_enlarged(edge_px: int | None) -> None:
    data = encoded(Image.fromarray(scene()), "JPEG", quality=98, subsampling=0)
    found, size = decode_reduced(data, LIMIT, edge_px)
    assert size == (64, 48)
    close_to(found, scene(), 12)
