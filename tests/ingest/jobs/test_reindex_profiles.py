"""Which profile the new generation of a re-index has."""

from index.base.choices import DistanceScale
from index.database.queries import generations
from index.library.calibration import OPERATOR, SHIPPED, WITH_LABELS, choose
from index.library.status import status_document
from index.vectors.space import Profile
from tests.fakes import fake_models
from tests.ingest.builders import Ingest
from tests.ingest.reindexing import Reindexing, generation_states
from tests.spaces import DIM, UNMEASURED

CALIBRATED = Profile(tuple([0.01] * DIM), 0.55, {"note": "calibrated"}).to_json()


def calibrate(ingest: Ingest) -> None:
    with ingest.database.write() as connection:
        generations.set_profile(connection, ingest.active().id, CALIBRATED)


def test_the_same_model_keeps_the_calibrated_profile(small: Ingest, reindexing: Reindexing) -> None:
    calibrate(small)
    reindexing.models = fake_models("fake-1")
    assert reindexing.run() is not None
    assert small.active().profile == CALIBRATED


def test_another_model_comes_with_its_own_profile(small: Ingest, reindexing: Reindexing) -> None:
    calibrate(small)
    assert reindexing.run() is not None
    assert small.active().profile == UNMEASURED.to_json()


def test_a_return_to_a_model_brings_its_calibration_back(
    small: Ingest, reindexing: Reindexing
) -> None:
    """With what it replaced; nothing of it is lost by a third model, or is kept twice."""
    chosen = Profile.from_json(CALIBRATED).after(UNMEASURED)
    with small.database.write() as connection:
        choose(connection, small.active(), chosen, OPERATOR, WITH_LABELS)
    first = small.active()
    for model, salt in (("fake-2", 5), ("fake-3", 7)):
        reindexing.models = fake_models(model, salt)
        found = reindexing.run()
        assert found is not None
        assert (found.left, found.is_back) == (first.model_id if salt == 5 else None, False)
        status = status_document(small.database, DistanceScale.CALIBRATED)["calibration"]
        assert (status["shipped"], status["kept_of"]) == (True, ["fake-1"])
        assert "calibrate --library --dry-run" in status["advice"]
    reindexing.models = fake_models("fake-1")
    found = reindexing.run()
    assert found is not None
    assert (found.left, found.is_back) == (None, True)
    assert small.active().profile == first.profile
    assert Profile.from_json(first.profile).undone() == UNMEASURED
    assert list(generation_states(small.database).values()) == ["active"]
    small.check()


def test_an_abandoned_return_loses_nothing(small: Ingest, reindexing: Reindexing) -> None:
    with small.database.write() as connection:
        choose(connection, small.active(), UNMEASURED, OPERATOR, SHIPPED)
    reindexing.run()
    reindexing.models = fake_models("fake-1")
    assert reindexing.run(reindexing.stop_at(4)) is None
    reindexing.models = fake_models("fake-3", salt=7)
    assert reindexing.run() is not None
    with small.database.read() as connection:
        assert [row.model_id for row in generations.past(connection)] == ["fake-1"]
    assert sorted(generation_states(small.database).values()) == ["active", "past"]


def test_a_calibration_during_a_pause_is_kept(small: Ingest, reindexing: Reindexing) -> None:
    reindexing.models = fake_models("fake-1")
    assert reindexing.run(reindexing.stop_at(4)) is None
    calibrate(small)
    assert reindexing.run() is not None
    assert small.active().profile == CALIBRATED


def test_a_calibration_while_it_runs_is_kept(small: Ingest, reindexing: Reindexing) -> None:
    reindexing.models = fake_models("fake-1")
    assert reindexing.run(lambda done, _: calibrate(small) if done == 4 else None) is not None
    assert small.active().profile == CALIBRATED
    small.check()
