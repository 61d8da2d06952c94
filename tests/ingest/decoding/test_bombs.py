"""Files made to use up memory or time: small to drop, large to decode, or lying."""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from index.base.errors import UnreadableImageError
from ingest.decoding import pixels
from ingest.decoding import sandbox as module
from ingest.decoding.decoder_pool import Decoder, Decoders
from tests.ingest.samples import SAMPLES, chunk, encoded, png, scene

LIMIT = 50  # megapixels, the default
ROWS = (b"\x00" + bytes(64)) * 48  # of a grey PNG, 64 x 48
MODEST_MIB = 150  # what refusing a file may take, the interpreter included


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    """A process that has decoded nothing yet, and must be the same one afterwards."""
    decoders = Decoders()
    with decoders.decoder(LIMIT) as borrowed:
        borrowed.decode(encoded(Image.fromarray(scene()), "PNG"), None)
        before = borrowed.sandbox
        yield borrowed
        assert borrowed.sandbox is before
    decoders.close()


def peak_mib(decoder: Decoder) -> int:
    assert decoder.sandbox is not None
    status = Path(f"/proc/{decoder.sandbox._process.pid}/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def refused(decoder: Decoder, data: bytes) -> str:
    with pytest.raises(UnreadableImageError) as caught:
        decoder.decode(data, 2000)
    assert peak_mib(decoder) < MODEST_MIB
    return str(caught.value)


@pytest.fixture(scope="module")
def packed() -> bytes:
    """200 kilobytes that unpack to 200 megabytes."""
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(bytes(1_000_000)) for _ in range(200)), packer.flush()])


def test_a_picture_of_225_megapixels_is_refused_unread(decoder: Decoder) -> None:
    stream = BytesIO()
    Image.new("1", (15_000, 15_000)).save(stream, format="PNG")
    assert len(stream.getvalue()) < 50_000
    assert "15000x15000 pixels are more than the 200 million" in refused(decoder, stream.getvalue())


def test_more_pixel_data_than_the_picture_has_is_not_unpacked(
    decoder: Decoder, packed: bytes
) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 48, 8, 0, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    found, size, _ = decoder.decode(data, 2000)
    assert size == (64, 48)
    assert not found.any()
    assert peak_mib(decoder) < MODEST_MIB


@pytest.mark.parametrize(
    ("kind", "before"),
    [
        (b"iCCP", b"profile\x00\x00"),
        (b"zTXt", b"Comment\x00\x00"),
        (b"iTXt", b"Comment\x00\x01\x00\x00\x00"),
    ],
)
def test_metadata_that_unpacks_to_very_much_is_not_unpacked(
    decoder: Decoder, packed: bytes, kind: bytes, before: bytes
) -> None:
    try:
        _, size, _ = decoder.decode(png(64, 48, 8, 0, ROWS, chunk(kind, before + packed)), 2000)
        assert size == (64, 48)
    except UnreadableImageError as error:
        assert "broken" in str(error)  # noqa: PT017 - either is right
    assert peak_mib(decoder) < MODEST_MIB


def test_many_small_bombs_of_metadata_are_together_too_large(decoder: Decoder) -> None:
    packed = zlib.compress(bytes(1_000_000), 9)
    many = chunk(b"zTXt", b"Comment\x00\x00" + packed) * 2000  # two gigabytes
    refused(decoder, png(64, 48, 8, 0, ROWS, many))


@pytest.mark.parametrize(("width", "height"), [(65_500, 65_500), (15_000, 14_000)])
def test_a_jpeg_that_promises_more_than_is_allowed_is_refused(
    decoder: Decoder, width: int, height: int
) -> None:
    data = bytearray(encoded(Image.fromarray(scene()), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    assert refused(decoder, bytes(data))


def test_a_jpeg_of_thousands_of_scans_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # each scan is a few bytes and goes over all pixels: the cheapest way to keep a decoder busy
    monkeypatch.setattr(module, "processor_seconds", lambda *_: 1)
    monkeypatch.setattr(module, "PATIENCE", 60)
    data = encoded(Image.new("L", (3000, 3000), 90), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    bomb = data[:last] + data[last:-2] * 5000 + data[-2:]
    decoders = Decoders()
    with (
        decoders.decoder(LIMIT) as decoder,
        pytest.raises(UnreadableImageError, match="longer than 1 s of computing"),
    ):
        decoder.decode(bomb, None)
    decoders.close()


@pytest.mark.parametrize("options", [{}, {"lossless": True}])
def test_a_webp_that_lies_about_its_size_is_refused(
    decoder: Decoder, options: dict[str, object]
) -> None:
    data = bytearray(encoded(Image.fromarray(scene()), "WEBP", **options))
    for at in range(20, 34):  # the frame's header, whichever kind it is
        forged = data[:at] + b"\xff\xff" + data[at + 2 :]
        try:
            found, (width, height), _ = decoder.decode(bytes(forged), None)
            assert found.shape == (height, width, 3)
        except UnreadableImageError as error:
            assert str(error)  # noqa: PT017 - either is right
    canvas = encoded(Image.fromarray(scene()), "WEBP", exif=Image.Exif().tobytes(), **options)
    at = canvas.index(b"VP8X") + 12
    for size in (b"\xff\x3f\0\xff\x3f\0", b"\xff" * 6):
        assert "max_megapixels: 50 allows a WebP" in refused(
            decoder, canvas[:at] + size + canvas[at + 6 :]
        )
    assert refused(decoder, canvas[:at] + b"\xff\x07\0\xff\x07\0" + canvas[at + 6 :])


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": Image.Exif().tobytes()}])
def test_a_large_webp_is_refused_by_its_pixels(
    decoder: Decoder, options: dict[str, object]
) -> None:
    data = encoded(Image.new("RGB", (9_000, 9_000)), "WEBP", method=0, **options)
    assert "9000x9000 pixels are more than the 80 million" in refused(decoder, data)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_of_a_long_animation_only_the_first_frame_is_decoded(decoder: Decoder, kind: str) -> None:
    rng = np.random.default_rng(1)
    frames = [Image.fromarray(rng.integers(0, 255, (200, 300, 3), np.uint8)) for _ in range(3)]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:] * 60, **options)
    found, *_ = decoder.decode(data, None)
    np.testing.assert_array_equal(found, np.asarray(frames[0]))
    assert peak_mib(decoder) < MODEST_MIB


def test_a_bmp_that_promises_more_than_it_has_is_refused(decoder: Decoder) -> None:
    data = bytearray(encoded(Image.fromarray(scene()), "BMP"))
    for width, height in ((15_000, 15_000), (2**31 - 1, 2**31 - 1), (60_000, 30), (-5, -5)):
        data[18:26] = struct.pack("<ii", width, height)
        refused(decoder, bytes(data))


@pytest.mark.parametrize(
    "data",
    [
        b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY a 'aaaa'>]><svg>&a;</svg>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(id) run\n",
        b"%PDF-1.7\n",
        b"8BPS\x00\x01" + bytes(100),
        b"\x00\x00\x00\x20ftypqt  " + bytes(100),
    ],
)
def test_other_formats_reach_no_parser(
    decoder: Decoder, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixels, "open_image", None)
    with pytest.raises(UnreadableImageError, match="it is "):
        pixels.decode(data, LIMIT)
    assert "it is " in refused(decoder, data)


@pytest.mark.parametrize(
    "data",
    [
        SAMPLES["heic"].replace(struct.pack(">II", 64, 64), struct.pack(">II", 40_000, 40_000)),
        SAMPLES["avif"].replace(struct.pack(">II", 32, 24), struct.pack(">II", 30_000, 30_000)),
        SAMPLES["jpeg 2000"].replace(
            struct.pack(">II", 32, 24), struct.pack(">II", 60_000, 60_000)
        ),
        SAMPLES["lzw tiff"]
        .replace(struct.pack("<HHIH", 256, 3, 1, 32), struct.pack("<HHIH", 256, 3, 1, 60_000))
        .replace(struct.pack("<HHIH", 257, 3, 1, 24), struct.pack("<HHIH", 257, 3, 1, 60_000)),
        SAMPLES["gif"][:6] + b"\xff\xff\xff\xff" + SAMPLES["gif"][10:],
    ],
    ids=["heic", "avif", "jpeg 2000", "tiff", "gif"],
)
def test_newer_formats_that_promise_more_than_they_have_are_refused(
    decoder: Decoder, data: bytes
) -> None:
    assert data not in SAMPLES.values()
    refused(decoder, data)


@pytest.mark.parametrize("compression", ["tiff_adobe_deflate", "tiff_lzw", "packbits", "group4"])
def test_a_tiff_that_unpacks_to_200_megapixels_is_kept_within_its_memory(
    decoder: Decoder, compression: str
) -> None:
    mode = "1" if compression == "group4" else "L"
    data = encoded(Image.new(mode, (14_000, 14_000)), "TIFF", compression=compression)
    assert len(data) < 4_000_000
    found, size, _ = decoder.decode(data, None)
    assert size == (14_000, 14_000)
    assert found.shape == (7_000, 7_000, 3)
    assert peak_mib(decoder) < 700


def test_a_gif_that_unpacks_to_190_megapixels_is_kept_within_its_memory(decoder: Decoder) -> None:
    data = encoded(Image.new("P", (14_000, 14_000)), "GIF")
    assert len(data) < 2_000_000
    assert decoder.decode(data, None)[1] == (14_000, 14_000)
    assert peak_mib(decoder) < 700


def test_many_pages_of_a_tiff_are_not_read(decoder: Decoder) -> None:
    first = Image.fromarray(scene())
    pages = [Image.new("RGB", (50, 50))] * 300
    found, *_ = decoder.decode(encoded(first, "TIFF", save_all=True, append_images=pages), None)
    np.testing.assert_array_equal(found, scene())
    assert peak_mib(decoder) < MODEST_MIB


def test_pages_of_a_tiff_in_a_circle_end(decoder: Decoder) -> None:
    data = encoded(Image.fromarray(scene()), "TIFF")
    (first,) = struct.unpack_from("<I", data, 4)
    (tags,) = struct.unpack_from("<H", data, first)
    after = first + 2 + 12 * tags
    found, *_ = decoder.decode(data[:after] + data[4:8] + data[after + 4 :], None)
    np.testing.assert_array_equal(found, scene())
