"""JPEGs that lack their end: read when nearly all of the picture is there, refused otherwise."""

import numpy as np
import pytest
from PIL import Image

from index.base.errors import UnreadableImageError
from ingest.decoding.cut_off import MOST_MISSING, with_end
from ingest.decoding.pixels import decode_reduced
from ingest.interfaces import STANDARD
from tests.fakes import DECODERS
from tests.ingest.boxed import faces_in
from tests.ingest.decoded import LIMIT, refused
from tests.ingest.samples import Pixels, encoded


def grain(height: int = 640, width: int = 480) -> Pixels:
    """Noise, so that each row takes about as many bytes; no row is even, and none is grey."""
    return np.random.default_rng(5).integers(0, 255, (height, width, 3), np.uint8)


def photo(**options: object) -> bytes:
    return encoded(Image.fromarray(grain()), "JPEG", quality=80, **options)


KINDS: dict[str, dict[str, object]] = {
    "plain": {},
    "with all colours": {"subsampling": 0},
    "with restarts": {"restart_marker_rows": 2},
    "optimised": {"optimize": True},
    "progressive": {"progressive": True},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("edge_px", [None, 200])
def test_a_photo_that_lacks_its_last_bytes_is_read_with_a_note(
    kind: str, edge_px: int | None
) -> None:
    whole = photo(**KINDS[kind])
    expected, size, is_cut_off = decode_reduced(whole, LIMIT, edge_px)
    assert not is_cut_off
    for missing in (1, 2, 3, 10, 100):
        found, found_size, is_cut_off = decode_reduced(whole[:-missing], LIMIT, edge_px)
        assert is_cut_off
        assert found_size == size
        rows = len(found) * 9 // 10
        difference = np.abs(found[:rows].astype(int) - expected[:rows])
        assert difference.mean() < (3 if kind == "progressive" else 1)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "progressive"])
def test_as_much_may_be_missing_as_is_said_and_no_more(kind: str) -> None:
    whole = photo(**KINDS[kind])
    data = len(whole) - whole.rindex(b"\xff\xda")  # what the rows take
    less, more = (int(share * data) for share in (MOST_MISSING - 0.01, MOST_MISSING + 0.02))
    assert decode_reduced(whole[:-less], LIMIT, None).is_cut_off
    error = refused(whole[:-more])
    assert error.maybe_partial
    assert str(error) == "it is cut off"


def scans_of(jpeg: bytes) -> list[int]:
    return [at for at in range(len(jpeg)) if jpeg[at : at + 2] == b"\xff\xda"]


def test_of_a_progressive_photo_only_the_last_pass_may_be_missing() -> None:
    whole = photo(progressive=True)
    *others, last = scans_of(whole)
    assert len(others) == 9
    for start in others:
        for further in (5, 30):
            assert refused(whole[: start + further]).maybe_partial
    assert refused(whole[: last + 5]).maybe_partial
    assert decode_reduced(whole[: last + 30], LIMIT, None).is_cut_off


def test_a_photo_with_its_colours_in_passes_of_their_own_is_refused() -> None:
    # brightness alone would not show that they are missing
    colours = photo(progressive=True)
    sequential = colours.replace(b"\xff\xc2", b"\xff\xc0")
    assert with_end(sequential[:-100]) is None


def test_a_photo_cut_off_in_its_head_is_refused() -> None:
    whole = photo()
    start = whole.index(b"\xff\xda")
    for length in (2, 4, 20, start // 2, start, start + 5, start + 14):
        refused(whole[:length])


def test_a_grey_photo_is_judged_as_well() -> None:
    whole = encoded(Image.fromarray(grain()).convert("L"), "JPEG", quality=80)
    assert decode_reduced(whole[:-50], LIMIT, None).is_cut_off
    assert refused(whole[: len(whole) // 2]).maybe_partial


def test_a_print_photo_is_refused_since_its_grey_is_unknown() -> None:
    whole = encoded(Image.fromarray(grain()).convert("CMYK"), "JPEG", quality=80)
    assert refused(whole[:-50]).maybe_partial


@pytest.mark.parametrize("orientation", [1, 6])
def test_faces_are_cut_from_such_a_photo(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    cut = photo(exif=exif)[:-200]
    with DECODERS.decoder(LIMIT) as decoder:
        found, size, is_cut_off = decoder.decode(cut, None)
        assert is_cut_off
        assert size == ((640, 480) if orientation == 6 else (480, 640))
        assert found.shape[1::-1] == size
        assert decoder.crops(cut, faces_in([(20.0, 20.0, 200.0, 200.0)]), STANDARD).standard.any()


@pytest.mark.parametrize("kind", KINDS)
def test_wherever_it_is_cut_it_is_refused_or_nearly_whole(kind: str) -> None:
    whole = photo(**KINDS[kind])
    expected = decode_reduced(whole, LIMIT, None).pixels.astype(int)
    read = 0
    for length in range(200, len(whole), len(whole) // 60):
        try:
            found, _, is_cut_off = decode_reduced(whole[:length], LIMIT, None)
        except UnreadableImageError:
            continue
        assert is_cut_off
        read += 1
        rows = int(len(expected) * (1 - MOST_MISSING)) - 16
        # noise has nothing but detail, so that it shows what the last pass brings
        most = 25 if kind == "progressive" else 1
        assert np.abs(found[:rows] - expected[:rows]).mean() < most
    assert 1 <= read <= (30 if kind == "progressive" else 5)
