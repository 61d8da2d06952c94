"""Finds the kind of a file by its bytes: a format that is read, another known kind, or neither."""

from index.base.errors import UnreadableImageError
from index.base.image_formats import (
    AVIF,
    BMP,
    GIF,
    HEIC,
    JPEG,
    JPEG2000,
    PNG,
    TIFF,
    WEBP,
    ImageFormat,
    named,
)

_SAVE = "save it as JPEG or PNG"
_DEVELOP = "export a JPEG from it"
# the first bytes of formats that are read; _container() tells those that share a container
_READ: tuple[tuple[bytes, ImageFormat], ...] = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),  # BigTIFF
    (b"MM\0+", TIFF),
    (b"\0\0\0\x0cjP  \r\n\x87\n", JPEG2000),
    (b"\xff\x4f\xff\x51", JPEG2000),
    (b"BM", BMP),
)
# other kinds: a position in the file, the bytes there, the kind, and the cure if it is an image
_OTHERS: tuple[tuple[int, bytes, str, str | None], ...] = (
    (0, b"\xff\x0a", "a JPEG XL image", _SAVE),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image", _SAVE),
    (0, b"8BPS", "a Photoshop document (PSD)", _SAVE),
    (0, b"gimp xcf", "a GIMP document (XCF)", _SAVE),
    (0, b"FUJIFILMCCD-RAW", "a camera's raw file (RAF)", _DEVELOP),
    (0, b"IIRO", "a camera's raw file (ORF)", _DEVELOP),
    (0, b"IIRS", "a camera's raw file (ORF)", _DEVELOP),
    (0, b"MMOR", "a camera's raw file (ORF)", _DEVELOP),
    (0, b"IIU\0", "a camera's raw file (RW2)", _DEVELOP),
    (0, b"FOVb", "a camera's raw file (X3F)", _DEVELOP),
    (0, b"\0MRM", "a camera's raw file (MRW)", _DEVELOP),
    (0, b"\0\0\1\0", "an icon (ICO)", _SAVE),
    (0, b"qoif", "a QOI image", _SAVE),
    (0, b"v/1\x01", "an OpenEXR image", _SAVE),
    (0, b"#?RADIANCE", "a Radiance HDR image", _SAVE),
    (0, b"DDS ", "a DirectDraw surface (DDS)", _SAVE),
    *((0, b"P%d\n" % number, "a PNM image", _SAVE) for number in range(1, 7)),
    (0, b"%PDF", "a PDF document", "save its pictures as JPEG or PNG"),
    (0, b"%!PS", "a PostScript document", _SAVE),
    (0, b"\x1aE\xdf\xa3", "a video", None),
    (0, b"FLV\1", "a video", None),
    (0, b"\0\0\1\xba", "a video", None),
    (0, b"0&\xb2u\x8ef\xcf\x11", "a video", None),
    (8, b"AVI ", "a video", None),
    (4, b"moov", "a video", None),
    (4, b"mdat", "a video", None),
    (4, b"wide", "a video", None),
    (8, b"WAVE", "a sound", None),
    (0, b"ID3", "a sound", None),
    (0, b"OggS", "a sound or a video", None),
    (0, b"fLaC", "a sound", None),
    (0, b"PK\3\4", "a ZIP archive", "unpack it"),
    (0, b"Rar!", "a RAR archive", "unpack it"),
    (0, b"7z\xbc\xaf'\x1c", "a 7z archive", "unpack it"),
    (0, b"\x1f\x8b", "compressed by gzip", "unpack it"),
    (0, b"\xfd7zXZ", "compressed by xz", "unpack it"),
    (257, b"ustar", "a TAR archive", "unpack it"),
    (0, b"\xd0\xcf\x11\xe0", "an OLE file, such as Thumbs.db", None),
    (0, b"bplist", "a property list", None),
    (0, b"SQLite format 3", "a database", None),
    (0, b"\x7fELF", "a program", None),
    (0, b"MZ", "a program", None),
)
_MARKUP: tuple[tuple[bytes, str, str | None], ...] = (  # in the first bytes of a text
    (b"<svg", "an SVG drawing", _SAVE),
    (b"<plist", "a property list", None),
    (b"<x:xmpmeta", "photo metadata (XMP)", None),
    (b"<html", "a web page", None),
    (b"<!doctype html", "a web page", None),
)
# brands in the container that HEIC, AVIF, some raw files and most videos share
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AVIF_BRANDS = {b"avif", b"avis"}
_ANY_CODING = {b"mif1", b"msf1"}  # then one of the compatible brands tells
_BRAND_BYTES = 256
_FIRST_OF_TEXT = 1024
_UNPRINTED = frozenset(range(32)) - set(b"\t\n\r\f\x1b")


def format_of(data: bytes) -> ImageFormat:
    """The format of a file's bytes.

    Raises:
        UnreadableImageError: it is not read; the text names its kind if that is known.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    if data[4:8] == b"ftyp":
        return _container(data)
    if data[:4] in {b"II*\0", b"MM\0*"} and data[8:10] == b"CR":
        raise _refusal("a camera's raw file (CR2)", _DEVELOP)
    for beginning, kind in _READ:
        if data.startswith(beginning):
            return kind
    raise _unread(data)


def _container(data: bytes) -> ImageFormat:
    length = min(int.from_bytes(data[:4]), _BRAND_BYTES)
    brand = data[8:12]
    others = {data[at : at + 4] for at in range(16, length, 4)}
    if brand in _AVIF_BRANDS or (brand in _ANY_CODING and others & _AVIF_BRANDS):
        return AVIF
    if brand in _HEIC_BRANDS or (brand in _ANY_CODING):
        return HEIC
    if brand == b"crx ":
        raise _refusal("a camera's raw file (CR3)", _DEVELOP)
    raise _refusal("a video", None)


def _unread(data: bytes) -> UnreadableImageError:
    for at, there, kind, cure in _OTHERS:
        if data.startswith(there, at):
            return _refusal(kind, cure)
    if not data.strip(b"\0"):
        return UnreadableImageError("it holds nothing but zeros, as after a copy that failed")
    first = data[:_FIRST_OF_TEXT]
    if first.strip() and not _UNPRINTED & set(first):
        for sign, kind, cure in _MARKUP:
            if sign in first.lower():
                return _refusal(kind, cure)
        return _refusal("a text", None)
    return UnreadableImageError(f"it is no {named('or')} image")


def _refusal(kind: str, cure: str | None) -> UnreadableImageError:
    what_to_do = f", which is not read: {cure}" if cure else ", not a photo"
    no_photo = cure not in {_SAVE, _DEVELOP}
    return UnreadableImageError(f"it is {kind}{what_to_do}", no_photo=no_photo)


def camera_raw() -> UnreadableImageError:
    """The refusal of a raw file in TIFF form, which only its tags reveal."""
    return _refusal("a camera's raw file", _DEVELOP)
