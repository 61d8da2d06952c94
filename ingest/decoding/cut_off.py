"""Completes JPEGs that are cut off so near their end that they can still be read."""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

MOST_MISSING = 0.05  # of the picture: no key face is hidden in that
END = b"\xff\xd9"

_START_OF_FRAME = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}
_PROGRESSIVE = {0xC2, 0xCA}
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xDA)}
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # in a scan; stuffing and restarts are not
_COEFFICIENTS = 64  # of a block of 8 x 8 pixels; the first is its mean
_LAST_BIT = 1
_GREY = 128  # the decoder fills blocks with it that have no data (ITU-T T.81, A.3.1: level shift)


@dataclass(frozen=True, slots=True)
class _Segment:
    """A part of a JPEG: its marker, its head, and the end of its data."""

    marker: int
    body: bytes
    end: int
    is_followed: bool


@dataclass(frozen=True, slots=True)
class _Scan:
    """One pass over the picture, and the detail that it adds (ITU-T T.81, B.2.3).

    Attributes:
        components: their numbers, such as brightness and two colours.
        first: number of its first coefficient.
        last: of its last one.
        bit: the lowest bit of them that is known afterwards.
        is_finished: something follows it.
    """

    components: bytes
    first: int
    last: int
    bit: int
    is_finished: bool


def with_end(jpeg: bytes) -> bytes | None:
    """A JPEG that was cut off, with an end marker added, if nearly all of its picture is there.

    At most MOST_MISSING of it may be missing; of a progressive one, a part of the last pass, which
    brings the last bit of its finest detail.

    Returns: None if more is missing, or nobody can tell.
    """
    try:
        segments = list(_segments(jpeg))
        components, is_progressive, scans = _scans(segments)
        ended = jpeg[: segments[-1].end] + END
        if is_progressive:
            return ended if _has_last_pass(components, scans) else None
        if len(scans) != 1 or len(scans[0].components) != len(components):
            return None
        return ended if _share_missing(ended) <= MOST_MISSING else None
    except (OSError, ValueError, IndexError, KeyError, struct.error, SyntaxError):
        return None


def _segments(jpeg: bytes) -> Iterator[_Segment]:
    """The segments of a JPEG; the last one may be a scan that is cut off, but no part of a head."""
    at = 2
    while at + 4 <= len(jpeg):
        marker = jpeg[at + 1]
        if jpeg[at] != 0xFF or marker == _END_OF_IMAGE:  # noqa: PLR2004
            return
        if marker in _WITHOUT_LENGTH or marker == 0xFF:  # noqa: PLR2004 - a fill byte
            at += 1 if marker == 0xFF else 2  # noqa: PLR2004
            continue
        (length,) = struct.unpack_from(">H", jpeg, at + 2)
        body = jpeg[at + 4 : at + 2 + length]
        at += 2 + length
        if at > len(jpeg):
            return
        if marker == _START_OF_SCAN:
            found = _NEXT_MARKER.search(jpeg, at)
            at = found.start() if found else len(jpeg)
        yield _Segment(marker, body, at, is_followed=at < len(jpeg))


def _scans(segments: Sequence[_Segment]) -> tuple[bytes, bool, list[_Scan]]:
    """The components of a JPEG, whether it is progressive, and its scans, finished or not."""
    components, is_progressive, scans = b"", False, list[_Scan]()
    for segment in segments:
        body = segment.body
        if segment.marker in _START_OF_FRAME:
            components, is_progressive = body[6::3][: body[5]], segment.marker in _PROGRESSIVE
        elif segment.marker == _START_OF_SCAN:
            count = body[0]
            first, last, bits = body[1 + 2 * count : 4 + 2 * count]
            known = body[1 : 1 + 2 * count : 2]
            scans.append(_Scan(known, first, last, bits & 15, segment.is_followed))
    return components, is_progressive, scans


def _has_last_pass(components: bytes, scans: Sequence[_Scan]) -> bool:
    """Whether the last of *scans* completes the picture, and adds only last bits."""
    finished = [scan for scan in scans if scan.is_finished]
    before, after = (_unknown_bits(components, some) for some in (finished, scans))
    return before <= _LAST_BIT and after == 0


def _unknown_bits(components: bytes, scans: Sequence[_Scan]) -> int:
    """The most bits at the end of a coefficient that are unknown after *scans*."""
    unknown = {component: np.full(_COEFFICIENTS, 99) for component in components}
    for scan in scans:
        for component in scan.components:
            unknown[component][scan.first : scan.last + 1] = scan.bit
    return max(int(bits.max()) for bits in unknown.values())


def _share_missing(jpeg: bytes) -> float:
    """The share of a picture, 0 to 1, without data: it is grey up to the picture's end.

    It is measured at an eighth of the size, where each pixel is the mean of a block.
    """
    with Image.open(BytesIO(jpeg), formats=("JPEG",)) as image:
        image.draft("L", (1, 1))
        if image.mode != "L":
            raise ValueError("its colours cannot be left out")
        blocks = np.asarray(image)
    missing = 0
    for row in blocks[::-1]:
        known = np.flatnonzero(row != _GREY)
        trailing = len(row) - (int(known[-1]) + 1 if len(known) else 0)
        if not trailing:
            break
        missing += trailing
    return missing / blocks.size
