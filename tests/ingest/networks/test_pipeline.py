"""Many files through the models at once: in order, bounded, and each with its own fate."""

import gc
import threading
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO

import pytest
from PIL import Image

from index.base.errors import UnreadableImageError
from index.database.queries.stored_images import NewImage
from ingest.interfaces import DetectedFace, RgbImage
from ingest.networks import models, pipeline
from ingest.networks.models import BATCH_PIXELS, Models, Outcome
from ingest.networks.pipeline import (
    CHUNK_BYTES,
    CHUNK_FILES,
    Content,
    analyse_all,
    in_chunks,
    share_of,
)
from ingest.networks.runtime import cores
from tests.fakes import DECODERS, FakeDetector, FakeEncoder, fake_models, picture

LIMIT = 50


def content(number: int, people: int = 1) -> tuple[bytes, bytes]:
    stream = BytesIO()
    picture(*range(people), seed=number).save(stream, format="PNG")
    return number.to_bytes(32, "big"), stream.getvalue()


def analyse(models: Models, files: Iterable[Content]) -> Iterator[tuple[bytes, Outcome]]:
    return analyse_all(models, in_chunks(files, CHUNK_FILES), LIMIT)


def faces(outcome: NewImage | UnreadableImageError) -> int:
    assert isinstance(outcome, NewImage)
    return len(outcome.faces)


def test_outcomes_come_in_the_order_of_the_files() -> None:
    files = [content(number, number % 4) for number in range(5 * CHUNK_FILES + 3)]
    found = list(analyse(fake_models(), files))
    assert [digest for digest, _ in found] == [digest for digest, _ in files]
    assert [faces(outcome) for _, outcome in found] == [n % 4 for n in range(len(files))]


def test_nothing_comes_of_nothing() -> None:
    assert list(analyse(fake_models(), [])) == []


def test_a_bad_file_is_an_outcome_among_good_ones() -> None:
    files = [content(0), (b"1" * 32, b"no image"), (b"2" * 32, b""), content(3, 2)]
    found = [outcome for _, outcome in analyse(fake_models(), files)]
    assert faces(found[0]) == 1
    assert isinstance(found[1], UnreadableImageError)
    assert isinstance(found[2], UnreadableImageError)
    assert found[2].maybe_partial
    assert faces(found[3]) == 2


def fail(*_: object) -> None:
    raise UnreadableImageError("it broke on the second look")


@pytest.mark.parametrize("data", [b"no image", b"", content(1)[1]], ids=["bad", "empty", "late"])
def test_what_is_no_image_is_not_kept_in_memory(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error's traceback would hold the bytes of its whole chunk until the commit."""
    freed: list[int] = []

    class Content(bytes):
        __slots__ = ()

        def __del__(self) -> None:
            freed.append(len(self))

    monkeypatch.setattr(models, "sharp_crops", fail)
    files = ((bytes([number]) * 32, Content(data)) for number in range(3))
    kept = list(analyse(fake_models(), files))
    gc.collect()
    assert [isinstance(outcome, UnreadableImageError) for _, outcome in kept] == [True] * 3
    assert freed == [len(data)] * 3


def test_files_are_read_only_as_they_are_needed() -> None:
    """Memory stays bounded however long the queue is."""
    read = 0
    release = threading.Event()

    class Slow(FakeDetector):
        def detect(self, images: Sequence[RgbImage]) -> list[list[DetectedFace]]:
            assert release.wait(10)
            return super().detect(images)

    def files() -> Iterator[tuple[bytes, bytes]]:
        nonlocal read
        for number in range(40 * CHUNK_FILES):
            read += 1
            if read > (2 * cores() + 1) * CHUNK_FILES:
                release.set()  # far too many: fail below rather than hang
            yield content(number)

    results = analyse(Models(Slow(), FakeEncoder(), DECODERS), files())
    threading.Timer(0.2, release.set).start()
    next(results)
    assert read <= 2 * cores() * CHUNK_FILES + 1
    assert len(list(results)) == 40 * CHUNK_FILES - 1


class Recording(FakeDetector):
    """Remembers how many images it was given at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[int] = []

    def detect(self, images: Sequence[RgbImage]) -> list[list[DetectedFace]]:
        self.calls.append(len(images))
        return super().detect(images)


def calls(files: Sequence[tuple[bytes, bytes]]) -> list[int]:
    detector = Recording()
    assert len(list(analyse(Models(detector, FakeEncoder(), DECODERS), files))) == len(files)
    return sorted(detector.calls, reverse=True)


@pytest.mark.parametrize(
    ("count", "workers", "share"),
    [(1, 2, 1), (24, 2, 12), (64, 2, 32), (65, 2, 17), (64, 8, 8), (600, 2, 30)],
)
def test_files_are_shared_out_evenly(
    monkeypatch: pytest.MonkeyPatch, count: int, workers: int, share: int
) -> None:
    monkeypatch.setattr("ingest.networks.pipeline.cores", lambda: workers)
    assert share_of(count) == share <= CHUNK_FILES


def test_a_chunk_is_bounded_by_its_files() -> None:
    assert calls([content(number) for number in range(2 * CHUNK_FILES + 1)]) == [
        CHUNK_FILES,
        CHUNK_FILES,
        1,
    ]


def test_a_chunk_is_bounded_by_its_bytes() -> None:
    digest, data = content(0)
    padded = data + bytes(CHUNK_BYTES // 2 - len(data))  # a PNG may have anything after its end
    assert calls([(digest, padded)] * 5) == [2, 2, 1]


def test_a_batch_is_bounded_by_its_pixels() -> None:
    stream = BytesIO()
    Image.new("L", (5000, 4000), 255).save(stream, format="PNG")
    assert 20_000_000 * 2 <= BATCH_PIXELS < 20_000_000 * 3
    assert calls([(b"x" * 32, stream.getvalue())] * 5) == [2, 2, 1]


def test_what_breaks_in_a_thread_breaks_the_caller_and_leaves_no_thread() -> None:
    class Broken(FakeDetector):
        def detect(self, images: Sequence[RgbImage]) -> list[list[DetectedFace]]:
            super().detect(images)
            raise RuntimeError("the detector broke")

    files = [content(number) for number in range(4 * CHUNK_FILES)]
    with pytest.raises(RuntimeError, match="the detector broke"):
        list(analyse(Models(Broken(), FakeEncoder(), DECODERS), files))
    assert not [t for t in threading.enumerate() if t.name.startswith("faces")]


def test_chunks_are_worked_on_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "cores", lambda: 2)
    meet = threading.Barrier(2)

    class Meeting(FakeDetector):
        def detect(self, images: Sequence[RgbImage]) -> list[list[DetectedFace]]:
            meet.wait(10)  # passes only with two threads in here at once
            return super().detect(images)

    files = [content(number) for number in range(2 * CHUNK_FILES)]
    models = Models(Meeting(), FakeEncoder(), DECODERS)
    assert len(list(analyse(models, files))) == len(files)


def test_the_stages_are_timed() -> None:
    models = fake_models()
    list(analyse(models, [content(0)]))
    assert set(models.stages.seconds) == {"decode", "detect", "crop", "embed"}
    assert all(seconds >= 0 for seconds in models.stages.seconds.values())
