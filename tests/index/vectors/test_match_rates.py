import json

import numpy as np
import pytest

from index.base.choices import DistanceScale
from index.base.errors import ConfigError
from index.evaluation.measures import pair_distances
from index.vectors.match_rates import FALSE_MATCH_RATES, FEWEST, GRID, FalseMatchRates
from index.vectors.space import Profile, Space, shipped_profile
from tests.index.builders import DIM
from tests.spaces import UNMEASURED

TABLE = FalseMatchRates(3, 10_000, (0.1, 0.2, 0.3), (2, 40, 900))
MEASURED = {FALSE_MATCH_RATES: TABLE.to_document()}


@pytest.mark.parametrize(
    ("threshold", "rate"),
    [(0.2, 0.004), (0.11, 0.004), (0.1999, 0.004), (0.2001, 0.09), (0.3, 0.09)],
)
def test_between_two_thresholds_the_rate_is_that_of_the_next(threshold: float, rate: float) -> None:
    assert TABLE.at(threshold) == rate


def test_too_few_matches_count_as_the_fewest_that_mean_something() -> None:
    assert TABLE.at(0.0) == TABLE.at(0.1) == FEWEST / 10_000
    assert FalseMatchRates(2, 4, (0.1,), (0,)).at(0.1) == 1.0


def test_nothing_is_said_beyond_the_table() -> None:
    assert TABLE.at(0.3001) is None
    assert FalseMatchRates(3, 5, (), ()).at(0.1) is None


def test_no_measured_rate_is_below_the_share_of_the_pairs_that_are_as_near() -> None:
    rng = np.random.default_rng(3)
    different = rng.beta(8, 3, 5000) * 1.5
    space = Space.calibrated(Profile((0.0,) * DIM, 0.4))
    table = FalseMatchRates.measure(different, 30, space.distance)
    assert (table.people, table.pairs, table.thresholds) == (30, 5000, GRID)
    for threshold in (*GRID, *rng.uniform(0, GRID[-1], 100).tolist()):
        rate = table.at(threshold)
        assert rate is not None
        share = float((different <= space.distance(threshold)).mean())
        below = float((different <= space.distance(threshold + 0.0051)).mean())
        assert share <= rate <= max(below, FEWEST / 5000)


def test_a_space_finds_the_rate_of_a_distance() -> None:
    space = Space.calibrated(Profile((0.0,) * DIM, 0.5, MEASURED))
    assert space.false_match_rate(0.45) == 0.004
    assert space.false_match_rate(0.76) is None


def test_nothing_is_said_on_the_plain_scale_or_without_a_measurement() -> None:
    plain = Space(Profile((0.0,) * DIM, 0.5, MEASURED), DistanceScale.COSINE)
    assert plain.false_match_rate(0.2) is None
    assert Space.calibrated(UNMEASURED).false_match_rate(0.2) is None


def test_the_table_changes_neither_vectors_nor_thresholds() -> None:
    bare, told = (Space.calibrated(Profile((0.5,) * DIM, 0.5, found)) for found in ({}, MEASURED))
    assert bare.space_id == told.space_id
    assert bare.distance(0.2) == told.distance(0.2)


def test_a_table_survives_being_written_and_read() -> None:
    profile = Profile((0.5,) * DIM, 0.5, MEASURED)
    assert Profile.from_json(profile.to_json()) == profile
    assert FalseMatchRates.of(json.loads(profile.to_json())["measured"]) == TABLE
    assert FalseMatchRates.of({"people": 3}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"pairs": 0},
        {"pairs": 800},
        {"pairs": "many"},
        {"thresholds": [0.1, 0.2]},
        {"thresholds": [0.2, 0.1, 0.3]},
        {"thresholds": [0.1, 0.1, 0.3]},
        {"thresholds": 3},
        {"matches": [40, 2, 900]},
        {"matches": [-1, 40, 900]},
        {"matches": [None, 40, 900]},
    ],
)
def test_a_table_that_makes_no_sense_is_refused_when_the_profile_is_read(
    change: dict[str, object],
) -> None:
    profile = Profile((0.5,), 0.5, {FALSE_MATCH_RATES: TABLE.to_document() | change})
    with pytest.raises(ConfigError, match=FALSE_MATCH_RATES):
        Profile.from_json(profile.to_json())


def test_the_default_model_says_how_often_strangers_are_as_near() -> None:
    """As the table in docs/accuracy.md tells it, each pair around a centre of the others."""
    profile = shipped_profile("facenet", 512)
    table = FalseMatchRates.of(profile.measured)
    assert table is not None
    assert (table.people, table.pairs, table.thresholds) == (100, 3_996_301, GRID)
    told = {0.15: 0.27, 0.175: 1.7, 0.2: 10, 0.225: 43.9, 0.25: 155}  # in 10,000
    for threshold, share in told.items():
        assert table.at(threshold) == pytest.approx(share / 10_000, rel=0.02)
    space = Space.calibrated(profile)
    assert space.false_match_rate(profile.operating_distance) == pytest.approx(0.001, abs=1e-5)
    assert space.false_match_rate(0.0) == pytest.approx(2.5e-6, abs=1e-8)


def test_pairs_of_one_person_are_not_among_those_of_strangers() -> None:
    vectors = np.eye(3, DIM, dtype=np.float32)[[0, 0, 1, 2]]
    _, different = pair_distances(vectors, ["a", "a", "b", "c"])
    table = FalseMatchRates.measure(
        different, 3, Space.calibrated(Profile((0.0,) * DIM, 0.5)).distance
    )
    assert (table.pairs, table.matches[0]) == (5, 0)
