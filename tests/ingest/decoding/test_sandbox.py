"""Decoding in a confined process: the same pixels, nothing else in it, gone with its parent."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from index.base.errors import DecoderUnavailableError, UnreadableImageError
from ingest.decoding import sandbox as module
from ingest.decoding import sandbox_process
from ingest.decoding.crops import align_faces, crop_faces
from ingest.decoding.decoder_pool import Decoder, Decoders
from ingest.decoding.pixels import decode, decode_reduced
from ingest.interfaces import STANDARD, Framing
from tests.crash.processes import has_ended
from tests.fakes import DECODERS
from tests.ingest.boxed import ALIGNED, faces_in
from tests.ingest.samples import SAMPLES, encoded, scene
from tests.ingest.sandboxed import HOSTILE, LIMIT, PHOTO, is_well, pid, reason
from tests.waiting import wait_until

# --- the same pixels -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("edge_px", [None, 16])
def test_every_format_has_the_same_pixels_as_without(kind: str, edge_px: int | None) -> None:
    expected, expected_size, _ = decode_reduced(SAMPLES[kind], LIMIT, edge_px)
    with DECODERS.decoder(LIMIT) as confined:
        found, size, _ = confined.decode(SAMPLES[kind], edge_px)
    np.testing.assert_array_equal(found, expected)
    assert size == expected_size
    assert found.flags.c_contiguous
    assert found.flags.writeable
    assert found.flags.owndata or found.base.flags.owndata  # nothing can change it afterwards


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_photo_has_the_same_pixels_and_crops_as_without(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(scene(2200, 4100)), "JPEG", quality=80, exif=exif)
    boxes = [(700.5, 800.25, 900.0, 1100.0), (-5.0, 10.0, 95.5, 130.0), (50.0, 60.0, 51.0, 61.0)]
    with DECODERS.decoder(LIMIT) as confined:
        found, size, _ = confined.decode(data, 2000)
        crops = confined.crops(data, faces_in(boxes), STANDARD)
        aligned = confined.crops(data, faces_in(boxes), ALIGNED)
    expected, expected_size, _ = decode_reduced(data, LIMIT, 2000)
    assert max(found.shape) == 2050
    np.testing.assert_array_equal(found, expected)
    assert size == expected_size
    full = decode(data, LIMIT)
    np.testing.assert_array_equal(crops.standard, crop_faces(full, boxes))
    assert crops.framed is crops.standard
    landmarks = [face.landmarks for face in faces_in(boxes)]
    np.testing.assert_array_equal(aligned.standard, crops.standard)
    np.testing.assert_array_equal(aligned.framed, align_faces(full, landmarks, ALIGNED.edge_px))


def test_more_crops_than_fit_at_once_come_in_parts() -> None:
    boxes = [(float(n % 40), float(n % 20), n % 40 + 20.0, n % 20 + 20.0) for n in range(90)]
    with DECODERS.decoder(1) as confined:
        found = confined.crops(PHOTO, faces_in(boxes), ALIGNED)
        assert confined.sandbox is not None
        assert confined.sandbox.most_faces(ALIGNED) < 45
    np.testing.assert_array_equal(found.standard, crop_faces(scene(), boxes))
    landmarks = [face.landmarks for face in faces_in(boxes)]
    np.testing.assert_array_equal(found.framed, align_faces(scene(), landmarks, ALIGNED.edge_px))


def test_the_largest_crop_that_a_description_allows_fits() -> None:
    largest = Framing(1024, None)
    (face,) = faces_in([(5.0, 5.0, 60.0, 60.0)])
    with DECODERS.decoder(1) as confined:
        found = confined.crops(PHOTO, [face], largest)
    np.testing.assert_array_equal(found.framed, align_faces(scene(), [face.landmarks], 1024))


def test_pixels_outlive_the_next_file() -> None:
    with DECODERS.decoder(LIMIT) as confined:
        found, *_ = confined.decode(PHOTO, None)
        confined.decode(encoded(Image.new("RGB", (64, 48), "red"), "PNG"), None)
    np.testing.assert_array_equal(found, scene())


def test_a_file_larger_than_the_shared_memory_gets_more_of_it() -> None:
    padded = PHOTO + bytes(module.LEAST_FILE_BYTES)
    with DECODERS.decoder(LIMIT) as confined:
        assert confined.decode(padded, None)[1] == (64, 48)
        assert confined.decode(PHOTO, None)[1] == (64, 48)


def test_damage_is_told_apart_from_a_file_on_its_way() -> None:
    with DECODERS.decoder(LIMIT) as confined:
        with pytest.raises(UnreadableImageError, match="cut off") as caught:
            confined.decode(PHOTO[:-30], None)
        assert caught.value.maybe_partial
        with pytest.raises(UnreadableImageError, match="a text, not a photo") as caught:
            confined.decode(b"text", None)
        assert not caught.value.maybe_partial
        with pytest.raises(UnreadableImageError, match="is empty") as caught:
            confined.decode(b"", None)
        assert caught.value.maybe_partial


# --- what it is given ----------------------------------------------------------------------------


def test_it_cannot_open_a_file(decoder: Decoder) -> None:
    assert reason(decoder, b"open") == "told: Operation not permitted"


def test_it_cannot_take_shared_memory_away(decoder: Decoder) -> None:
    assert reason(decoder, b"shrink") == "told: True"
    assert is_well(decoder)


def test_it_has_nothing_of_our_environment(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSON_COUNT_TOKENS", "secret")
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    told = reason(decoder, b"environment").removeprefix("told: ")
    assert set(eval(told)) - {"LC_CTYPE"} == set(sandbox_process.ENVIRONMENT)


def test_it_has_neither_networks_nor_the_database_in_it(decoder: Decoder) -> None:
    assert reason(decoder, b"modules") == "told: []"


def test_only_its_parent_ends_it(decoder: Decoder) -> None:
    assert is_well(decoder)
    first = pid(decoder)
    assert os.getsid(first) == first  # so a terminal's Ctrl-C is not sent to it either
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(first, number)
    assert is_well(decoder)
    assert pid(decoder) == first


PARENT = """
import sys
from ingest.decoding.decoder_pool import Decoders
with Decoders({module!r}).decoder(10) as decoder:
    try:
        decoder.decode(b"text", None)
    except Exception:
        pass
    print(decoder.sandbox._process.pid, flush=True)
    decoder.decode({deed!r}, None)
    sys.stdin.read()
"""


def computed(number: int) -> int:
    """Clock ticks that a process has used so far."""
    words = Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return int(words[11]) + int(words[12])


@pytest.mark.parametrize("deed", [b"spin", PHOTO])
def test_it_ends_with_its_parent_even_in_the_middle_of_a_file(deed: bytes) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT.format(module=HOSTILE, deed=deed)],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        number = int(parent.stdout.readline())
        before = computed(number)
        if deed == b"spin":
            wait_until(lambda: computed(number) > before + 10, "it is in the middle of the file")
        parent.kill()
        wait_until(lambda: has_ended(number), "the decoder has ended")


def test_it_ends_when_nobody_holds_it_any_more() -> None:
    decoders = Decoders()
    with decoders.decoder(LIMIT) as borrowed:
        assert is_well(borrowed)
        number = pid(borrowed)
        del borrowed
    assert not has_ended(number)
    del decoders
    wait_until(lambda: has_ended(number), "the decoder has ended")


def test_closing_ends_it_and_the_next_file_starts_another(hostile: Decoders) -> None:
    with hostile.decoder(LIMIT) as borrowed:
        assert is_well(borrowed)
        first = pid(borrowed)
    hostile.close()
    assert has_ended(first)
    with hostile.decoder(LIMIT) as borrowed:
        assert is_well(borrowed)


def test_a_process_that_does_not_start_is_no_files_fault() -> None:
    with (
        pytest.raises(DecoderUnavailableError, match="ModuleNotFoundError: No module named 'noth"),
        Decoders("nothing.at.all").decoder(LIMIT) as decoder,
    ):
        decoder.decode(PHOTO, None)
