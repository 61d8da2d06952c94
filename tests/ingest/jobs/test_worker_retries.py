"""What is tried again, when and how often; and what is put aside."""

import errno
import os
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
import pytest
from numpy.typing import NDArray

from index.base.errors import DecoderUnavailableError, ModelUnavailableError, StoreUnavailableError
from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import queue
from index.database.queries.generations import GenerationRow
from ingest.decoding import reading
from ingest.decoding.decoder_pool import Decoders
from ingest.interfaces import Crops, DetectedFace, RgbImage
from ingest.networks.models import Models
from tests.fakes import DECODERS, FakeDetector, FakeEncoder
from tests.index.builders import ask, full
from tests.ingest.builders import Ingest, failing, ingest_that
from tests.ingest.samples import jpeg

pytestmark = pytest.mark.engines

# --- what becomes of bad files -------------------------------------------------------------------


def test_a_file_that_looks_cut_off_is_tried_three_times_more_then_left(ingest: Ingest) -> None:
    (ingest.inbox / "cut.jpg").write_bytes(jpeg()[:5000])
    ingest.index()
    for seconds in (5, 60, 600):
        again = ingest.retry_at("cut.jpg")
        assert again is not None
        assert again - ingest.clock.now == pytest.approx(seconds)
        ingest.clock.advance(seconds - 0.5)
        assert ingest.index() == 0
        ingest.clock.advance(1)
        assert ingest.index() == 1
        assert "cut off" in ingest.reason("cut.jpg")
    assert ingest.retry_at("cut.jpg") is None


def test_a_file_that_looks_cut_off_is_read_again_when_it_changes(ingest: Ingest) -> None:
    path = ingest.inbox / "slow.jpg"
    whole = jpeg()
    path.write_bytes(whole[:5000])
    ingest.index()
    assert "cut off" in ingest.reason("slow.jpg")
    with path.open("ab") as stream:
        stream.write(whole[5000:7000])
    ingest.index()
    assert ingest.retry_at("slow.jpg") == pytest.approx(ingest.clock.now + 5)  # counted anew
    with path.open("ab") as stream:
        stream.write(whole[7000:])
    ingest.index()
    assert ingest.states() == {"slow.jpg": "indexed"}
    ingest.check()


@pytest.mark.parametrize(
    ("number", "keeps_image"),
    [(errno.EIO, True), (errno.ESTALE, True), (errno.EACCES, False), (errno.EPERM, False)],
)
def test_a_file_that_the_system_does_not_read_is_tried_until_it_does(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, number: int, *, keeps_image: bool
) -> None:
    """A failure says nothing of the photo. What may not be read is not kept, either; the file shows
    nothing of a folder that is opened then, or of a group that is given to ingest."""
    path = ingest.drop("a.png", 1)
    ingest.index()
    image = ingest.row("a.png").image_id
    os.utime(path, ns=(1, 1))
    ingest.scanner.scan()
    with monkeypatch.context() as patch:
        patch.setattr(reading, "_open_below", failing(number))
        ingest.drain()
        for seconds in (5, 60, 600, 600, 600):
            assert ingest.retry_at("a.png") == pytest.approx(ingest.clock.now + seconds)
            assert ingest.reason("a.png") == f"it cannot be opened ({os.strerror(number)})"
            assert ingest.row("a.png").image_id == (image if keeps_image else None)
            ingest.clock.advance(seconds + 1)
            assert ingest.index() == 1
    assert ingest.orphans() == (set() if keeps_image else {image})
    ingest.clock.advance(601)
    ingest.index()
    assert ingest.states() == {"a.png": "indexed"}
    ingest.check()


def test_a_file_that_cannot_even_be_looked_at_stops_nobody(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ingest.drop("a.png", 1)
    ingest.drop("b.png", 2)
    ingest.scanner.scan()
    ingest.drop("a.png", 3)
    known = os.lstat

    def lstat(name: str, **more: int) -> os.stat_result:
        if name == str(path):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return known(name, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "lstat", lstat)
        ingest.drain()
    assert ingest.states() == {"a.png": "failed", "b.png": "indexed"}
    ingest.clock.advance(6)
    ingest.drain()
    assert ingest.states() == {"a.png": "indexed", "b.png": "indexed"}


def test_files_for_which_no_handles_are_left_are_handed_back(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest.drop("a.png", 1)
    ingest.drop("b.png", 2)
    ingest.scanner.scan()
    for _ in range(5):
        with monkeypatch.context() as patch:
            patch.setattr(reading, "_open_below", failing(errno.EMFILE))
            assert ingest.worker.step() == 0
            assert not ingest.worker.is_due()
        ingest.clock.advance(6)
    assert ingest.states() == {"a.png": "pending", "b.png": "pending"}
    ingest.drain()
    assert ingest.states() == {"a.png": "indexed", "b.png": "indexed"}
    assert ask(ingest.database, "SELECT max(crashes), max(attempts) FROM files") == [(0, 0)]
    ingest.check()


def test_a_decoder_that_does_not_start_is_held_against_no_file(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    models = Models(FakeDetector(), FakeEncoder(), Decoders("nothing.at.all"))
    ingest = Ingest(database, settings, generation, models)
    ingest.drop("a.png", 1)
    ingest.scanner.scan()
    with pytest.raises(DecoderUnavailableError):
        ingest.worker.step()
    with database.write() as connection:
        assert queue.release(connection, ingest.clock()) == 0  # nothing was left in hand


def test_a_file_that_is_plainly_no_image_is_not_tried_again_until_it_changes(
    ingest: Ingest,
) -> None:
    path = ingest.inbox / "a.png"
    path.write_text("this is text")
    ingest.index()
    assert ingest.retry_at("a.png") is None
    ingest.clock.advance(1e6)
    assert ingest.index() == 0
    ingest.drop("a.png", 1)
    ingest.index()
    assert ingest.states() == {"a.png": "indexed"}


def test_an_encoder_gone_mad_stores_nothing(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    class Mad(FakeEncoder):
        def encode(self, crops: Crops) -> NDArray[np.float32]:
            return np.full((len(crops), 512), np.nan, np.float32)

    ingest = Ingest(database, settings, generation, Models(FakeDetector(), Mad(), DECODERS))
    ingest.drop("a.png", 1)
    ingest.scanner.scan()
    with pytest.raises(ModelUnavailableError, match="not finite"):
        ingest.worker.step()
    assert ingest.changes() == []


def test_a_file_that_ends_the_ingester_every_time_is_put_aside(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    class Poisoned(FakeDetector):
        def detect(self, images: Sequence[RgbImage]) -> list[list[DetectedFace]]:
            found = super().detect(images)
            if any(len(faces) == 3 for faces in found):
                raise RuntimeError("crash")
            return found

    ingest = Ingest(database, settings, generation, Models(Poisoned(), FakeEncoder(), DECODERS))
    for number in range(6):
        ingest.drop(f"{number}.png", number)
    ingest.drop("poison.png", 1, 2, 3)
    ingest.scanner.scan()
    crashes = 0
    while crashes < 10:
        with database.write() as connection:  # what a new process begins with
            queue.release(connection, ingest.clock())
        try:
            ingest.drain()
            break
        except RuntimeError:
            crashes += 1
    assert crashes == 3
    states = ingest.states()
    assert states.pop("poison.png") == "failed"
    assert "3 times" in ingest.reason("poison.png")
    assert set(states.values()) == {"indexed"}


# --- what happens while a file is in hand --------------------------------------------------------


@pytest.mark.engines("sqlite")  # it limits the file's pages
def test_a_batch_for_which_there_was_no_room_is_done_again_and_held_against_no_file(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    outage = ExitStack()
    ingest = ingest_that(
        lambda _: outage.enter_context(full(database)), database, settings, generation
    )
    ingest.drop("a.png", *range(100))
    ingest.scanner.scan()
    for _ in range(3):
        with pytest.raises(StoreUnavailableError):
            ingest.worker.step()
    assert ingest.states() == {"a.png": "pending"}
    outage.close()
    assert ingest.worker.is_due()
    ingest.drain()
    assert not ingest.worker.is_due()
    assert ingest.states() == {"a.png": "indexed"}
    assert len(ingest.vectors("a.png")) == 100
    assert ask(database, "SELECT max(crashes), max(attempts) FROM files") == [(0, 0)]
    ingest.check()
