"""Images that are refused: too large, of other kinds, damaged or cut off."""

import contextlib
import zlib

import numpy as np
import pytest
from PIL import Image

from index.base.errors import UnreadableImageError
from ingest.decoding.pixels import decode, decode_reduced
from ingest.decoding.sizes import MAX_EDGE_PX, MIN_EDGE_PX
from tests.ingest.decoded import LIMIT, refused
from tests.ingest.samples import chunk, encoded, png, scene

# --- limits --------------------------------------------------------------------------------------


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises so many pixels, with hardly any data."""
    return png(width, height, 8, 2, b"")


def test_more_pixels_than_allowed_are_refused_unread() -> None:
    reason = "its 2001x2000 pixels are more than the 4 million that max_megapixels: 1 allows a PNG"
    assert str(refused(bomb(2001, 2000), 1)) == reason
    solid = Image.new("L", (2000, 2000), 255)
    assert decode(encoded(solid, "PNG"), 1).shape == (1000, 1000, 3)


@pytest.mark.parametrize(("width", "height"), [(15_000, 14_000), (60_000, 60_000), (2**31 - 1, 1)])
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


@pytest.mark.parametrize("kind", ["PPM", "ICO", "PCX", "TGA", "EPS", "PDF", "SGI"])
def test_other_formats_are_refused(kind: str) -> None:
    error = refused(encoded(Image.fromarray(scene()), kind))
    assert not error.maybe_partial
    assert str(error).startswith("it is ")


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
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.9])
def test_an_image_that_is_cut_off_may_still_be_on_its_way(kind: str, share: float) -> None:
    whole = noisy(kind)
    error = refused(whole[: int(share * len(whole))])
    assert error.maybe_partial
    assert "cut off" in str(error)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP"])  # of JPEG, see test_cut_off.py
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
