"""Which profile the new generation of a re-index has."""

from index.database.queries import generations
from index.vectors.space import Profile
from tests.fakes import fake_models
from tests.ingest.builders import Ingest
from tests.ingest.reindexing import Reindexing
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
