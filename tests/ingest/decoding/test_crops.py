"""Crops against facenet-pytorch's extract_face, done by hand with Pillow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from ingest.decoding.crops import crop_boxes, crop_faces, cut_faces
from ingest.interfaces import CROP_MARGIN_PX, CROP_PX, STANDARD, Box, Framing
from ingest.networks.sharpness import sharpness
from ingest.networks.turning import turned_back
from tests.ingest.boxed import ALIGNED, faces_in

Pixels = NDArray[np.uint8]


def photo(height: int = 200, width: int = 300) -> Pixels:
    noise = np.random.default_rng(7).integers(0, 255, (height, width, 3), np.uint8)
    return gaussian_filter(noise, (2, 2, 0))


def by_hand(image: Pixels, box: Box) -> Pixels:
    """facenet_pytorch.models.utils.detect_face.extract_face with margin 32 for crops of 160."""
    width, height = image.shape[1], image.shape[0]
    margin = [
        CROP_MARGIN_PX * (box[2] - box[0]) / (CROP_PX - CROP_MARGIN_PX),
        CROP_MARGIN_PX * (box[3] - box[1]) / (CROP_PX - CROP_MARGIN_PX),
    ]
    region = (
        int(max(box[0] - margin[0] / 2, 0)),
        int(max(box[1] - margin[1] / 2, 0)),
        int(min(box[2] + margin[0] / 2, width)),
        int(min(box[3] + margin[1] / 2, height)),
    )
    cut = Image.fromarray(image).crop(region)
    return np.asarray(cut.resize((CROP_PX, CROP_PX), Image.Resampling.BILINEAR))


BOXES: dict[str, Box] = {
    "inside": (100.3, 60.2, 180.7, 150.9),
    "small": (100.1, 60.1, 120.5, 84.5),
    "in the corner": (2.4, 3.4, 70.9, 60.9),
    "a little beyond the left and top": (-8.5, -9.5, 80.2, 90.7),
    "a little beyond the right and bottom": (220.4, 110.4, 308.8, 209.8),
    "flat": (100.2, 60.2, 200.6, 62.4),
}
CUT: dict[str, Box] = {
    "the left and top": (-30.5, -20.5, 60.2, 90.7),
    "the right and bottom": (250.4, 130.4, 340.8, 230.8),
    "the left": (-60.5, 60.2, 60.2, 150.7),
    "all sides": (-50.0, -50.0, 400.0, 300.0),
}


@pytest.mark.parametrize("name", BOXES)
def test_a_crop_is_what_pillow_gives_by_hand(name: str) -> None:
    found = crop_faces(photo(), [BOXES[name]])
    assert found.shape == (1, CROP_PX, CROP_PX, 3)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[0], by_hand(photo(), BOXES[name]))


@pytest.mark.parametrize("edge", CUT)
def test_grey_fills_what_a_face_lacks_that_the_edge_of_the_photo_cuts(edge: str) -> None:
    image = (photo() // 4 * 13).astype(np.uint8)  # of more contrast
    wide = np.full((600, 700, 3), 128, np.uint8)
    wide[200:-200, 200:-200] = image
    x1, y1, x2, y2 = CUT[edge]
    framed = by_hand(wide, (x1 + 200, y1 + 200, x2 + 200, y2 + 200)).astype(int)
    (found,) = crop_faces(image, [CUT[edge]])
    lacking = (found == 128).all(axis=2)
    assert lacking.mean() > 0.1
    assert np.abs(framed - 128)[lacking].mean() < 3
    as_stretched = by_hand(image, CUT[edge]).astype(int)
    assert np.abs(framed - found).mean() < 0.3 * np.abs(as_stretched - found).mean()


def test_crops_come_in_the_order_of_their_boxes() -> None:
    found = crop_faces(photo(), list(BOXES.values()))
    for crop, box in zip(found, BOXES.values(), strict=True):
        np.testing.assert_array_equal(crop, by_hand(photo(), box))


def test_no_box_gives_no_crop() -> None:
    assert crop_faces(photo(), []).shape == (0, CROP_PX, CROP_PX, 3)
    assert crop_boxes([], 300, 200).shape == (0, 4)


def test_a_face_whose_margin_fits_is_seen_with_sixteen_pixels_around_it() -> None:
    # the box itself ends up in the inner 128 of 160 pixels
    image = np.zeros((400, 400, 3), np.uint8)
    image[120:248, 120:248] = 255
    crop = crop_faces(image, [(120.0, 120.0, 248.0, 248.0)])[0]
    assert (crop[16:144, 16:144] == 255).all()
    assert (crop[:15] == 0).all()
    assert (crop[145:] == 0).all()


def test_pixels_outside_the_margin_do_not_bleed_in() -> None:
    image = photo()
    changed = image.copy()
    (left, top, right, bottom) = crop_boxes([BOXES["inside"]], 300, 200)[0]
    outside = np.ones(image.shape[:2], np.bool_)
    outside[top:bottom, left:right] = False
    changed[outside] = 255 - changed[outside]
    boxes = [BOXES["inside"]]
    np.testing.assert_array_equal(crop_faces(image, boxes), crop_faces(changed, boxes))


@pytest.mark.parametrize("framing", [STANDARD, Framing(80, 20), ALIGNED])
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_face_in_a_turned_photo_is_cut_out_upright(turn: int, framing: Framing) -> None:
    image = photo()
    (face,) = faces_in([(100, 60, 180, 150)])
    lying = turned_back(face, turn, (300, 200))
    standing = cut_faces(np.rot90(image, turn), [face], framing)
    found = cut_faces(image, [lying], framing)
    # whole pixels are cut out, which may shift a crop by one
    for one, other in ((found.framed, standing.framed), (found.standard, standing.standard)):
        apart = np.abs(one.astype(int) - other).mean()
        assert apart < 0.5 * np.abs(np.rot90(one[0]).astype(int) - other[0]).mean()


def test_the_photo_is_left_as_it_was() -> None:
    image = photo()
    image.flags.writeable = False
    crop_faces(image, list(BOXES.values()))
    np.testing.assert_array_equal(image, photo())


@given(
    st.tuples(*(st.floats(-500, 800, width=32) for _ in range(2))),
    st.tuples(*(st.floats(0, 900, width=32) for _ in range(2))),
    st.integers(20, 400),
    st.integers(20, 400),
)
@effort(max_examples=300, deadline=None, derandomize=True, database=None)
def test_any_box_gives_a_crop_from_inside_the_photo(
    corner: tuple[float, float], size: tuple[float, float], width: int, height: int
) -> None:
    box = (corner[0], corner[1], corner[0] + size[0], corner[1] + size[1])
    ((left, top, right, bottom),) = crop_boxes([box], width, height)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


def test_a_blurred_face_is_less_sharp_than_a_crisp_one() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (CROP_PX, CROP_PX, 3), np.uint8)
    blurs = [np.asarray(gaussian_filter(noise, (s, s, 0))) for s in (0.0, 0.7, 1.5, 4.0)]
    found = sharpness(np.stack([*blurs, np.full_like(noise, 90)]))
    assert found.shape == (5,)
    assert (np.diff(found) < 0).all()
    assert found[-1] == 0


def test_no_crop_has_no_sharpness() -> None:
    assert sharpness(np.empty((0, CROP_PX, CROP_PX, 3), np.uint8)).shape == (0,)
