"""Opens a file with the one reader of its format: its header, no pixels yet.

The kind of the file's bytes decides the reader, so no bytes reach two readers. Readers start no
threads if that can be set.
"""

import struct
from io import BytesIO
from typing import NamedTuple

import pillow_heif

# Pillow's readers are imported here because a confined process cannot import them later. Without
# them Pillow would import all the readers that it has.
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,  # noqa: F401
    MpoImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,
    WebPImagePlugin,  # noqa: F401
)

from index.base.errors import UnreadableImageError
from index.base.image_formats import AVIF, HEIC, JPEG2000, TIFF, WEBP, ImageFormat
from ingest.decoding.file_kinds import camera_raw

ORIENTATION = 0x0112  # EXIF tag
CUT_OFF = "unexpected end of the file"

# TIFF tags, and values that only cameras' raw files have
_REDUCED, _PHOTOMETRIC, _BITS, _DNG_VERSION = 254, 262, 258, 50706
_PLACES = ((273, 279), (324, 325))  # offsets and lengths of strips, and of tiles
_MOSAIC = {32803, 34892}
_ZERO_IS_WHITE = 0

# boxes that a complete HEIC, AVIF or JPEG 2000 file must have
_NEEDED_BOXES = {b"ftyp", b"meta", b"mdat", b"moov", b"jp2h", b"jp2c"}

# formats of which no image can be decoded in this process
without_reader: set[ImageFormat] = set()

ImageFile.LOAD_TRUNCATED_IMAGES = False
# Pillow's own limit only warns up to twice its size, and warnings cannot be handled in threads;
# pixels.py checks the size of every image before it decodes the pixels.
Image.MAX_IMAGE_PIXELS = None
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
# an embedded thumbnail may show another picture; the other images are useless here
pillow_heif.register_heif_opener(
    thumbnails=False, depth_images=False, aux_images=False, decode_threads=0
)


def open_image(data: bytes, kind: ImageFormat) -> Image.Image:
    """Read the header of *data*, a file of that *kind*.

    Raises:
        UnreadableImageError: it is a camera's raw file, or cannot be decoded in this process.
        EOFError: a part of it is missing.
        Exception: on malformed bytes Pillow may raise any.
    """
    if kind in without_reader:
        raise UnreadableImageError(
            f"it is a {kind.name} image, which is read only if the kernel has seccomp; "
            "convert it to JPEG"
        )
    if kind in {HEIC, AVIF, JPEG2000}:
        _check_boxes(data)
    if kind is JPEG2000:
        _check_codestream(data)
    elif kind is TIFF:
        _check_tags(data)
    return Image.open(BytesIO(data), formats=(kind.decoder,))


def orientation_of(image: Image.Image, kind: ImageFormat) -> object:
    """The orientation that a loaded image still needs, as a value of EXIF's tag, or None.

    HEIC, AVIF and TIFF store it themselves, and EXIF or XMP must not turn them again. libheif and
    Pillow's TIFF reader turn the pixels; Pillow's AVIF reader writes the orientation into EXIF.
    """
    if kind in {HEIC, TIFF}:
        return None
    if kind is AVIF:
        image.info.pop("xmp", None)
    return image.getexif().get(ORIENTATION)


def canvas_of(data: bytes, kind: ImageFormat) -> tuple[int, int] | None:
    """Width and height in a WebP file's header, to check before libwebp takes memory for them."""
    if kind is not WEBP:
        return None
    if data[12:16] == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if data[12:16] == b"VP8 ":
        width, height = (int.from_bytes(data[at : at + 2], "little") for at in (26, 28))
        return width & 0x3FFF, height & 0x3FFF
    return None


class Greys(NamedTuple):
    """The meaning of a grey image's values of 9 to 16 bits: 0 to *most*, black to white or back."""

    most: int
    zero_is_white: bool


def greys_of(image: Image.Image) -> Greys:
    """The meaning of an image's values, if its mode is I;16; only TIFF has several."""
    tags = getattr(image, "tag_v2", None)
    if tags is None:
        return Greys(0xFFFF, zero_is_white=False)
    bits = min(16, max(8, tags.get(_BITS, (16,))[0]))
    return Greys((1 << bits) - 1, zero_is_white=tags.get(_PHOTOMETRIC) == _ZERO_IS_WHITE)


def reduce_jpeg2000(image: Image.Image, data: bytes, times: int) -> int:
    """Let a JPEG 2000 image be decoded up to *times* smaller. Returns by how many times.

    Each stored level of its wavelet transform can halve it once.
    """
    if not isinstance(image, Jpeg2KImagePlugin.Jpeg2KImageFile):
        return 1
    levels = min(times.bit_length() - 1, _wavelet_levels(data))
    image.reduce = levels
    return 1 << levels


def _wavelet_levels(data: bytes) -> int:
    """The wavelet levels of a JPEG 2000 codestream, in its main header (ISO 15444-1, A.6.1)."""
    at = data.find(b"\xff\x4f\xff\x51") + 2
    while 2 <= at < len(data) - 9 and data[at] == 0xFF and data[at + 1] != 0x90:  # noqa: PLR2004
        if data[at + 1] == 0x52:  # noqa: PLR2004 - COD, coding style default
            return data[at + 9]
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return 0


def _check_boxes(data: bytes) -> None:
    """Raise EOFError if a box of a container ends after the file; readers may overlook that."""
    at = 0
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if length == 1 and at + 16 <= len(data):
            (length,) = struct.unpack_from(">Q", data, at + 8)
        if length == 0 or (name not in _NEEDED_BOXES and not name.isalnum()):
            return
        if at + length > len(data) and name in _NEEDED_BOXES:
            raise EOFError(CUT_OFF)
        at += max(length, 8)


def _check_codestream(data: bytes) -> None:
    """Raise EOFError if a JPEG 2000 codestream has no end marker: its rest would become black.

    No packet can hold the marker's bytes (ISO 15444-1, B.10.1).
    """
    first_tile = data.find(b"\xff\x90", data.find(b"\xff\x4f\xff\x51"))
    if first_tile < 0 or data.find(b"\xff\xd9", first_tile) < 0:
        raise EOFError(CUT_OFF)


def _check_tags(data: bytes) -> None:
    """Check a TIFF's first page: it must be complete, and no camera's raw file."""
    head = data[:16] if data[2:3] == b"+" or data[3:4] == b"+" else data[:8]
    tags = TiffImagePlugin.ImageFileDirectory_v2(head)
    if tags.next >= len(data):
        raise EOFError(CUT_OFF)
    stream = BytesIO(data)
    stream.seek(tags.next)
    tags.load(stream)
    if _DNG_VERSION in tags or tags.get(_PHOTOMETRIC) in _MOSAIC or tags.get(_REDUCED, 0) & 1:
        raise camera_raw()
    for begin, length in _PLACES:
        begins, lengths = tags.get(begin) or (), tags.get(length) or ()
        if any(first + size > len(data) for first, size in zip(begins, lengths, strict=False)):
            raise EOFError(CUT_OFF)
