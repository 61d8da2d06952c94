"""How large an image may be, and how far it is shrunk."""

import math

from index.base.errors import UnreadableImageError
from index.base.image_formats import ImageFormat

MAX_EDGE_PX = 65_535  # what a JPEG can have
MIN_EDGE_PX = 20
MEGA = 1_000_000
BYTES_PER_PIXEL = 32  # memory that the decoder may take, for each pixel that it may give back
_STRIP = 2.0  # times as long as high: longer images are panoramas


def share_for(size: tuple[int, int], edge_px: int) -> float:
    """How far an image may shrink, 0 to 1, for a look at *edge_px*.

    To that longest edge; a panorama to as many pixels as an image of 2:1 has then, or the people
    on it would vanish.
    """
    longest = max(size)
    area = edge_px * edge_px / _STRIP
    return min(1.0, max(edge_px / longest, math.sqrt(area / (size[0] * size[1]))))


def divisor(size: tuple[int, int], most: int) -> int:
    """By what an image's edges have to be divided so that no more than *most* pixels are left."""
    by = 1
    while math.ceil(size[0] / by) * math.ceil(size[1] / by) > most:
        by += 1
    return by


def file_megapixels(kind: ImageFormat, max_megapixels: int) -> int:
    """How many million pixels a file of a format may have, as memory for decoding it allows."""
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
