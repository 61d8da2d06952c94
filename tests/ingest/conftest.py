"""Fixtures of ingest: a library of fake models, and what scans, watches, re-indexes, decodes."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from demo.portraits import draw_identity, draw_portrait
from index.base.choices import DistanceScale
from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries.files import signatures_below
from index.database.queries.generations import GenerationRow
from ingest.decoding.crops import crop_faces
from ingest.decoding.decoder_pool import Decoder, Decoders
from ingest.interfaces import Crops
from ingest.networks.models import Models, load_models
from ingest.networks.recogniser import Recogniser, describe
from ingest.watching.scan import Scanner
from tests.fakes import fake_models
from tests.ingest.builders import Ingest, Names
from tests.ingest.draining import Draining
from tests.ingest.holding import Library
from tests.ingest.portraits import PEOPLE, PHOTOS
from tests.ingest.reindexing import Reindexing
from tests.ingest.sandboxed import HOSTILE, LIMIT
from tests.ingest.watched import Watch, Watched


@pytest.fixture
def ingest(database: Database, settings: Settings, generation: GenerationRow) -> Ingest:
    """Ingest of the fake models into an empty library."""
    return Ingest(database, settings, generation)


@pytest.fixture
def watch(
    ingest: Ingest,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Watch]:
    """A function that starts a watcher with the given settings; it ends with the test."""
    caplog.set_level(logging.INFO, "ingest")
    monkeypatch.setattr("ingest.watching.watcher.TICK_SECONDS", 0.02)
    monkeypatch.setattr("ingest.watching.watcher.FIRST_PAUSE_SECONDS", 0.05)
    before = set(threading.enumerate())
    with ExitStack() as stack:

        def start(**changes: object) -> Watched:
            changed = settings.model_copy(update=changes)
            return stack.enter_context(Watched(ingest, changed))

        yield start
    assert [thread for thread in threading.enumerate() if thread not in before] == []


@pytest.fixture
def watched(watch: Watch) -> Iterator[Watched]:
    """A watcher that has nothing but events to go by: its only scan is over."""
    made = watch()
    yield made
    assert made.scans() == 1, "a scan helped out"
    assert made.watcher.report.observer_restarts == 0


@pytest.fixture
def small(database: Database, settings: Settings, generation: GenerationRow) -> Ingest:
    """A library of eight photos of four persons, worked on two at a time."""
    ingest = Ingest(database, settings.model_copy(update={"batch_files": 2}), generation)
    for number in range(8):
        ingest.drop(f"{number}.png", number % 4, seed=number)
    ingest.index()
    return ingest


@pytest.fixture
def reindexing(small: Ingest, monkeypatch: pytest.MonkeyPatch) -> Reindexing:
    """A re-index of the small library with another model."""
    made = Reindexing(small, fake_models("fake-2", salt=5))
    monkeypatch.setattr("ingest.jobs.reindex.load_models", lambda _settings, _model: made.models)
    monkeypatch.setattr("ingest.jobs.worker.load_generation", lambda _settings, _row: made.models)
    return made


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
    monkeypatch.setattr("ingest.decoding.sandbox.processor_seconds", lambda *_: 1)
    monkeypatch.setattr("ingest.decoding.sandbox.PATIENCE", 60)


@pytest.fixture
def library(database: Database, settings: Settings) -> Library:
    """A scanner whose stopwatch the test moves."""
    return Library(database, settings)


@pytest.fixture
def scanner(database: Database, settings: Settings) -> Scanner:
    return Scanner(database, settings.resolve_roots(), 0.0)


@pytest.fixture
def inbox(settings: Settings) -> Path:
    return settings.inbox


@pytest.fixture
def names(database: Database, inbox: Path) -> Names:
    """The relative names that the table knows."""

    def known() -> set[str]:
        with database.read() as connection:
            found = signatures_below(connection, str(inbox))
        return {path[len(str(inbox)) + 1 :] for path in found}

    return known


@pytest.fixture(scope="session")
def models_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose converted networks all tests share."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def facenet() -> Recogniser:
    return describe("facenet")


@pytest.fixture(scope="session")
def real_settings(models_folder: Path) -> Settings:
    return Settings(
        inbox=models_folder / "inbox", data=models_folder, distance=DistanceScale.COSINE
    )


@pytest.fixture(scope="session")
def models(real_settings: Settings) -> Models:
    return load_models(real_settings, "facenet")


@pytest.fixture(scope="session")
def portraits(models_folder: Path) -> list[Path]:
    """PHOTOS portraits of each of PEOPLE, one person after the other."""
    made = []
    for number, person in enumerate(PEOPLE):
        for photo in range(PHOTOS):
            path = models_folder / f"{number}-{photo}.png"
            draw_portrait(draw_identity(person), seed=photo).save(path)
            made.append(path)
    return made


@pytest.fixture(scope="session")
def pixels(portraits: Sequence[Path]) -> list[NDArray[np.uint8]]:
    return [np.asarray(Image.open(path).convert("RGB")) for path in portraits]


@pytest.fixture(scope="session")
def crops(models: Models, pixels: list[NDArray[np.uint8]]) -> Crops:
    """The face of each portrait."""
    found = models.detector.detect(pixels)
    cut = [crop_faces(image, [faces[0].box]) for image, faces in zip(pixels, found, strict=True)]
    return np.concatenate(cut)


@pytest.fixture
def draining(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> Draining:
    """The commands, with the fake models of *ingest*."""

    def open_generation(*_: object) -> tuple[GenerationRow, Models]:
        return ingest.active(), ingest.models

    monkeypatch.setattr("ingest.jobs.drain.open_generation", open_generation)
    monkeypatch.setattr("ingest.jobs.drain.POLL_SECONDS", 0.02)
    return Draining(ingest)
