import math

import numpy as np
import pytest

from index.evaluation.counted_people import (
    BULK,
    CountedPeople,
    Departure,
    Line,
    rate_at,
    similarities_at,
)
from index.evaluation.measures import stranger_pairs
from index.vectors.match_rates import FalseMatchRates
from index.vectors.space import Space
from tests.index.evaluation.places import faces, shipped


def of_labels(shift: float = 0.0, people: int = 30) -> tuple[CountedPeople, list[str]]:
    """Persons that are the people themselves."""
    raw, names = faces(people, 5, 2, shift)
    number = np.array([int(name) for name in names])
    means = np.array([raw[number == one].mean(axis=0, dtype=np.float64) for one in range(people)])
    return CountedPeople(raw.astype(np.float64), number, means), names


def test_each_pair_is_compared_around_a_centre_of_the_others() -> None:
    """By an expanded product for all pairs at once; calibrate does it pair by pair."""
    people, names = of_labels()
    found = people.strangers(len(names)).similarities
    expected = 1 - stranger_pairs(people.raw.astype(np.float32), names).distances
    np.testing.assert_allclose(np.sort(found), np.sort(expected), atol=1e-5)


def test_a_count_of_people_far_apart_finds_each_of_them() -> None:
    raw, names = faces(30, 5, 2)
    people = CountedPeople.count(raw, np.arange(len(raw)), shipped())
    assert people.number == 30
    assert [f"{one:04}" for one in people.person_of] == names
    np.testing.assert_allclose(people.means[3], raw[15:20].mean(axis=0), rtol=1e-5)


def test_other_people_are_as_far_off_as_by_chance_and_one_place_is_farther() -> None:
    times = [of_labels(shift)[0].departure(shipped()).times for shift in (0, 3, 6)]
    assert 0.8 < times[0] < 1.2 < times[1] < times[2]


def test_the_weight_is_what_chance_does_not_explain() -> None:
    assert [Departure(found, 2.0).weight for found in (0.0, 1.0, 2.0, 4.0)] == [0, 0, 0, 0.75]


def test_no_person_has_more_pairs_than_twenty_photos_give() -> None:
    raw = np.concatenate((faces(1, 90, 5)[0], faces(20, 2, 6)[0]))
    person = np.concatenate((np.zeros(90, np.int64), 1 + np.arange(40) // 2))
    people = CountedPeople(raw.astype(np.float64), person, np.zeros((21, raw.shape[1])))
    assert np.bincount(person[people.sample(1000)]).tolist() == [20, *[2] * 20]
    assert len(people.sample(7)) == 7


def test_strangers_like_the_profiles_lie_on_its_own_line() -> None:
    people, _ = of_labels(people=60)
    line = people.strangers(2000).line(shipped())
    assert line.start == pytest.approx(0, abs=0.02)
    assert line.slope == pytest.approx(1, abs=0.06)
    drawn = people.strangers(2000).line(shipped(), np.ones(people.number, np.int64))
    assert drawn.slope == pytest.approx(line.slope, abs=1e-3)


def test_a_line_goes_both_ways_and_part_of_it_lies_between() -> None:
    line = Line(0.1, 1.2)
    assert line.there(line.here(0.45)) == pytest.approx(0.45)
    assert line.part(0).here(0.45) == 0.45
    assert line.part(0.5).here(0.45) == pytest.approx((0.45 + line.here(0.45)) / 2)


def test_rates_and_similarities_of_a_profile_are_each_others_inverse() -> None:
    profile = shipped()
    table = FalseMatchRates.of(profile.measured)
    assert table is not None
    for rate, similarity in zip(BULK, similarities_at(profile, BULK), strict=True):
        assert rate_at(profile, float(similarity)) == pytest.approx(rate)
    operating = 1 - Space.calibrated(profile).distance(0.2)
    assert math.isclose(rate_at(profile, operating), profile.operating_rate, rel_tol=0.1)
