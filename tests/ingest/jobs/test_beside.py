"""A second model's faces beside those that answer: made by a command, kept by ingest."""

import logging
import threading
from dataclasses import replace

import pytest

from index.base.errors import ConfigError, ModelUnavailableError
from index.base.settings import Settings
from index.database.queries import generations
from index.upkeep.verify import verify
from ingest.jobs import beside as module
from ingest.jobs import reindex
from ingest.jobs.beside import BesideIndexer, BesideKeeper, BesideResult, remove_beside
from ingest.jobs.reindex import Reindexer, remove_retired
from ingest.networks.models import Models
from tests.fakes import FakeDetector, fake_models, hasty_models
from tests.index.builders import faces_by_generation
from tests.ingest.builders import Ingest
from tests.ingest.reindexing import everybody, generation_states


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> Models:
    """Those of the second model."""
    made = hasty_models()
    monkeypatch.setattr(module, "load_models", lambda *_: made)
    monkeypatch.setattr("ingest.networks.models.load_encoder", lambda *_: made.encoder)
    return made


class Beside:
    """Indexes a library beside, as often as the test likes."""

    def __init__(self, ingest: Ingest) -> None:
        self.ingest = ingest
        self.stop = threading.Event()
        self.reports: list[tuple[int, int]] = []
        self.stop_at = 10_000

    def run(self, settings: Settings | None = None) -> BesideResult | None:
        self.stop.clear()
        indexer = BesideIndexer(
            self.ingest.database, settings or self.ingest.settings, "fake", self.stop
        )
        return indexer.run(self._progress)

    def _progress(self, done: int, total: int) -> None:
        self.reports.append((done, total))
        if done >= self.stop_at:
            self.stop.set()


@pytest.fixture
def beside(small: Ingest, models: Models) -> Beside:
    assert models.encoder.model_id == "hasty-1"
    return Beside(small)


def images_seen(models: Models) -> int:
    assert isinstance(models.detector, FakeDetector)
    return models.detector.images_seen


def test_the_second_model_stands_beside_and_answers_stay(beside: Beside) -> None:
    ingest = beside.ingest
    active = ingest.active()
    assert beside.run() == BesideResult("hasty-1", images=8, faces=8, errors=[])
    assert beside.reports == [(0, 8), (2, 8), (4, 8), (6, 8), (8, 8)]
    assert ingest.active() == active
    assert everybody(ingest) == 4
    states = generation_states(ingest.database)
    assert sorted(states.values()) == ["active", "beside"]
    assert set(faces_by_generation(ingest.database).values()) == {8}
    assert verify(ingest.database).problems == []


def test_interrupted_it_goes_on_where_it_stopped(beside: Beside, models: Models) -> None:
    beside.stop_at = 4
    assert beside.run() is None
    beside.stop_at = 10_000
    outcome = beside.run()
    assert outcome is not None
    assert outcome.images == 8
    assert images_seen(models) == 8


def test_the_model_that_answers_is_no_second_opinion(beside: Beside, models: Models) -> None:
    models.encoder.model_id = "fake-1"  # type: ignore[misc]  # a fake
    with pytest.raises(ConfigError, match="fake-1 gives the answers already; name another"):
        beside.run()


def test_a_photo_that_cannot_be_read_is_told_and_the_rest_is_done(beside: Beside) -> None:
    path = beside.ingest.inbox / "3.png"
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    with beside.ingest.database.write() as connection:  # a disk that lost bits keeps the times
        found = path.stat()
        connection.exec_driver_sql(
            "UPDATE files SET mtime_ns = ?, ctime_ns = ? WHERE path = ?",
            (found.st_mtime_ns, found.st_ctime_ns, str(path)),
        )
    outcome = beside.run()
    assert outcome is not None
    assert outcome.images == 7
    (error,) = outcome.errors
    assert "3.png has changed, but its times have not" in str(error)


def test_another_second_model_replaces_the_first(
    beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside.run()
    other = fake_models("fake-3", salt=3)
    monkeypatch.setattr(module, "load_models", lambda *_: other)
    beside.run()
    remove_retired(beside.ingest.database)
    assert sorted(generation_states(beside.ingest.database).values()) == ["active", "beside"]
    with beside.ingest.database.read() as connection:
        found = generations.beside(connection)
    assert found is not None
    assert found.model_id == "fake-3"


def test_removed_nothing_of_it_is_left(beside: Beside) -> None:
    database = beside.ingest.database
    beside.run()
    assert remove_beside(database) == "hasty-1"
    remove_retired(database)
    assert list(generation_states(database).values()) == ["active"]
    assert remove_beside(database) is None


def test_a_reindex_to_the_second_model_takes_its_faces(
    beside: Beside, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest = beside.ingest
    beside.run()
    seen = images_seen(models)
    monkeypatch.setattr(reindex, "load_models", lambda *_: models)
    run = Reindexer(ingest.database, ingest.settings, "fake", threading.Event())
    outcome = run.run(lambda *_: None)
    assert outcome is not None
    assert (outcome.images, outcome.already_done) == (8, 8)
    assert images_seen(models) == seen
    assert ingest.active().model_id == "hasty-1"
    assert list(generation_states(ingest.database).values()) == ["active"]
    assert everybody(ingest) == 2
    assert verify(ingest.database).problems == []


# --- in the ingest process -----------------------------------------------------------------------


@pytest.fixture
def keeper(small: Ingest, monkeypatch: pytest.MonkeyPatch) -> BesideKeeper:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)
    return BesideKeeper(small.database, small.settings)


def keep(keeper: BesideKeeper, models: Models) -> int:
    """Step until there is nothing to do. Returns the number of steps that did something."""
    steps = 0
    while keeper.step(models):
        steps += 1
        assert steps < 100
    return steps


def test_new_photos_get_their_faces_of_both_models(beside: Beside, keeper: BesideKeeper) -> None:
    ingest = beside.ingest
    assert keep(keeper, ingest.models) == 0  # there is no second model
    beside.run()
    assert keep(keeper, ingest.models) == 0
    ingest.drop("new.png", 1, 2, seed=50)
    ingest.index()
    assert keep(keeper, ingest.models) == 1
    assert set(faces_by_generation(ingest.database).values()) == {10}


@pytest.mark.usefixtures("models")
def test_a_photo_that_failed_is_tried_again_later(
    beside: Beside, keeper: BesideKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest = beside.ingest
    beside.run()
    hidden = ingest.drop("new.png", 1, seed=50)
    ingest.index()
    real, out = hidden.read_bytes(), ingest.inbox / "away"
    hidden.rename(out)
    assert keep(keeper, ingest.models) == 1  # looked for, and not found
    out.rename(hidden)
    assert hidden.read_bytes() == real
    assert keep(keeper, ingest.models) == 0
    monkeypatch.setattr(keeper, "_next_round", 0.0)
    assert keep(keeper, ingest.models) == 1


def test_without_the_second_model_ingest_goes_on_and_says_so(
    beside: Beside,
    keeper: BesideKeeper,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def missing(*_: object) -> None:
        raise ModelUnavailableError("the network is not there")

    beside.run()
    monkeypatch.setattr("ingest.networks.models.load_encoder", missing)
    beside.ingest.drop("new.png", 1, seed=50)
    beside.ingest.index()
    with caplog.at_level(logging.WARNING):
        assert [keeper.step(beside.ingest.models) for _ in range(3)] == [False] * 3
    said = [r.getMessage() for r in caplog.records if "beside" in r.getMessage()]
    assert said == ["ingest.beside_unavailable model=hasty-1 reason=the network is not there"]


def test_a_second_model_with_other_weights_is_not_mixed_in(
    beside: Beside, keeper: BesideKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside.run()
    other = replace(hasty_models("hasty-2"))
    monkeypatch.setattr("ingest.networks.models.load_encoder", lambda *_: other.encoder)
    beside.ingest.drop("new.png", 1, seed=50)
    beside.ingest.index()
    assert keep(keeper, beside.ingest.models) == 0
    assert sorted(faces_by_generation(beside.ingest.database).values()) == [8, 9]
