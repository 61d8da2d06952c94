"""Decoding at a reduced size."""

import numpy as np
import pytest
from PIL import Image

from ingest.decoding.pixels import MAX_EDGE_PX, MIN_EDGE_PX, decode_reduced
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
