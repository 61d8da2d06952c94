"""Decoding in a process that may crash, hang, eat memory or lie: it costs that file, once."""

import errno
import gc
import logging
import mmap
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from index.database import Database
from index.errors import DecoderUnavailableError, UnreadableImageError
from index.settings import Settings
from index.store.generations import GenerationRow
from index.store.library import NewImage
from ingest import sandbox as module
from ingest.crops import crop_faces
from ingest.decoders import Decoder, Decoders
from ingest.faces import DetectedFace, RgbImage
from ingest.images import decode, decode_reduced
from ingest.models import Models
from ingest.pipeline import analyse_all
from tests.fakes import DECODERS, FakeDetector, FakeEncoder, picture
from tests.ingest.builders import Ingest
from tests.ingest.hostile_decoder import LIES
from tests.ingest.samples import SAMPLES, encoded, scene
from tests.waiting import wait_until

LIMIT = 10  # megapixels
PHOTO = encoded(Image.fromarray(scene()), "PNG")
HOSTILE = "tests.ingest.hostile_decoder"


@pytest.fixture
def hostile() -> Iterator[Decoders]:
    """The real thing, with a decoder that does what a file tells it."""
    decoders = Decoders(HOSTILE)
    yield decoders
    decoders.close()


@pytest.fixture
def decoder(hostile: Decoders) -> Iterator[Decoder]:
    with hostile.decoder(LIMIT) as borrowed:
        yield borrowed


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second to compute; by the clock a minute, since the machine may be busy."""
    monkeypatch.setattr(module, "processor_seconds", lambda *_: 1)
    monkeypatch.setattr(module, "PATIENCE", 60)


def reason(decoder: Decoder, data: bytes, *, for_good: bool = True) -> str:
    with pytest.raises(UnreadableImageError) as caught:
        decoder.decode(data, None)
    assert caught.value.maybe_partial is not for_good
    return str(caught.value)


def is_well(decoder: Decoder) -> bool:
    found, size = decoder.decode(PHOTO, None)
    return size == (64, 48) and np.array_equal(found, scene())


def pid(decoder: Decoder) -> int:
    assert decoder.sandbox is not None
    return decoder.sandbox._process.pid


def is_gone(number: int) -> bool:
    """Whether a process has ended; its parent may not have noticed yet."""
    try:
        state = (
            Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        )
    except OSError:
        return True
    return state in "ZX"


# --- the same pixels -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("edge_px", [None, 16])
def test_every_format_has_the_same_pixels_as_without(kind: str, edge_px: int | None) -> None:
    expected, expected_size = decode_reduced(SAMPLES[kind], LIMIT, edge_px)
    with DECODERS.decoder(LIMIT) as confined:
        found, size = confined.decode(SAMPLES[kind], edge_px)
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
        found, size = confined.decode(data, 2000)
        crops = confined.crops(data, boxes)
    expected, expected_size = decode_reduced(data, LIMIT, 2000)
    assert max(found.shape) == 2050
    np.testing.assert_array_equal(found, expected)
    assert size == expected_size
    np.testing.assert_array_equal(crops, crop_faces(decode(data, LIMIT), boxes))


def test_more_crops_than_fit_at_once_come_in_parts() -> None:
    boxes = [(float(n % 40), float(n % 20), n % 40 + 20.0, n % 20 + 20.0) for n in range(90)]
    with DECODERS.decoder(1) as confined:
        found = confined.crops(PHOTO, boxes)
        assert confined.sandbox is not None
        assert confined.sandbox.most_crops < 45
    np.testing.assert_array_equal(found, crop_faces(scene(), boxes))


def test_pixels_outlive_the_next_file() -> None:
    with DECODERS.decoder(LIMIT) as confined:
        found, _ = confined.decode(PHOTO, None)
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
        with pytest.raises(UnreadableImageError, match="no JPEG") as caught:
            confined.decode(b"text", None)
        assert not caught.value.maybe_partial
        with pytest.raises(UnreadableImageError, match="is empty") as caught:
            confined.decode(b"", None)
        assert caught.value.maybe_partial


# --- what a file can do to it --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deed", "expected"),
    [
        (b"crash", "decoding it crashed the decoder (SIGSEGV)"),
        (b"abort", "decoding it crashed the decoder (SIGABRT)"),
        (b"exit", "decoding it crashed the decoder (exit code 3)"),
        (b"raise", "it makes the decoder fail (ZeroDivisionError)"),
        (b"eat", "decoding it needs more memory than is allowed"),
    ],
)
def test_a_file_that_ends_the_decoder_costs_that_file(
    decoder: Decoder, deed: bytes, expected: str
) -> None:
    assert reason(decoder, deed) == expected
    assert is_well(decoder)


@pytest.mark.usefixtures("hasty")
def test_a_file_that_computes_for_ever_costs_that_file(decoder: Decoder) -> None:
    assert is_well(decoder)
    first = pid(decoder)
    assert reason(decoder, b"spin") == "decoding it took longer than 1 s of computing"
    assert is_gone(first)
    assert is_well(decoder)


def test_a_file_that_waits_for_ever_costs_that_file(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_well(decoder)
    first = pid(decoder)
    with monkeypatch.context() as patch:
        patch.setattr(module, "processor_seconds", lambda *_: 1)
        found = reason(decoder, b"sleep", for_good=False)  # the machine may have been busy
        assert found == "decoding it took longer than 3 s"
    assert is_gone(first)
    assert is_well(decoder)


def test_a_file_whose_decoder_is_killed_is_tried_again_later(decoder: Decoder) -> None:
    """The kernel kills it when memory runs out, whoever took that."""
    assert is_well(decoder)
    found = reason(decoder, b"killed", for_good=False)
    assert found == "decoding it crashed the decoder (SIGKILL)"
    assert is_well(decoder)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGRTMIN + 3])
@pytest.mark.parametrize("used", [False, True])
def test_an_idle_decoder_that_ended_is_held_against_no_file(
    hostile: Decoders, caplog: pytest.LogCaptureFixture, number: int, used: bool
) -> None:
    hostile.prepare(1, LIMIT)
    (idle,) = hostile._idle
    if used:
        with hostile.decoder(LIMIT) as borrowed:
            assert is_well(borrowed)
    else:
        assert select.select([idle._channel], [], [], 60)[0], "it has said that it is ready"
    os.kill(idle._process.pid, number)
    wait_until(lambda: is_gone(idle._process.pid), "the decoder has ended")
    with hostile.decoder(LIMIT) as borrowed:
        assert is_well(borrowed)
    assert not caplog.records


def test_a_signal_without_a_name_costs_that_file_too(decoder: Decoder) -> None:
    found = reason(decoder, b"nameless")
    assert found == f"decoding it crashed the decoder (signal {signal.SIGRTMIN + 3})"
    assert is_well(decoder)


@pytest.mark.parametrize("call", ["memfd_create", "ftruncate", "socketpair", "mmap"])
def test_a_decoder_for_which_there_is_no_room_is_no_files_fault(
    monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    place = {"socketpair": socket, "mmap": mmap}.get(call, os)
    gc.collect()
    before = sorted(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patch:
        patch.setattr(place, call, fail)
        with pytest.raises(DecoderUnavailableError, match="Too many open files"):
            module.Sandbox(HOSTILE, LIMIT, 0)
    gc.collect()
    assert sorted(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_cannot_be_true_is_not_believed(decoder: Decoder, lie: bytes) -> None:
    assert is_well(decoder)
    found = reason(decoder, lie)
    assert found == "decoding it made the decoder answer nonsense" or set(found) == {"y"}
    assert len(found) < 500
    assert is_well(decoder)


def test_the_reason_it_gives_is_one_harmless_line(decoder: Decoder) -> None:
    found = reason(decoder, b"strange")
    assert found.startswith("told: a?b?[31m?xxx")
    assert len(found) <= 400


def test_a_decoder_harmed_by_an_earlier_file_is_not_held_against_the_next(
    decoder: Decoder, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_well(decoder)
    monkeypatch.setattr(module.Sandbox, "is_alive", True)  # it was when it was looked at
    os.kill(pid(decoder), signal.SIGSEGV)
    assert is_well(decoder)
    assert [r.args for r in caplog.records if r.levelno == logging.WARNING] == [
        (False, caplog.records[0].args[1])  # type: ignore[index]
    ]


def test_a_file_is_given_up_only_for_what_it_does_to_a_fresh_decoder(
    decoder: Decoder, caplog: pytest.LogCaptureFixture
) -> None:
    assert is_well(decoder)
    reason(decoder, b"crash")
    assert [record.args[0] for record in caplog.records if record.args] == [False, True]  # type: ignore[index]


def test_it_is_used_for_many_files(decoder: Decoder) -> None:
    assert is_well(decoder)
    first = pid(decoder)
    for data in (PHOTO, b"text", PHOTO[:50]) * 5:
        try:
            decoder.decode(data, None)
        except UnreadableImageError:
            continue
    assert pid(decoder) == first


def test_after_an_exception_it_is_not_used_again(hostile: Decoders) -> None:
    def interrupt() -> None:
        with hostile.decoder(LIMIT) as borrowed:
            assert is_well(borrowed)
            numbers.append(pid(borrowed))
            raise KeyboardInterrupt

    numbers: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        interrupt()
    with hostile.decoder(LIMIT) as borrowed:
        assert is_well(borrowed)
        assert pid(borrowed) not in numbers


# --- what it is given ----------------------------------------------------------------------------


def test_it_cannot_open_a_file(decoder: Decoder) -> None:
    assert reason(decoder, b"open") == "told: Too many open files"


def test_it_cannot_take_shared_memory_away(decoder: Decoder) -> None:
    assert reason(decoder, b"shrink") == "told: True"
    assert is_well(decoder)


def test_it_has_nothing_of_our_environment(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSON_COUNT_TOKENS", "secret")
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    told = reason(decoder, b"environment").removeprefix("told: ")
    assert set(eval(told)) - {"LC_CTYPE"} == set(module.ENVIRONMENT)


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
from ingest.decoders import Decoders
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
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        number = int(parent.stdout.readline())
        before = computed(number)
        if deed == b"spin":
            wait_until(lambda: computed(number) > before + 10, "it is in the middle of the file")
        parent.kill()
        wait_until(lambda: is_gone(number), "the decoder has ended")


def test_it_ends_when_nobody_holds_it_any_more() -> None:
    decoders = Decoders()
    with decoders.decoder(LIMIT) as borrowed:
        assert is_well(borrowed)
        number = pid(borrowed)
        del borrowed
    assert not is_gone(number)
    del decoders
    wait_until(lambda: is_gone(number), "the decoder has ended")


def test_closing_ends_it_and_the_next_file_starts_another(hostile: Decoders) -> None:
    with hostile.decoder(LIMIT) as borrowed:
        assert is_well(borrowed)
        first = pid(borrowed)
    hostile.close()
    assert is_gone(first)
    with hostile.decoder(LIMIT) as borrowed:
        assert is_well(borrowed)


def test_a_process_that_does_not_start_is_no_files_fault() -> None:
    with (
        pytest.raises(DecoderUnavailableError, match="ModuleNotFoundError: No module named 'noth"),
        Decoders("nothing.at.all").decoder(LIMIT) as decoder,
    ):
        decoder.decode(PHOTO, None)


# --- as part of ingest ---------------------------------------------------------------------------


def hostile_models(decoders: Decoders) -> Models:
    return Models(FakeDetector(), FakeEncoder(), decoders)


@pytest.mark.usefixtures("hasty")
def test_the_other_files_of_a_chunk_are_unaffected(hostile: Decoders) -> None:
    photo = encoded(picture(1), "PNG")
    contents = [photo, b"crash", photo, b"spin", photo, b"eat", b"lie huge", photo]
    files = [(bytes([number]) * 32, data) for number, data in enumerate(contents)]
    found = list(analyse_all(hostile_models(hostile), files, LIMIT))
    assert [digest for digest, _ in found] == [digest for digest, _ in files]
    refused = [isinstance(outcome, UnreadableImageError) for _, outcome in found]
    assert refused == [data != photo for data in contents]


def test_a_file_that_crashes_the_decoder_is_quarantined_with_its_reason(
    database: Database, settings: Settings, generation: GenerationRow, hostile: Decoders
) -> None:
    ingest = Ingest(database, settings, generation, hostile_models(hostile))
    ingest.drop("a.png", 1)
    (ingest.inbox / "b.jpg").write_bytes(b"crash")
    ingest.drop("c.png", 2)
    ingest.index()
    assert ingest.states() == {"a.png": "indexed", "b.jpg": "failed", "c.png": "indexed"}
    assert ingest.reason("b.jpg") == "decoding it crashed the decoder (SIGSEGV)"
    assert ingest.retry_at("b.jpg") is None
    assert ingest.persons("a.png", "c.png") == 2
    ingest.check()


def test_a_photo_that_cannot_be_decoded_in_full_for_its_faces_costs_that_photo(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise UnreadableImageError("it broke on the second look")

    class Everywhere(FakeDetector):
        def detect(self, images: Sequence[RgbImage]) -> list[list[DetectedFace]]:
            return super().detect([np.asarray(small)] * len(images))

    small = picture(5)
    large = encoded(Image.new("RGB", (4000, 400), "white"), "JPEG")
    monkeypatch.setattr(Decoder, "crops", fail)
    files = [(b"a" * 32, PHOTO), (b"b" * 32, large), (b"c" * 32, PHOTO)]
    first, second, third = Models(Everywhere(), FakeEncoder(), DECODERS).analyse(files, LIMIT)
    assert str(second) == "it broke on the second look"
    assert isinstance(first, NewImage)
    assert isinstance(third, NewImage)
    assert len(first.faces) == len(third.faces) == 1
