"""Decides how large an image may be, and how far it is shrunk."""

import math

from index.base.errors import UnreadableImageError
from index.base.image_formats import ImageFormat

MAX_EDGE_PX = 65_535  # the longest edge of a JPEG
MIN_EDGE_PX = 20
MEGA = 1_000_000
BYTES_PER_PIXEL = 32  # memory that the decoder may take, for each pixel that it may give back
_STRIP = 2.0  # images more than twice as long as high are panoramas


def share_for(size: tuple[int, int], edge_px: int) -> float:
    """The factor, 0 to 1, by which an image may shrink for detection at *edge_px*.

    It gives the image that longest edge. A panorama keeps as many pixels as an image of 2:1 with
    that edge, or the people on it would become too small.
    """
    longest = max(size)
    area = edge_px * edge_px / _STRIP
    return min(1.0, max(edge_px / longest, math.sqrt(area / (size[0] * size[1]))))


def divisor(size: tuple[int, int], most: int) -> int:
    """The divisor of an image's edges that leaves no more than *most* pixels."""
    by = 1
    while math.ceil(size[0] / by) * math.ceil(size[1] / by) > most:
        by += 1
    return by


def file_megapixels(kind: ImageFormat, max_megapixels: int) -> int:
    """The most million pixels of a file of a format, by the memory for decoding it."""
    return max_megapixels * BYTES_PER_PIXEL // kind.bytes_per_pixel


def check_pixels(size: tuple[int, int], kind: ImageFormat, max_megapixels: int) -> None:
    """Refuse an image, width and height, of more pixels than can be decoded.

    Raises:
        UnreadableImageError: it has more; the text names the setting.
    """
    most = file_megapixels(kind, max_megapixels)
    if size[0] * size[1] > most * MEGA:
        raise UnreadableImageError(
            f"its {size[0]}x{size[1]} pixels are more than the {most} million that "
            f"max_megapixels: {max_megapixels} allows a {kind.name}"
        )


def check_size(size: tuple[int, int], kind: ImageFormat, max_megapixels: int) -> None:
    """Refuse an image, width and height, that is too large or too small; see check_pixels."""
    check_pixels(size, kind, max_megapixels)
    if max(size) > MAX_EDGE_PX or min(size) < MIN_EDGE_PX:
        raise UnreadableImageError(
            f"its {size[0]}x{size[1]} pixels are not between {MIN_EDGE_PX} and {MAX_EDGE_PX} a side"
        )
