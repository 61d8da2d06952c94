"""Converts an image of any mode to RGB of 8 bits, and reduces it if it is too large to keep."""

import math

import numpy as np
from PIL import Image

from index.base.errors import UnreadableImageError
from ingest.decoding.openers import Greys
from ingest.interfaces import RgbImage

BAND_PIXELS = 4_000_000  # converted at once; a photo of 12 megapixels takes three bands


def to_rgb(image: Image.Image, greys: Greys, by: int) -> RgbImage:
    """The pixels of *image*, every *by* x *by* of them averaged into one.

    It works band by band, since there may be no memory for a copy of all pixels.

    Args:
        image: loaded.
        greys: see greys_of.
        by: 1 keeps all pixels; edges are rounded up.

    Returns: (height, width, 3), transparency over white.

    Raises:
        UnreadableImageError: this program does not read its kind of colours.
    """
    width, height = image.size
    rows = max(1, BAND_PIXELS // (width * by)) * by
    if by == 1 and rows >= height:
        return np.asarray(_converted(image, greys))
    pixels = np.empty((math.ceil(height / by), math.ceil(width / by), 3), np.uint8)
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height)))
        band = _converted(band, greys)
        if by > 1:
            band = band.reduce(by)
        first = top // by
        pixels[first : first + band.height] = np.asarray(band)
    return pixels


def _converted(image: Image.Image, greys: Greys) -> Image.Image:
    if image.mode.startswith("I;16"):
        return _from_16_bits(image, greys)
    if image.mode in {"I", "F", "LAB"}:
        colours = "Lab colours" if image.mode == "LAB" else "32 bits a colour"
        raise UnreadableImageError(f"it has {colours}, which are not read: save it as JPEG or PNG")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        under = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(under, image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _from_16_bits(image: Image.Image, greys: Greys) -> Image.Image:
    """Grey of 9 to 16 bits. Pillow would clip its values to 255 instead of scaling them."""
    values = np.asarray(image).astype(np.uint32)
    grey = np.minimum(values * 255 // greys.most, 255).astype(np.uint8)
    return Image.fromarray(255 - grey if greys.zero_is_white else grey).convert("RGB")
