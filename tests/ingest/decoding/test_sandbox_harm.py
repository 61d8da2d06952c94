"""A decoder that crashes, hangs, eats memory or lies: it costs that file, once."""

import errno
import gc
import logging
import mmap
import os
import select
import signal
import socket
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from index.base.errors import DecoderUnavailableError, UnreadableImageError
from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries.generations import GenerationRow
from index.database.queries.stored_images import NewImage
from ingest.decoding import sandbox as module
from ingest.decoding.decoder_pool import Decoder, Decoders
from ingest.interfaces import DetectedFace, RgbImage
from ingest.networks.models import Models
from ingest.networks.pipeline import CHUNK_FILES, analyse_all, in_chunks
from tests.crash.processes import has_ended
from tests.fakes import DECODERS, FakeDetector, FakeEncoder, picture
from tests.ingest.builders import Ingest
from tests.ingest.hostile_decoder import LIES
from tests.ingest.samples import encoded
from tests.ingest.sandboxed import HOSTILE, LIMIT, PHOTO, is_well, pid, reason
from tests.waiting import wait_until

# --- what a file can do to it --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deed", "expected"),
    [
        (b"crash", "decoding it crashed the decoder (SIGSEGV)"),
        (b"abort", "decoding it crashed the decoder (SIGABRT)"),
        (b"exit", "decoding it crashed the decoder (exit code 3)"),
        (b"raise", "it makes the decoder fail (ZeroDivisionError)"),
        (b"eat", "decoding it needs more memory than max_megapixels: 10 allows"),
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
    assert has_ended(first)
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
    assert has_ended(first)
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
    wait_until(lambda: has_ended(idle._process.pid), "the decoder has ended")
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


# --- as part of ingest ---------------------------------------------------------------------------


def hostile_models(decoders: Decoders) -> Models:
    return Models(FakeDetector(), FakeEncoder(), decoders)


@pytest.mark.usefixtures("hasty")
def test_the_other_files_of_a_chunk_are_unaffected(hostile: Decoders) -> None:
    photo = encoded(picture(1), "PNG")
    contents = [photo, b"crash", photo, b"spin", photo, b"eat", b"lie huge", photo]
    files = [(bytes([number]) * 32, data) for number, data in enumerate(contents)]
    found = list(analyse_all(hostile_models(hostile), in_chunks(files, CHUNK_FILES), LIMIT))
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
    large = encoded(Image.new("RGB", (4000, 2000), "white"), "JPEG")
    monkeypatch.setattr(Decoder, "crops", fail)
    files = [(b"a" * 32, PHOTO), (b"b" * 32, large), (b"c" * 32, PHOTO)]
    first, second, third = Models(Everywhere(), FakeEncoder(), DECODERS).analyse(files, LIMIT)
    assert str(second) == "it broke on the second look"
    assert isinstance(first, NewImage)
    assert isinstance(third, NewImage)
    assert len(first.faces) == len(third.faces) == 1
