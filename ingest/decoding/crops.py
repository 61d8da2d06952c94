"""Cut faces out of a photo the way the encoder was trained to see them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ingest.interfaces import CROP_MARGIN_PX, CROP_PX, Box, Crops, RgbImage


def crop_boxes(boxes: Sequence[Box], width: int, height: int) -> NDArray[np.int64]:
    """Return (n, 4) int64 boxes with the margin added, clipped to the photo, ends exclusive."""
    corners = np.asarray(boxes, np.float32).reshape(-1, 4)
    size = corners[:, 2:] - corners[:, :2]
    margin = (
        np.float32(CROP_MARGIN_PX) * size / np.float32(CROP_PX - CROP_MARGIN_PX) / np.float32(2)
    )
    limit = np.array([width, height], np.float32)
    first = np.clip(corners[:, :2] - margin, 0, limit - 1)
    last = np.clip(corners[:, 2:] + margin, 1, limit)
    pixels = np.concatenate([first, last], axis=1).astype(np.int64)
    pixels[:, 2:] = np.maximum(pixels[:, 2:], pixels[:, :2] + 1)
    return pixels


def crop_faces(image: RgbImage, boxes: Sequence[Box]) -> Crops:
    """Return (n, 160, 160, 3) uint8 crops of *image*, one per box, in order; n may be 0.

    Only the pixels inside the margin are read: those outside must not bleed into the edges.
    """
    height, width = image.shape[:2]
    crops = np.empty((len(boxes), CROP_PX, CROP_PX, 3), np.uint8)
    for crop, (left, top, right, bottom) in zip(
        crops, crop_boxes(boxes, width, height), strict=True
    ):
        cut = Image.fromarray(image[top:bottom, left:right])
        crop[...] = np.asarray(cut.resize((CROP_PX, CROP_PX), Image.Resampling.BILINEAR))
    return crops
