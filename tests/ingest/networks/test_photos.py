"""Photos that are decoded smaller than they are: boxes, sizes and crops are still the file's."""

from collections.abc import Iterator
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from ingest.decoding.crops import align_faces, crop_faces
from ingest.decoding.decoder_pool import Decoder
from ingest.decoding.pixels import decode
from ingest.interfaces import CROP_PX, STANDARD, DetectedFace, Framing
from ingest.networks.photos import DECODE_EDGE_PX, SHARP, in_file_pixels, open_photo, sharp_crops
from tests.fakes import DECODERS
from tests.ingest.boxed import ALIGNED, faces_in

LIMIT = 50


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    with DECODERS.decoder(LIMIT) as borrowed:
        yield borrowed


def file(width: int, height: int, kind: str = "JPEG", orientation: int = 1) -> bytes:
    """A smooth picture of the given stored size."""
    noise = np.random.default_rng(5).integers(
        0, 255, (height // 8 + 1, width // 8 + 1, 3), np.uint8
    )
    small = Image.fromarray(gaussian_filter(noise, (1, 1, 0)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = BytesIO()
    image = small.resize((width, height), Image.Resampling.BICUBIC)
    image.save(stream, format=kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {}))
    return stream.getvalue()


def differs(found: NDArray[np.uint8], expected: NDArray[np.uint8]) -> float:
    return float(np.abs(found.astype(int) - expected).mean())


@pytest.mark.parametrize(
    ("width", "height", "kind", "decoded"),
    [
        (1999, 900, "JPEG", (1999, 900)),
        (3999, 2000, "JPEG", (3999, 2000)),
        (4000, 2000, "JPEG", (2000, 1000)),
        (2000, 4000, "JPEG", (1000, 2000)),
        (4000, 900, "JPEG", (4000, 900)),  # a panorama
        (8000, 1000, "JPEG", (4000, 500)),
        (4000, 200, "PNG", (4000, 200)),
    ],
)
def test_only_large_jpegs_are_reduced(
    width: int, height: int, kind: str, decoded: tuple[int, int], decoder: Decoder
) -> None:
    photo = open_photo(file(width, height, kind), decoder)
    assert photo.full_size == (width, height)
    assert photo.pixels.shape == (decoded[1], decoded[0], 3)
    assert photo.ratio == (width / decoded[0], height / decoded[1])
    assert max(decoded) >= min(DECODE_EDGE_PX, width, height)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_faces_are_given_in_pixels_of_the_upright_file(orientation: int, decoder: Decoder) -> None:
    photo = open_photo(file(4000, 2000, orientation=orientation), decoder)
    width, height = (4000, 2000) if orientation in {1, 3} else (2000, 4000)
    assert photo.full_size == (width, height)
    found = DetectedFace((100.0, 200.0, 300.0, 440.0), 0.98, ((150.0, 260.0),) * 5)
    moved = in_file_pixels(found, photo)
    assert moved.box == (200.0, 400.0, 600.0, 880.0)
    assert moved.landmarks == ((300.0, 520.0),) * 5
    assert moved.probability == 0.98


def test_small_faces_of_a_reduced_photo_are_cut_out_of_the_full_one(
    decoder: Decoder,
) -> None:
    data = file(4000, 2000)
    photo = open_photo(data, decoder)
    edge = SHARP * CROP_PX / 4
    box = (500.0, 400.0, 500.0 + edge, 400.0 + edge)
    full = decode(data, LIMIT)
    twice = [tuple(2 * edge for edge in box)]
    found = sharp_crops(photo, faces_in([box]), STANDARD, decoder)
    np.testing.assert_array_equal(found.framed, crop_faces(full, twice))
    found = sharp_crops(photo, faces_in([box]), ALIGNED, decoder)
    np.testing.assert_array_equal(found.standard, crop_faces(full, twice))
    (landmarks,) = (face.landmarks for face in faces_in(twice))
    np.testing.assert_array_equal(found.framed, align_faces(full, [landmarks], ALIGNED.edge_px))


def test_large_faces_of_a_reduced_photo_are_cut_out_of_it_and_look_the_same(
    decoder: Decoder,
) -> None:
    data = file(4000, 2000)
    photo = open_photo(data, decoder)
    box = (300.0, 200.0, 900.0, 800.0)
    found = sharp_crops(photo, faces_in([box]), STANDARD, decoder).framed
    np.testing.assert_array_equal(found, crop_faces(photo.pixels, [box]))
    twice = tuple(2 * edge for edge in box)
    assert differs(found, crop_faces(decode(data, LIMIT), [twice])) < 3
    found = sharp_crops(photo, faces_in([box]), ALIGNED, decoder).framed
    (landmarks,) = (face.landmarks for face in faces_in([twice]))
    full = align_faces(decode(data, LIMIT), [landmarks], ALIGNED.edge_px)
    assert differs(found, full) < 3
    large = Framing(512, None)  # needs more than these pixels
    found = sharp_crops(photo, faces_in([box]), large, decoder).framed
    np.testing.assert_array_equal(found, align_faces(decode(data, LIMIT), [landmarks], 512))


def test_faces_of_a_photo_that_was_not_reduced_are_cut_out_of_it(
    decoder: Decoder,
) -> None:
    photo = open_photo(file(800, 600), decoder)
    boxes = [(100.0, 100.0, 160.0, 180.0), (300.0, 200.0, 500.0, 450.0)]
    found = sharp_crops(photo, faces_in(boxes), STANDARD, decoder)
    np.testing.assert_array_equal(found.framed, crop_faces(photo.pixels, boxes))
    assert found.standard is found.framed
    assert photo.ratio == (1.0, 1.0)


def test_a_photo_without_faces_has_no_crops(
    decoder: Decoder,
) -> None:
    found = sharp_crops(open_photo(file(4000, 2000), decoder), [], ALIGNED, decoder)
    assert found.standard.shape == (0, 160, 160, 3)
    assert found.framed.shape == (0, 112, 112, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_faces_of_a_photo_of_more_pixels_than_are_kept_are_cut_from_what_is_kept(kind: str) -> None:
    data = file(4000, 2000, kind)
    with DECODERS.decoder(3) as decoder:
        photo = open_photo(data, decoder)
        assert photo.full_size == (4000, 2000)
        assert photo.pixels.shape == (1000, 2000, 3)
        box = (300.0, 200.0, 400.0, 320.0)
        (twice,) = faces_in([tuple(2 * edge for edge in box)])
        found = decoder.crops(data, [twice], ALIGNED)
    expected = crop_faces(photo.pixels, [box])
    assert differs(found.standard, expected) < 2
    (landmarks,) = (face.landmarks for face in faces_in([box]))
    assert differs(found.framed, align_faces(photo.pixels, [landmarks], 112)) < 2
