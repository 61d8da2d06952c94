"""Decoding HEIC, AVIF, TIFF, GIF and JPEG 2000: the right picture of the file, turned once."""

import struct
from io import BytesIO

import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image

from index.base.errors import UnreadableImageError
from index.base.image_formats import ENDINGS, FORMATS, HEIC, MEDIA_TYPES
from ingest.decoding import openers
from ingest.decoding.pixels import decode, decode_reduced
from tests.ingest.decoded import LIMIT, close_to, refused
from tests.ingest.samples import SAMPLES, Pixels, colour_tiff, encoded, scene

LOSSLESS = [
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ("TIFF", {"compression": "packbits"}),
    ("TIFF", {"big_tiff": True}),
    ("JPEG2000", {}),
    ("JPEG2000", {"no_jp2": True}),
    ("JPEG2000", {"tile_size": (32, 32)}),
]
pytestmark = pytest.mark.filterwarnings("ignore")  # of what is cut off, Pillow warns, too
# blocks of one colour each are nearly kept by every codec
FLAT = np.repeat(np.repeat(scene(6, 8), 40, 0), 40, 1)


# --- pixels --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "options"), LOSSLESS)
def test_lossless_formats_give_the_very_pixels(kind: str, options: dict[str, object]) -> None:
    found = decode(encoded(Image.fromarray(scene()), kind, **options), LIMIT)
    np.testing.assert_array_equal(found, scene())


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("HEIF", {"quality": 95, "chroma": 444}),
        ("HEIF", {"quality": 95, "chroma": 444, "tile_size": 64}),
        ("AVIF", {"quality": 95, "subsampling": "4:4:4"}),
        ("JPEG2000", {"irreversible": True, "quality_layers": [5]}),
        ("TIFF", {"compression": "jpeg", "quality": 98}),
    ],
)
def test_lossy_formats_give_nearly_the_pixels(kind: str, options: dict[str, object]) -> None:
    found = decode(encoded(Image.fromarray(FLAT), kind, **options), LIMIT)
    assert found.shape == FLAT.shape
    assert np.abs(found.astype(int) - FLAT).mean() < 6


def test_a_gif_gives_the_pixels_of_its_palette() -> None:
    palette = Image.fromarray((scene() // 64) * 64).quantize(16)
    found = decode(encoded(palette, "GIF"), LIMIT)
    np.testing.assert_array_equal(found, np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "TIFF", "GIF", "JPEG2000"])
def test_grey_becomes_grey_in_three_channels(kind: str) -> None:
    grey = Image.fromarray(FLAT).convert("L")
    expected = np.repeat(np.asarray(grey)[..., None], 3, axis=2)
    options = {"quality": 98} if kind in {"HEIF", "AVIF"} else {}
    found = decode(encoded(grey, kind, **options), LIMIT)
    close_to(found, expected, 12)


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "TIFF", "JPEG2000"])
def test_what_is_transparent_becomes_white(kind: str) -> None:
    pixels = np.dstack([FLAT, np.full(FLAT.shape[:2], 255, np.uint8)])
    pixels[:120, :, 3] = 0
    found = decode(encoded(Image.fromarray(pixels), kind), LIMIT)
    assert found[:80].min() > 250
    assert np.abs(found[160:].astype(int) - FLAT[160:]).mean() < 8


def test_a_transparent_colour_of_a_gif_becomes_white() -> None:
    image = Image.new("P", (64, 48), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.paste(0, (0, 0, 32, 48))
    found = decode(encoded(image, "GIF", transparency=0), LIMIT)
    assert (found[:, :32] == 255).all()
    assert (found[:, 32:] == (255, 0, 0)).all()


def test_a_tiff_in_print_colours_is_read() -> None:
    image = Image.new("RGB", (64, 48), "red").convert("CMYK")
    close_to(decode(encoded(image, "TIFF"), LIMIT), np.full((48, 64, 3), (255, 0, 0), np.uint8), 3)


# --- more than 8 bits ----------------------------------------------------------------------------


def test_sixteen_bit_colours_of_a_tiff_are_scaled() -> None:
    close_to(decode(colour_tiff(scene().astype(np.uint16) * 257), LIMIT), scene(), 1)


@pytest.mark.parametrize("kind", ["TIFF", "JPEG2000"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(kind: str) -> None:
    values = np.repeat(np.linspace(0, 65535, 64).astype(np.uint16)[None, :], 48, axis=0)
    found = decode(encoded(Image.fromarray(values), kind), LIMIT)
    close_to(found, np.repeat((values // 257).astype(np.uint8)[..., None], 3, 2), 1)


def grey_tiff(values: NDArray[np.uint16], *, bits: int, photometric: int) -> bytes:
    """A TIFF made by hand, of one strip of 16-bit *values*, or of 12 bits packed."""
    height, width = values.shape
    if bits == 16:
        pixels = values.astype("<u2").tobytes()
    else:
        pairs = values.reshape(-1, 2).astype(int)
        packed = [pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255]
        pixels = np.stack(packed, axis=1).astype(np.uint8).tobytes()
    count = 9
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric)]
    tags += [(273, 8 + 2 + 12 * count + 4), (277, 1), (278, height), (279, len(pixels))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, count) + entries + bytes(4) + pixels


def test_twelve_bit_grey_of_a_scanner_is_scaled() -> None:
    values = np.repeat(np.linspace(0, 4095, 64).astype(np.uint16)[None, :], 48, axis=0)
    found = decode(grey_tiff(values, bits=12, photometric=1), LIMIT)
    close_to(found, np.repeat((values // 16).astype(np.uint8)[..., None], 3, 2), 1)


def test_sixteen_bit_grey_in_which_0_is_white_is_turned_about() -> None:
    values = np.repeat(np.linspace(0, 65535, 64).astype(np.uint16)[None, :], 48, axis=0)
    found = decode(grey_tiff(values, bits=16, photometric=0), LIMIT)
    close_to(found, np.repeat((255 - values // 257).astype(np.uint8)[..., None], 3, 2), 1)


def test_ten_bit_colours_of_a_heic_are_scaled() -> None:
    values = (FLAT.astype(np.uint16) * 257).tobytes()
    made = pillow_heif.from_bytes("RGB;16", (320, 240), values)
    stream = BytesIO()
    made.save(stream, quality=95, chroma=444)
    found = decode(stream.getvalue(), LIMIT)
    assert np.abs(found.astype(int) - FLAT).mean() < 6


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bits_a_pixel_are_refused_with_what_to_do(mode: str) -> None:
    error = refused(encoded(Image.new(mode, (64, 48)), "TIFF"))
    assert str(error) == "it has 32 bits a colour, which are not read: save it as JPEG or PNG"


def test_lab_colours_are_refused_with_what_to_do() -> None:
    error = refused(encoded(Image.new("LAB", (64, 48)), "TIFF"))
    assert str(error) == "it has Lab colours, which are not read: save it as JPEG or PNG"


# --- which picture -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "AVIF", "HEIF"])
def test_of_several_pictures_the_first_counts(kind: str) -> None:
    first = Image.fromarray(FLAT)
    more = [Image.new("RGB", first.size, name) for name in ("red", "blue")]
    data = encoded(first, kind, save_all=True, append_images=more)
    assert np.abs(decode(data, LIMIT).astype(int) - FLAT).mean() < 8


def test_of_several_pictures_of_a_heic_the_main_one_counts() -> None:
    first = Image.new("RGB", (320, 240), "red")
    data = encoded(
        first, "HEIF", save_all=True, append_images=[Image.fromarray(FLAT)], primary_index=1
    )
    assert np.abs(decode(data, LIMIT).astype(int) - FLAT).mean() < 8


def test_a_thumbnail_in_a_heic_is_never_taken_for_the_photo() -> None:
    data = encoded(Image.fromarray(np.repeat(FLAT, 2, 1)), "HEIF", thumbnails=[200])
    found, size, _ = decode_reduced(data, LIMIT, 100)
    assert size == (640, 240)
    assert found.shape == (240, 640, 3)


# --- orientation ---------------------------------------------------------------------------------

TURNED = {  # what has to be done to the stored pixels, by the standard of EXIF and TIFF
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda stored: np.rot90(stored, 1),
}


def with_exif(kind: str, orientation: int, own: int) -> bytes:
    """A file whose EXIF has one orientation, and whose container another one of its *own*.

    Writers move the tag out of EXIF into the container; so its neighbour is written, and renamed.
    """
    exif = Image.Exif()
    exif[0x0112] = own
    exif[0x0113] = orientation
    data = encoded(Image.fromarray(FLAT), kind, exif=exif.tobytes())
    for order in "<>":
        neighbour, tag = (struct.pack(order + "HHI", tag, 3, 1) for tag in (0x0113, 0x0112))
        data = data.replace(tag, struct.pack(order + "HHI", 0x0111, 3, 1)).replace(neighbour, tag)
    return data


def xmp_of(orientation: int) -> bytes:
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description '
        b'tiff:Orientation="%d"/></x:xmpmeta>' % orientation
    )


def looks_like(found: Pixels, expected: Pixels) -> None:
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 8


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_a_photo_with_an_orientation_in_the_file_and_in_exif_is_turned_once(
    orientation: int, kind: str
) -> None:
    # as phones write it: the container says how to turn it, and EXIF says so again
    data = with_exif(kind, orientation, orientation)
    assert orientation == 1 or b"irot" in data or b"imir" in data
    found, size, _ = decode_reduced(data, LIMIT, None)
    expected = TURNED[orientation](FLAT)
    looks_like(found, expected)
    assert size == (expected.shape[1], expected.shape[0])


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_exif_and_xmp_alone_do_not_turn_what_has_a_place_of_its_own_for_it(kind: str) -> None:
    by_exif = with_exif(kind, 6, 1)
    assert any(struct.pack(order + "HHIH", 0x0112, 3, 1, 6) in by_exif for order in "<>")
    looks_like(decode(by_exif, LIMIT), FLAT)
    by_xmp = encoded(Image.fromarray(FLAT), kind, xmp=xmp_of(1)).replace(xmp_of(1), xmp_of(6))
    assert b'Orientation="6"' in by_xmp
    looks_like(decode(by_xmp, LIMIT), FLAT)


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}])
def test_a_tiff_is_turned_once(orientation: int, options: dict[str, object]) -> None:
    tags = {0x0112: orientation, 700: xmp_of(orientation)}
    data = encoded(Image.fromarray(scene()), "TIFF", tiffinfo=tags, **options)
    found, size, _ = decode_reduced(data, LIMIT, None)
    expected = TURNED[orientation](scene())
    np.testing.assert_array_equal(found, expected)
    assert size == (expected.shape[1], expected.shape[0])


# --- names and contents --------------------------------------------------------------------------


def test_every_format_of_the_list_is_decoded_and_no_other_is_listed() -> None:
    for kind in FORMATS:
        assert decode(encoded(Image.fromarray(scene()), kind.decoder), LIMIT).shape == (48, 64, 3)
    assert len(set(ENDINGS)) == len(ENDINGS)
    assert all(ending == ending.lower() and ending.startswith(".") for ending in ENDINGS)
    assert all(media_type.startswith("image/") for media_type in MEDIA_TYPES)


# --- cut off -------------------------------------------------------------------------------------


def noisy(kind: str) -> bytes:
    """An image of some kilobytes that no format can shorten much."""
    noise = np.random.default_rng(1).integers(0, 255, (60, 60, 3), np.uint8)
    return encoded(Image.fromarray(noise), kind, **({"tile_size": 64} if kind == "HEIF" else {}))


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "TIFF", "GIF", "JPEG2000"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.95])
def test_an_image_that_is_cut_off_may_still_be_on_its_way(kind: str, share: float) -> None:
    whole = noisy(kind)
    error = refused(whole[: int(share * len(whole))])
    assert error.maybe_partial, error
    assert "cut off" in str(error)


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "TIFF", "GIF", "JPEG2000"])
def test_no_image_that_is_cut_off_anywhere_is_taken_for_whole(kind: str) -> None:
    whole = noisy(kind)
    expected = decode(whole, LIMIT)
    for length in [*range(1, len(whole), 97), *range(len(whole) - 8, len(whole))]:
        try:
            found = decode(whole[:length], LIMIT)
        except UnreadableImageError:
            continue
        np.testing.assert_array_equal(found, expected)  # only what does not matter was missing


@pytest.mark.parametrize("kind", [name for name in SAMPLES if "2000" in name])
def test_a_jpeg_2000_cut_off_anywhere_is_refused_or_whole(kind: str) -> None:
    expected = decode(SAMPLES[kind], LIMIT)
    for length in range(100, len(SAMPLES[kind])):
        try:
            found = decode(SAMPLES[kind][:length], LIMIT)
        except UnreadableImageError:
            continue
        np.testing.assert_array_equal(found, expected)


def test_heic_is_refused_with_the_reason_where_decoders_may_start_no_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openers, "without_reader", {HEIC})
    with pytest.raises(UnreadableImageError, match="HEIC image, which is read only if the kernel"):
        decode(SAMPLES["heic"], 10)
    assert decode(SAMPLES["avif"], 10).size
