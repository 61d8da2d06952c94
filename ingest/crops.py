"""Cuts faces out of an image for the encoder."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import laplace

from ingest.faces import CROP_MARGIN_PX, CROP_PX, Crops, RgbImage


def crop_faces(image: RgbImage, boxes: Sequence[tuple[float, float, float, float]]) -> Crops:
    """Cut each box with its margin out of *image* and scale it to CROP_PX square.

    The margin is CROP_MARGIN_PX of the scaled crop, clipped at the image's edges: what the model
    was measured with (facenet-pytorch's extract_face on a Pillow image).

    Args:
        boxes: x1, y1, x2, y2 in pixels.

    Returns: (n, CROP_PX, CROP_PX, 3) uint8.
    """
    whole = Image.fromarray(image)
    crops = np.empty((len(boxes), CROP_PX, CROP_PX, 3), np.uint8)
    for crop, box in zip(crops, boxes, strict=True):
        region = _with_margin(box, whole.size)
        scaled = whole.crop(region).resize((CROP_PX, CROP_PX), Image.Resampling.BILINEAR)
        crop[:] = np.asarray(scaled)
    return crops


def _with_margin(
    box: tuple[float, float, float, float], size: tuple[int, int]
) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = box
    share = CROP_MARGIN_PX / (CROP_PX - CROP_MARGIN_PX) / 2
    wide, high = share * (x2 - x1), share * (y2 - y1)
    left, top = int(max(x1 - wide, 0)), int(max(y1 - high, 0))
    right, bottom = int(min(x2 + wide, size[0])), int(min(y2 + high, size[1]))
    return left, top, max(right, left + 1), max(bottom, top + 1)


def sharpness(crops: Crops) -> NDArray[np.float64]:
    """Variance of the Laplacian of each crop's grey levels, (n,); a blurred face has a small one.

    J. L. Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000.
    """
    grey = crops.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.array([laplace(one).var() for one in grey], np.float64)
