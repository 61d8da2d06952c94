"""Which profile the new generation of a re-index has."""

from index.database.queries import generations
from index.vectors.space import DIM, UNMEASURED, Profile
from tests.fakes import fake_models
from tests.ingest.builders import Ingest
from tests.ingest.reindexing import Reindexing

CALIBRATED = Profile(tuple([0.01] * DIM), 0.55, {"note": "calibrated"}).to_json()


def calibrate(ingest: Ingest) -> None:
    with ingest.database.write() as connection:
        generations.set_profile(connection, ingest.active().id, CALIBRATED)


def test_the_same_weights_keep_the_calibrated_profile(
    small: Ingest, reindexing: Reindexing
) -> None:
    calibrate(small)
    reindexing.models = fake_models("fake-1")
    assert reindexing.run() is not None
    assert small.active().profile == CALIBRATED


def test_other_weights_come_with_their_own_profile(small: Ingest, reindexing: Reindexing) -> None:
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
