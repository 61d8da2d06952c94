"""Turns bytes into pixels: RGB uint8, upright, within the limits."""

import struct
from io import BytesIO

import numpy as np

# The readers of MPO and WebP are imported here because a confined process cannot import them later.
# Without them Pillow would import the readers of all its formats.
from PIL import (
    Image,
    ImageFile,
    MpoImagePlugin,  # noqa: F401
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)

from index.base.errors import UnreadableImageError
from ingest.interfaces import RgbImage

FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
MAX_EDGE_PX = 20_000
MIN_EDGE_PX = 20
MEGA = 1_000_000
ORIENTATION = 0x0112  # EXIF tag
ON_ITS_SIDE = (5, 6, 7, 8)  # its values for images that have to be turned by 90 degrees
# how to turn the image for each of its values, by the EXIF standard
_UPRIGHT: dict[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

ImageFile.LOAD_TRUNCATED_IMAGES = False
# Pillow's own limit only warns up to twice its size, and warnings cannot be handled in threads;
# _check_size below looks at every image before its pixels are decoded.
Image.MAX_IMAGE_PIXELS = None

# Pillow raises these on malformed input, besides its own UnidentifiedImageError (an OSError).
_MALFORMED = (
    OSError,
    SyntaxError,
    ValueError,
    struct.error,
    EOFError,
    IndexError,
    KeyError,
    AssertionError,  # a palette image without a palette
)
_CUT_OFF = (
    "truncated",
    "unrecognized data stream",
    "not enough image data",
    "unexpected end",
    "could not create decoder object",  # Pillow's text for half a WebP file
)


def decode(data: bytes, max_megapixels: int) -> RgbImage:
    """Decode the first frame of a JPEG, PNG, WebP or BMP file, in full; see decode_reduced."""
    return decode_reduced(data, max_megapixels, None)[0]


def decode_reduced(
    data: bytes, max_megapixels: int, edge_px: int | None
) -> tuple[RgbImage, tuple[int, int]]:
    """Decode the first frame of a JPEG, PNG, WebP or BMP file.

    Args:
        data: the whole file.
        max_megapixels: larger images are refused before their pixels are decoded.
        edge_px: a JPEG is halved, quartered or divided by 8 while decoding, as long as its longest
            edge stays at least this; None decodes in full.

    Returns: the pixels (height, width, 3), upright by the EXIF orientation, transparency over
        white, read-only; and the full image's width and height, upright.

    Raises:
        UnreadableImageError: it has another format, is broken, or is too large or too small.
        MemoryError: it needs more memory than the process may take.
    """
    if not data:
        raise UnreadableImageError("it is empty", maybe_partial=True)
    try:
        _check_canvas(data, max_megapixels)
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            _check_size(*image.size, max_megapixels)
            width, height = image.size
            if edge_px is not None:
                share = min(1.0, edge_px / max(width, height))
                image.draft(None, (max(1, int(width * share)), max(1, int(height * share))))
            image.load()
            orientation = image.getexif().get(ORIENTATION)
            turn = _UPRIGHT.get(orientation)  # like ImageOps.exif_transpose, with fewer copies
            pixels = _to_rgb(image if turn is None else image.transpose(turn))
            return pixels, (height, width) if orientation in ON_ITS_SIDE else (width, height)
    except UnidentifiedImageError as error:
        raise UnreadableImageError("it is no JPEG, PNG, WebP or BMP image") from error
    except _MALFORMED as error:
        text = str(error).lower()
        cut_off = any(sign in text for sign in _CUT_OFF)
        reason = "it is cut off" if cut_off else f"it is broken ({text[:80] or 'no detail'})"
        raise UnreadableImageError(reason, maybe_partial=cut_off) from error


def _check_canvas(data: bytes, max_megapixels: int) -> None:
    """Check a WebP file's header before libwebp reads it and takes memory for all its pixels."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return
    width = height = 0
    if data[12:16] == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
    elif data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif data[12:16] == b"VP8 ":
        width = int.from_bytes(data[26:28], "little") & 0x3FFF
        height = int.from_bytes(data[28:30], "little") & 0x3FFF
    _check_pixels(width, height, max_megapixels)


def _check_pixels(width: int, height: int, max_megapixels: int) -> None:
    if width * height > max_megapixels * MEGA:
        raise UnreadableImageError(
            f"its {width}x{height} pixels are more than the {max_megapixels} million allowed"
        )


def _check_size(width: int, height: int, max_megapixels: int) -> None:
    _check_pixels(width, height, max_megapixels)
    if max(width, height) > MAX_EDGE_PX or min(width, height) < MIN_EDGE_PX:
        raise UnreadableImageError(
            f"its {width}x{height} pixels are not between {MIN_EDGE_PX} and {MAX_EDGE_PX} a side"
        )


def _to_rgb(image: Image.Image) -> RgbImage:
    if image.mode.startswith("I"):
        # Pillow would clip 16-bit values to 255 instead of scaling them by 65535 / 255
        grey = np.clip(np.asarray(image) // 257, 0, 255).astype(np.uint8)
        return np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
