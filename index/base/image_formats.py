"""The image formats that are read: the one list for ingest, uploads, the page and the documents."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """A format whose files are photos.

    Attributes:
        name: the usual name.
        decoder: Pillow's name for its reader.
        endings: of its files' names, in lower case; the first is the usual one.
        media_types: browsers' names for it.
        bytes_per_pixel: memory that decoding takes for each pixel of the file, besides the file
            itself, measured by benchmarks/decoding.py; for formats that can be decoded reduced, the
            memory that this does not save. Rare kinds take more (HEIC of 10 bits with alpha: 25).
            If that is more than the decoder may have, it refuses the file.
        shown: the part that is read of a file that may hold several pictures, or None.
    """

    name: str
    decoder: str
    endings: tuple[str, ...]
    media_types: tuple[str, ...]
    bytes_per_pixel: int
    shown: str | None = None


JPEG = ImageFormat("JPEG", "JPEG", (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), ("image/jpeg",), 8)
PNG = ImageFormat("PNG", "PNG", (".png",), ("image/png",), 8)
WEBP = ImageFormat("WebP", "WEBP", (".webp",), ("image/webp",), 20, "the first frame")
HEIC = ImageFormat(
    "HEIC", "HEIF", (".heic", ".heif", ".hif"), ("image/heic", "image/heif"), 14, "the main picture"
)
AVIF = ImageFormat("AVIF", "AVIF", (".avif",), ("image/avif",), 14, "the first frame")
TIFF = ImageFormat("TIFF", "TIFF", (".tif", ".tiff"), ("image/tiff",), 8, "the first page")
GIF = ImageFormat("GIF", "GIF", (".gif",), ("image/gif",), 8, "the first frame")
JPEG2000 = ImageFormat(
    "JPEG 2000", "JPEG2000", (".jp2", ".j2k", ".jpf", ".jpx"), ("image/jp2", "image/jpx"), 8
)
BMP = ImageFormat("BMP", "BMP", (".bmp",), ("image/bmp",), 8)

FORMATS = (JPEG, PNG, WEBP, HEIC, AVIF, TIFF, GIF, JPEG2000, BMP)
ENDINGS = tuple(ending for kind in FORMATS for ending in kind.endings)
MEDIA_TYPES = tuple(media_type for kind in FORMATS for media_type in kind.media_types)


def named(joiner: str) -> str:
    """The formats in a sentence, the last two joined by *joiner*, such as "and"."""
    *names, last = (kind.name for kind in FORMATS)
    return f"{', '.join(names)} {joiner} {last}"
