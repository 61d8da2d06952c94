"""Cut faces out of a photo the way the networks were trained to see them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from index.base.arrays import FloatMatrix
from index.base.turns import quarter_turns
from ingest.interfaces import STANDARD, Box, Crops, DetectedFace, Framing, Landmarks, RgbImage

# The landmarks' places in an aligned crop, as shares of its edge: InsightFace's template
# (deepinsight/insightface, arcface_dst), given in pixels of a crop of 112.
TEMPLATE = (
    np.array(
        [
            [38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366],
            [41.5493, 92.3655], [70.7299, 92.2041],
        ]
    )
    / 112
)  # fmt: skip
# From this share of its width or height on, a box that reaches beyond its photo is filled up with
# grey instead of being stretched: the networks then see the face's own proportions. Measured on
# half A of the people, see docs/accuracy.md.
PADDED_FROM = 0.1
GREY = 127.5  # what the networks are shown as 0, the middle of the scale
SPARE_PX = 2.0  # around the part that an aligned crop shows, for the interpolation


@dataclass(frozen=True, slots=True)
class FaceCrops:
    """The faces of a photo, in order.

    Attributes:
        standard: (n, 160, 160, 3), for their sharpness.
        framed: (n, edge, edge, 3), for the network; the same array if it takes standard crops.
    """

    standard: Crops
    framed: Crops


def joined(parts: Sequence[FaceCrops]) -> FaceCrops:
    """The crops of all *parts*, at least one, in order."""
    standard = np.concatenate([part.standard for part in parts])
    if parts[0].framed is parts[0].standard:
        return FaceCrops(standard, standard)
    return FaceCrops(standard, np.concatenate([part.framed for part in parts]))


def cut_faces(image: RgbImage, faces: Sequence[DetectedFace], framing: Framing) -> FaceCrops:
    """Cut *faces*, which are in pixels of *image*; there may be none."""
    boxes = [face.box for face in faces]
    landmarks = [face.landmarks for face in faces]
    standard = upright(crop_faces(image, boxes), landmarks)
    if framing == STANDARD:
        return FaceCrops(standard, standard)
    if framing.margin_px is not None:
        return FaceCrops(standard, upright(crop_faces(image, boxes, framing), landmarks))
    return FaceCrops(standard, align_faces(image, landmarks, framing.edge_px))


def is_padded(boxes: FloatMatrix, limits: FloatMatrix) -> NDArray[np.bool_]:
    """Which boxes reach so far beyond their photos that grey fills them up.

    Args:
        boxes: (n, 4) x1, y1, x2, y2.
        limits: (n, 2) or (2,) width and height of the photos.

    Returns: (n,).
    """
    size = boxes[:, 2:] - boxes[:, :2]
    beyond = np.maximum(-boxes[:, :2], 0) + np.maximum(boxes[:, 2:] - limits, 0)
    padded: NDArray[np.bool_] = (beyond >= PADDED_FROM * np.maximum(size, 1)).any(axis=1)
    return padded


def crop_boxes(
    boxes: Sequence[Box], width: int, height: int, framing: Framing = STANDARD
) -> NDArray[np.int64]:
    """Return (n, 4) int64 boxes with the margin added, clipped to the photo, ends exclusive."""
    wide = _with_margin(boxes, framing)
    limit = np.array([width, height], np.float32)
    first = np.clip(wide[:, :2], 0, limit - 1)
    last = np.clip(wide[:, 2:], 1, limit)
    pixels = np.concatenate([first, last], axis=1).astype(np.int64)
    pixels[:, 2:] = np.maximum(pixels[:, 2:], pixels[:, :2] + 1)
    return pixels


def _with_margin(boxes: Sequence[Box], framing: Framing) -> FloatMatrix:
    corners = np.asarray(boxes, np.float32).reshape(-1, 4)
    size = corners[:, 2:] - corners[:, :2]
    added = framing.margin_px or 0
    margin = np.float32(added) * size / np.float32(framing.edge_px - added) / np.float32(2)
    return np.concatenate([corners[:, :2] - margin, corners[:, 2:] + margin], axis=1)


def _parts_filled(
    boxes: Sequence[Box], places: NDArray[np.int64], limit: tuple[int, int], framing: Framing
) -> NDArray[np.int64]:
    """Which part of its crop each of *places* fills: (n, 4) int64, ends exclusive.

    It is all of the crop, unless the box is padded.
    """
    edge = framing.edge_px
    corners = np.asarray(boxes, np.float32).reshape(-1, 4)
    wide = _with_margin(boxes, framing)
    scale = edge / np.maximum(wide[:, 2:] - wide[:, :2], 1)
    first = np.clip(np.rint((places[:, :2] - wide[:, :2]) * scale), 0, edge - 1)
    last = np.clip(np.rint((places[:, 2:] - wide[:, :2]) * scale), first + 1, edge)
    parts = np.concatenate([first, last], axis=1).astype(np.int64)
    parts[~is_padded(corners, np.array(limit))] = 0, 0, edge, edge
    return parts


def crop_faces(image: RgbImage, boxes: Sequence[Box], framing: Framing = STANDARD) -> Crops:
    """Return (n, edge, edge, 3) uint8 crops of *image*, one a box, in order; n may be 0.

    Only the pixels inside the margin are read: those outside must not bleed into the edges. What
    lies beyond the photo is grey where the box reaches far beyond it; see PADDED_FROM.
    """
    height, width = image.shape[:2]
    edge = framing.edge_px
    crops = np.full((len(boxes), edge, edge, 3), round(GREY), np.uint8)
    places = crop_boxes(boxes, width, height, framing)
    parts = _parts_filled(boxes, places, (width, height), framing)
    for crop, (left, top, right, bottom), (x1, y1, x2, y2) in zip(
        crops, places, parts, strict=True
    ):
        cut = Image.fromarray(image[top:bottom, left:right])
        crop[y1:y2, x1:x2] = np.asarray(cut.resize((x2 - x1, y2 - y1), Image.Resampling.BILINEAR))
    return crops


def upright(crops: Crops, landmarks: Sequence[Landmarks]) -> Crops:
    """Turn each of *crops* (n, edge, edge, 3) in place until its face is upright; return them."""
    turns = quarter_turns(np.array(landmarks, np.float32))
    for crop, turn in zip(crops, turns.tolist(), strict=True):
        if turn:
            crop[...] = np.rot90(crop, turn).copy()
    return crops


def align_faces(image: RgbImage, landmarks: Sequence[Landmarks], edge_px: int) -> Crops:
    """Return (n, edge, edge, 3) uint8 crops of *image* with the landmarks where TEMPLATE has them.

    What lies beyond the photo is black.
    """
    crops = np.zeros((len(landmarks), edge_px, edge_px, 3), np.uint8)
    for crop, matrix in zip(crops, crop_to_photo(landmarks, edge_px), strict=True):
        _warp(image, matrix, crop)
    return crops


def crop_to_photo(landmarks: Sequence[Landmarks], edge_px: int) -> NDArray[np.float64]:
    """Return (n, 2, 3) float64 matrices from pixels (x, y, 1) of a crop to pixels of the photo.

    Each is the inverse of the similarity that takes five landmarks nearest to TEMPLATE by least
    squares (S. Umeyama, "Least-squares estimation of transformation parameters between two point
    patterns", IEEE PAMI 13(4), 1991). In the plane, with points as complex numbers, that is
    z -> a z + b with a = sum(conj(p) t) / sum(|p|²), where p and t are about their means. Landmarks
    that all coincide give a crop around them.
    """
    points = np.asarray(landmarks, np.float64).reshape(-1, 5, 2)
    photo = points[..., 0] + 1j * points[..., 1]
    template = (TEMPLATE[:, 0] + 1j * TEMPLATE[:, 1]) * edge_px
    middle, goal = photo.mean(1), template.mean()
    spread = photo - middle[:, None]
    products = (spread.conj() * (template - goal)).sum(1)
    squares = (np.abs(spread) ** 2).sum(1)
    turn = np.divide(squares, products, out=np.ones_like(products), where=np.abs(products) > 1)
    shift = middle - turn * goal
    matrices = np.empty((len(points), 2, 3))
    matrices[:, 0] = np.stack([turn.real, -turn.imag, shift.real], axis=1)
    matrices[:, 1] = np.stack([turn.imag, turn.real, shift.imag], axis=1)
    return matrices


def _warp(image: RgbImage, matrix: NDArray[np.float64], crop: Crops) -> None:
    """Fill *crop* (edge, edge, 3) through *matrix* (2, 3), by bilinear interpolation.

    Where the photo is twice as fine or finer, its pixels are averaged first: interpolation alone
    would look at some of them and leave out the rest.
    """
    height, width = image.shape[:2]
    edge = len(crop)
    corners = matrix @ np.array([[0, edge, 0, edge], [0, 0, edge, edge], [1, 1, 1, 1]])
    factor = max(1, int(np.hypot(*matrix[:, 0]) + 1e-3))
    first = np.floor(np.clip(corners.min(1) - SPARE_PX * factor, 0, [width, height])).astype(int)
    last = np.ceil(np.clip(corners.max(1) + SPARE_PX * factor, 0, [width, height])).astype(int)
    if (last <= first).any():
        return
    part = Image.fromarray(image[first[1] : last[1], first[0] : last[0]]).reduce(factor)
    # Pillow has pixels' centres at halves, the matrix has them at whole numbers
    halves = matrix[:, :2].sum(1) / 2 - 0.5
    inside = np.c_[matrix[:, :2], matrix[:, 2] - halves - first] / factor
    cut = part.transform(
        (edge, edge), Image.Transform.AFFINE, inside.ravel().tolist(), Image.Resampling.BILINEAR
    )
    crop[...] = np.asarray(cut)
