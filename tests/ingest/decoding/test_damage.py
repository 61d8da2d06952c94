"""Damaged and forged images: whatever the bytes are, pixels within the limits or the one error.

More of it, and other examples each time: make fuzz, or PERSON_COUNT_FUZZ=EXAMPLES pytest.
"""

import os
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from PIL import Image

from index.base.errors import UnreadableImageError
from index.base.image_formats import FORMATS
from ingest.decoding.decoder_pool import Decoder
from ingest.decoding.pixels import decode, decode_reduced
from ingest.decoding.sizes import MEGA, file_megapixels
from tests.fakes import DECODERS
from tests.ingest.samples import (
    SAMPLES,
    Change,
    changes,
    chunk,
    damaged,
    encoded,
    scene,
)

LIMIT = 1  # megapixels
WANTED = int(os.environ.get("PERSON_COUNT_FUZZ", "0"))
patient = pytest.mark.timeout(0 if WANTED else 120)


def some(examples: int) -> effort:
    """So many examples, always the same ones; or as many new ones as were asked for."""
    return effort(
        max_examples=WANTED or examples, deadline=None, derandomize=not WANTED, database=None
    )


@pytest.mark.parametrize("kind", SAMPLES)
def test_every_sample_is_whole(kind: str) -> None:
    assert decode(SAMPLES[kind], LIMIT).shape in {(24, 32, 3), (32, 24, 3), (72, 96, 3)}


def outcome(
    data: bytes, edge_px: int | None, decoder: Decoder | None = None
) -> tuple[bytes, object] | str:
    """What becomes of a file, in this process unless told so: pixels and size, or the reason."""
    try:
        if decoder is None:
            pixels, (width, height), _ = decode_reduced(data, LIMIT, edge_px)
        else:
            pixels, (width, height), _ = decoder.decode(data, edge_px)
    except UnreadableImageError as error:
        return f"{error} {error.maybe_partial}"
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3
    assert 0 < pixels.shape[0] <= height
    assert 0 < pixels.shape[1] <= width
    assert pixels.shape[0] * pixels.shape[1] <= LIMIT * MEGA
    assert width * height <= max(file_megapixels(kind, LIMIT) for kind in FORMATS) * MEGA
    return pixels.tobytes(), (pixels.shape, width, height)


def read_or_refuse(data: bytes) -> None:
    for edge_px in (None, 16):
        outcome(data, edge_px)


# the process for decoding ignores the warnings of Pillow, which reads much of what it warns of
@pytest.mark.filterwarnings("ignore")
@patient
@pytest.mark.parametrize("kind", SAMPLES)
@given(what=changes, mend=st.booleans())
@some(60)
def test_damaged_bytes_are_read_or_refused_and_nothing_else(
    kind: str, what: list[Change], mend: bool
) -> None:
    read_or_refuse(damaged(SAMPLES[kind], what, mend=mend))


@pytest.mark.filterwarnings("ignore")
@patient
@given(kind=st.sampled_from(list(SAMPLES)), what=changes, mend=st.booleans(), reduced=st.booleans())
@some(400)
def test_the_confined_process_says_what_this_one_says(
    kind: str, what: list[Change], mend: bool, reduced: bool
) -> None:
    # it can import and open nothing, so this also finds what Pillow imports only now and then
    data = damaged(SAMPLES[kind], what, mend=mend)
    edge_px = 16 if reduced else None
    with DECODERS.decoder(LIMIT) as decoder:
        assert outcome(data, edge_px, decoder) == outcome(data, edge_px)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("value", [0x00, 0x7F, 0xFF])
def test_every_single_byte_may_be_wrong(kind: str, value: int) -> None:
    whole = SAMPLES[kind]
    for at in range(min(len(whole), 160)):
        read_or_refuse(whole[:at] + bytes([value]) + whole[at + 1 :])


@patient
@given(st.binary(max_size=200))
@some(100)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read_or_refuse(data)


def exif_of(entries: list[tuple[int, int, int, bytes]]) -> bytes:
    """An EXIF block of (tag, type, count, value or offset) entries, made by hand."""
    body = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries)
    return b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", len(entries)) + body + bytes(4)


@pytest.mark.filterwarnings("ignore")
@patient
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0x0112, 0x8769, 0x8825, 0xA005, 0x02BC, 0x927C, 0x010F, 0x011A]),
            st.integers(0, 14),
            st.sampled_from([0, 1, 2, 4, 99, 2**31]),
            st.binary(min_size=4, max_size=4),
        ),
        min_size=1,
        max_size=4,
    )
)
@some(300)
def test_any_metadata_is_read_or_refused(entries: list[tuple[int, int, int, bytes]]) -> None:
    block = exif_of(entries)
    segment = b"Exif\x00\x00" + block
    photo = SAMPLES["progressive jpeg"]
    head = b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment
    read_or_refuse(photo[:2] + head + photo[2:])
    picture = SAMPLES["alpha png"]
    at = picture.index(b"IDAT") - 4
    read_or_refuse(picture[:at] + chunk(b"eXIf", block) + picture[at:])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("value", [b"6", b"", b"x", b"99999999999999999999", "٦".encode()])
def test_any_orientation_in_xmp_is_read_or_ignored(value: bytes) -> None:
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="' + value + b'"/></x:xmpmeta>'
    for kind, options in (("JPEG", {}), ("WEBP", {}), ("PNG", {})):
        image = Image.fromarray(scene())
        if kind == "PNG":
            text = chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + xmp)
            data = encoded(image, "PNG")
            data = data[:33] + text + data[33:]
        else:
            data = encoded(image, kind, xmp=xmp, **options)
        read_or_refuse(data)
