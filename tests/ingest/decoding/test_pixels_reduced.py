"""Decoding at a reduced size."""

import numpy as np
import pytest
from PIL import Image

from ingest.decoding import colours
from ingest.decoding.pixels import decode_reduced
from ingest.decoding.sizes import MIN_EDGE_PX, share_for
from tests.ingest.decoded import LIMIT, close_to
from tests.ingest.samples import encoded, scene


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
        found, size, _ = decode_reduced(data, LIMIT, edge_px)
        assert size == (1000, 600)
        assert found.shape == (width * 600 // 1000, width, 3)
        small = np.asarray(image.resize((width, found.shape[0]), Image.Resampling.BOX))
        assert np.abs(found.astype(int) - small).mean() < 6


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "HEIF", "AVIF", "TIFF", "GIF", "JPEG2000"])
def test_other_formats_are_not_reduced_for_a_look(kind: str) -> None:
    data = encoded(Image.fromarray(scene(100, 200)), kind)
    found, size, _ = decode_reduced(data, LIMIT, 50)
    assert found.shape == (100, 200, 3)
    assert size == (200, 100)


def test_a_reduced_image_is_turned_upright_and_so_is_its_size() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(scene(600, 1000)), "JPEG", quality=95, exif=exif)
    found, size, _ = decode_reduced(data, LIMIT, 500)
    assert size == (600, 1000)
    assert found.shape == (500, 300, 3)
    close_to(found[40:60, -60:-40].mean((0, 1))[None, None], np.array([[[202, 20, 20]]]), 10)


@pytest.mark.parametrize("edge_px", [2000, 1000, 500, 100])
def test_a_long_strip_is_reduced_like_any_other(edge_px: int) -> None:
    # 65,500: libjpeg writes none longer
    data = encoded(Image.new("RGB", (65_500, MIN_EDGE_PX), "white"), "JPEG")
    found, size, _ = decode_reduced(data, LIMIT, edge_px)
    assert size == (65_500, MIN_EDGE_PX)
    assert found.shape[1] >= edge_px


@pytest.mark.parametrize("edge_px", [None, 2000])
def test_a_small_image_is_never_reduced_nor_enlarged(edge_px: int | None) -> None:
    data = encoded(Image.fromarray(scene()), "JPEG", quality=98, subsampling=0)
    found, size, _ = decode_reduced(data, LIMIT, edge_px)
    assert size == (64, 48)
    close_to(found, scene(), 12)


@pytest.mark.parametrize(
    ("size", "edge_px", "share"),
    [
        ((1000, 800), 2000, 1.0),
        ((4000, 3000), 2000, 0.5),
        ((3000, 4000), 2000, 0.5),
        ((4000, 2000), 2000, 0.5),  # 2:1, the longest that is no panorama
        ((16_000, 2000), 2000, 0.25),  # 8:1: as many pixels as 2000 x 1000
        ((2000, 16_000), 2000, 0.25),
    ],
)
def test_a_panorama_keeps_as_many_pixels_as_a_photo_of_two_to_one(
    size: tuple[int, int], edge_px: int, share: float
) -> None:
    assert share_for(size, edge_px) == pytest.approx(share)


# --- more pixels than are kept -------------------------------------------------------------------


def smooth(height: int, width: int) -> Image.Image:
    """A picture that is nearly the same in every format and at every size."""
    down, across = np.mgrid[0:height, 0:width]
    red = (down * 200 // height).astype(np.uint8)
    green = (across * 200 // width).astype(np.uint8)
    return Image.fromarray(np.dstack([red, green, np.full_like(red, 90)]))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {"quality": 95}),
        ("BMP", {}),
        ("HEIF", {"quality": 95}),
        ("AVIF", {"quality": 95}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("JPEG2000", {}),
    ],
)
def test_an_image_of_more_pixels_than_are_kept_is_given_back_reduced(
    kind: str, options: dict[str, object]
) -> None:
    image = smooth(1500, 1600)  # 2.4 million
    found, size, _ = decode_reduced(encoded(image, kind, **options), 2, None)
    assert size == (1600, 1500)
    assert found.shape == (750, 800, 3)
    close_to(found, np.asarray(image.reduce(2)), 12)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_images_of_every_mode_are_reduced_in_bands_as_in_one_go(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = smooth(1100, 1300)
    kind = "TIFF" if mode in {"CMYK", "I;16"} else "PNG"
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    elif mode == "P":
        image = image.quantize(32)
        image.info["transparency"] = 3
    else:
        image = image.convert(mode)
    data = encoded(image, kind)
    whole, *_ = decode_reduced(data, 50, None)
    monkeypatch.setattr(colours, "BAND_PIXELS", 20_000)
    banded, *_ = decode_reduced(data, 50, None)
    np.testing.assert_array_equal(banded, whole)
    found, *_ = decode_reduced(data, 1, None)
    np.testing.assert_array_equal(found, np.asarray(Image.fromarray(whole).reduce(2)))


def test_a_jpeg_2000_without_smaller_versions_in_it_is_reduced_all_the_same() -> None:
    image = smooth(1100, 1300)
    found, size, _ = decode_reduced(encoded(image, "JPEG2000", num_resolutions=1), 1, None)
    assert size == (1300, 1100)
    assert found.shape == (550, 650, 3)


def test_a_turned_image_of_more_pixels_than_are_kept_is_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    found, size, _ = decode_reduced(encoded(smooth(1100, 1300), "PNG", exif=exif), 1, None)
    assert size == (1100, 1300)
    close_to(
        found, np.asarray(smooth(1100, 1300).transpose(Image.Transpose.ROTATE_270).reduce(2)), 2
    )
