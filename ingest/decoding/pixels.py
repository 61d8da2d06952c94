"""Turns bytes into pixels: RGB uint8, upright, within the limits."""

import struct
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from index.base.errors import UnreadableImageError
from index.base.image_formats import JPEG, JPEG2000, ImageFormat
from ingest.decoding.colours import to_rgb
from ingest.decoding.cut_off import with_end
from ingest.decoding.file_kinds import format_of
from ingest.decoding.openers import (
    CUT_OFF,
    canvas_of,
    greys_of,
    open_image,
    orientation_of,
    reduce_jpeg2000,
)
from ingest.decoding.sizes import MEGA, check_pixels, check_size, divisor, share_for
from ingest.interfaces import RgbImage

ON_ITS_SIDE = (5, 6, 7, 8)  # EXIF orientations of images that have to be turned by 90 degrees
_MOST_TIMES = 8  # a JPEG decoder can divide each edge by 8 at most

# how to turn the image for each of EXIF's orientations, by its standard
_UPRIGHT: dict[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow raises these on malformed input, besides its own UnidentifiedImageError (an OSError).
_MALFORMED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    RuntimeError,
    struct.error,
    EOFError,
    IndexError,
    KeyError,
    AssertionError,  # a palette image without a palette
)
_CUT_OFF = (
    CUT_OFF,
    "truncated",
    "unrecognized data stream",
    "not enough image data",
    "unexpected end",
    "could not create decoder object",  # Pillow's text for half a WebP file
)
_NO_MEMORY = ("unexpected c++ exception", "out of memory")  # of libheif and of other readers


class Decoded(NamedTuple):
    """A picture.

    Attributes:
        pixels: (height, width, 3), upright, transparency over white, read-only.
        size: the full image's width and height, upright.
        is_cut_off: a little of the file's end is missing; see cut_off.with_end.
    """

    pixels: RgbImage
    size: tuple[int, int]
    is_cut_off: bool = False


def decode(data: bytes, max_megapixels: int) -> RgbImage:
    """Decode a file in full; see decode_reduced."""
    return decode_reduced(data, max_megapixels, None).pixels


def decode_reduced(data: bytes, max_megapixels: int, edge_px: int | None) -> Decoded:
    """Decode a file's main picture; see index.base.image_formats.

    Args:
        data: the whole file.
        max_megapixels: larger images are reduced to this size. Images that need more memory than
            BYTES_PER_PIXEL for each allowed pixel are refused before their pixels are decoded.
        edge_px: a JPEG is halved, quartered or divided by 8 while decoding, as far as share_for
            allows; None decodes in full.

    Raises:
        UnreadableImageError: it has another format, is broken, or is too large or too small.
        MemoryError: it needs more memory than the process may take.
    """
    if not data:
        raise UnreadableImageError("it is empty", maybe_partial=True)
    kind = format_of(data)
    try:
        return _decode(data, kind, max_megapixels, edge_px)
    except UnreadableImageError as error:
        completed = with_end(data) if kind is JPEG and error.maybe_partial else None
        if completed is None:
            raise
        with suppress(UnreadableImageError):
            found = _decode(completed, kind, max_megapixels, edge_px)
            return found._replace(is_cut_off=True)
        raise


def _decode(data: bytes, kind: ImageFormat, max_megapixels: int, edge_px: int | None) -> Decoded:
    try:
        return _decode_whole(data, kind, max_megapixels, edge_px)
    except UnidentifiedImageError as error:
        raise UnreadableImageError(
            f"it is broken, or a kind of {kind.name} that is not read"
        ) from error
    except _MALFORMED as error:
        text = " ".join(str(error).lower().split())
        if any(sign in text for sign in _NO_MEMORY):
            raise MemoryError from error
        cut_off = any(sign in text for sign in _CUT_OFF)
        reason = "it is cut off" if cut_off else f"it is broken ({text[:80] or 'no detail'})"
        raise UnreadableImageError(reason, maybe_partial=cut_off) from error


def _decode_whole(
    data: bytes, kind: ImageFormat, max_megapixels: int, edge_px: int | None
) -> Decoded:
    most = max_megapixels * MEGA
    canvas = canvas_of(data, kind)
    if canvas is not None:
        check_pixels(canvas, kind, max_megapixels)
    with open_image(data, kind) as image:
        full = image.size
        check_size(full, kind, max_megapixels)
        times = _reduce_decoding(image, data, kind, most, edge_px)
        image.load()
        if times == 1:  # a HEIC may turn out to have another size once it is decoded
            full = image.size
            check_size(full, kind, max_megapixels)
        orientation = orientation_of(image, kind)
        pixels = to_rgb(image, greys_of(image), divisor(image.size, most))
    turn = _UPRIGHT.get(orientation)  # like ImageOps.exif_transpose, with fewer copies
    if turn is not None:
        pixels = np.asarray(Image.fromarray(pixels).transpose(turn))
    return Decoded(pixels, (full[1], full[0]) if orientation in ON_ITS_SIDE else full)


def _reduce_decoding(
    image: Image.Image, data: bytes, kind: ImageFormat, most: int, edge_px: int | None
) -> int:
    """Let an image be decoded smaller if its format can. Returns the divisor of its edges.

    A JPEG becomes as small as detection allows. A JPEG 2000 takes long to decode a second time for
    its faces, so it becomes smaller only if it has more than *most* pixels.
    """
    width, height = image.size
    share = 1.0 if edge_px is None else share_for(image.size, edge_px)
    times = 1
    while width * height > most * times * times or (kind is JPEG and share * times * 2 <= 1):
        times *= 2
    if kind is JPEG:
        times = min(times, _MOST_TIMES)
        if times > 1:
            image.draft(None, (width // times, height // times))
        return times
    return reduce_jpeg2000(image, data, times) if kind is JPEG2000 else 1
