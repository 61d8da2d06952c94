"""Image files of every kind that is read, made here, and ways to damage them."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pillow_heif
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

pillow_heif.register_heif_opener()  # and its writer

Pixels = NDArray[np.uint8]


def scene(height: int = 48, width: int = 64) -> Pixels:
    """A picture whose corners differ: red, green, blue and grey quarters, with gradients."""
    down, across = np.mgrid[0:height, 0:width]
    pixels = np.zeros((height, width, 3), np.uint8)
    top, left = down < height // 2, across < width // 2
    pixels[top & left] = (200, 20, 20)
    pixels[top & ~left] = (20, 200, 20)
    pixels[~top & left] = (20, 20, 200)
    pixels[~top & ~left] = (120, 120, 120)
    pixels[..., 0] += (down * 40 // height).astype(np.uint8)
    return pixels


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, format=kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    checked = kind + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG made by hand, of rows that begin with their filter's number each."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + data + chunk(b"IEND", b"")


def wide_rows(values: NDArray[np.uint16]) -> bytes:
    """PNG rows of 16-bit *values* (height, …)."""
    return b"".join(b"\x00" + row.astype(">u2").tobytes() for row in values)


def samples() -> dict[str, bytes]:
    """Small files of every kind."""
    image = Image.fromarray(scene(24, 32))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker"
    alpha = image.convert("RGBA")
    alpha.putalpha(image.convert("L"))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    deep = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) * 80
    several = {"save_all": True, "append_images": [image.rotate(90), image.rotate(180)]}
    return {
        "jpeg": encoded(image, "JPEG", exif=exif),
        "grey jpeg": encoded(image.convert("L"), "JPEG", quality=30),
        "jpeg with profile": encoded(image, "JPEG", icc_profile=profile, comment=b"a" * 99),
        "progressive jpeg": encoded(image, "JPEG", progressive=True),
        "jpeg with restarts": encoded(image, "JPEG", subsampling=0, restart_marker_rows=1),
        "cmyk jpeg": encoded(image.convert("CMYK"), "JPEG"),
        "mpo": encoded(image, "MPO", save_all=True, append_images=[image]),
        "png": encoded(image, "PNG", exif=exif, dpi=(72, 72)),
        "png with profile": encoded(image, "PNG", icc_profile=profile),
        "palette png": encoded(image.quantize(8), "PNG", transparency=0),
        "one-bit png": encoded(image.convert("1"), "PNG"),
        "alpha png": encoded(alpha, "PNG"),
        "grey alpha png": encoded(alpha.convert("LA"), "PNG"),
        "16-bit png": png(32, 24, 16, 0, wide_rows(deep)),
        "16-bit colour png": png(32, 24, 16, 2, wide_rows(np.repeat(deep, 3, axis=1))),
        "animated png": encoded(image, "PNG", duration=50, **several),
        "webp": encoded(image, "WEBP", exif=exif, icc_profile=profile),
        "alpha webp": encoded(alpha, "WEBP"),
        "lossless webp": encoded(alpha, "WEBP", lossless=True),
        "animated webp": encoded(image, "WEBP", duration=50, **several),
        "bmp": encoded(image, "BMP"),
        "palette bmp": encoded(image.quantize(8), "BMP"),
        "one-bit bmp": encoded(image.convert("1"), "BMP"),
        "alpha bmp": encoded(alpha, "BMP"),
        **_newer_samples(image, alpha, exif, deep),
    }


def _newer_samples(
    image: Image.Image, alpha: Image.Image, exif: Image.Exif, deep: NDArray[np.uint16]
) -> dict[str, bytes]:
    several = {"save_all": True, "append_images": [image.rotate(90), image.rotate(180)]}
    grey16 = Image.fromarray(deep)
    colours16 = np.repeat(deep[..., None], 3, axis=2).tobytes()
    ten_bits = BytesIO()
    pillow_heif.from_bytes("RGB;16", (32, 24), colours16).save(ten_bits)
    strips = {"compression": "tiff_lzw", "tiffinfo": {278: 5}}  # rows in each
    return {
        "heic": encoded(image, "HEIF", exif=exif.tobytes()),
        "tiled heic": encoded(image.resize((96, 72)), "HEIF", tile_size=64),
        "alpha heic": encoded(alpha, "HEIF"),
        "grey heic": encoded(image.convert("L"), "HEIF"),
        "10-bit heic": ten_bits.getvalue(),
        "several heic": encoded(image, "HEIF", **several),
        "avif": encoded(image, "AVIF", exif=exif),
        "alpha avif": encoded(alpha, "AVIF"),
        "animated avif": encoded(image, "AVIF", **several),
        "tiff": encoded(image, "TIFF", tiffinfo={0x0112: 6}),
        "lzw tiff": encoded(image, "TIFF", **strips),
        "deflate tiff": encoded(alpha, "TIFF", compression="tiff_adobe_deflate"),
        "jpeg tiff": encoded(image, "TIFF", compression="jpeg"),
        "fax tiff": encoded(image.convert("1"), "TIFF", compression="group4"),
        "palette tiff": encoded(image.quantize(8), "TIFF", compression="packbits"),
        "cmyk tiff": encoded(image.convert("CMYK"), "TIFF"),
        "16-bit tiff": encoded(grey16, "TIFF"),
        "16-bit colour tiff": colour_tiff(np.repeat(deep[..., None], 3, axis=2)),
        "big tiff": encoded(image, "TIFF", big_tiff=True),
        "pages tiff": encoded(image, "TIFF", **several),
        "gif": encoded(image.quantize(8), "GIF", transparency=0),
        "animated gif": encoded(image, "GIF", duration=50, **several),
        "jpeg 2000": encoded(image, "JPEG2000"),
        "lossy jpeg 2000": encoded(
            image, "JPEG2000", irreversible=True, quality_layers=[40, 10], tile_size=(16, 16)
        ),
        "alpha jpeg 2000": encoded(alpha, "JPEG2000"),
        "16-bit jpeg 2000": encoded(grey16, "JPEG2000"),
        "jpeg 2000 codestream": encoded(image, "JPEG2000", no_jp2=True),
    }


def colour_tiff(values: NDArray[np.uint16], *, bits: int = 16) -> bytes:
    """A TIFF made by hand, of one strip of (height, width, 3) *values*."""
    height, width = values.shape[:2]
    pixels = values.astype("<u2").tobytes()
    count = 9
    after = 8 + 2 + 12 * count + 4
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 3, after),
        (259, 3, 1, 1),  # not compressed
        (262, 3, 1, 2),  # RGB
        (273, 4, 1, after + 6),
        (277, 3, 1, 3),
        (278, 4, 1, height),
        (279, 4, 1, len(pixels)),
    ]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<IH", 8, count) + entries + bytes(4)
    return head + struct.pack("<HHH", bits, bits, bits) + pixels


SAMPLES = samples()

Change = tuple[str, float, bytes]
_EDGES = [
    bytes(4),
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"\0\0\xff\xff",
    b"\xff\xff",
    b"\1",
]
changes = st.lists(
    st.tuples(
        st.sampled_from(["set", "insert", "delete", "repeat", "cut", "splice"]),
        st.floats(0, 1, exclude_max=True),
        st.binary(min_size=1, max_size=4) | st.sampled_from(_EDGES),
    ),
    min_size=1,
    max_size=6,
)


def damaged(whole: bytes, what: list[Change], *, mend: bool) -> bytes:
    """*whole* with changes made to it; *mend* corrects a PNG's checksums, which hide the rest."""
    data = bytearray(whole)
    others = list(SAMPLES.values())
    for how, where, some in what:
        # most of the structure is at the beginning
        at = int(where * where * len(data)) if data else 0
        if how == "set":
            data[at : at + len(some)] = some
        elif how == "insert":
            data[at:at] = some
        elif how == "delete":
            del data[at : at + some[0]]
        elif how == "repeat":
            data[at:at] = data[at : at + some[0]] * (1 + some[-1] % 4)
        elif how == "cut":
            del data[max(at, 12) :]
        else:
            data[at:at] = others[some[0] % len(others)][at : at + 2 * some[-1]]
    return _mended(bytes(data)) if mend else bytes(data)


def _mended(data: bytes) -> bytes:
    if not data.startswith(b"\x89PNG"):
        return data
    parts, at = [data[:8]], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        if at + 12 + length > len(data):
            break
        parts.append(chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return b"".join([*parts, data[at:]])


def jpeg() -> bytes:
    """A JPEG of noise, in which the fake detector finds nothing."""
    stream = BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    noise[:32] = 255  # a white beginning tells it so
    Image.fromarray(noise).save(stream, format="JPEG", quality=90)
    return stream.getvalue()
