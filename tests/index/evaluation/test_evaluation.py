import json
import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from index.base.choices import Linkage
from index.counting.grouping import persons
from index.evaluation import evaluation
from index.evaluation.evaluation import (
    THRESHOLDS,
    Evaluation,
    balanced_centre,
    calibrate,
    evaluate,
)
from index.evaluation.measures import pair_distances, stranger_pairs
from index.vectors.match_rates import GRID, FalseMatchRates
from index.vectors.space import Profile, Scatter, Space, unmeasured
from tests.index.builders import face_set

DIM = 128
SPACE = Space.calibrated(Profile((0.0,) * DIM, 0.4))
SIZES = ((2, 5), (5, 4), (10, 3))


def synthetic(
    people: int, photos: int, spread: float, seed: int = 0
) -> tuple[NDArray[np.float32], list[str]]:
    """Raw embeddings of people around points of their own, and whose they are."""
    rng = np.random.default_rng(seed)
    rows = np.repeat(rng.normal(size=(people, DIM)), photos, axis=0)
    raw = rows + spread * rng.normal(size=rows.shape)
    return raw.astype(np.float32), [f"person {n // photos}" for n in range(len(raw))]


def judge(
    raw: NDArray[np.float32], people: list[str], linkage: Linkage, seed: int = 0
) -> Evaluation:
    photos = np.arange(len(raw))
    return evaluate(raw, people, SPACE, linkage, 0.2, SIZES, 10, seed, lambda *_: None, photos)


@pytest.mark.parametrize("linkage", Linkage)
def test_people_far_apart_are_counted_exactly_under_every_linkage(linkage: Linkage) -> None:
    result = judge(*synthetic(12, 6, 0.3), linkage)
    assert (result.people, result.faces, result.linkage) == (12, 72, linkage)
    assert [(size.persons, size.photos, size.draws) for size in result.sizes] == [
        (*size, 10) for size in SIZES
    ]
    for size in result.sizes:
        assert (size.at_threshold.exact, size.at_threshold.mean_error) == (1.0, 0.0)
        assert size.at_best.exact == 1.0
        assert [threshold for threshold, _ in size.curve] == list(THRESHOLDS)
    assert (result.false_match_rate, set(result.true_accept_rates.values())) == (0.0, {1.0})


@pytest.mark.parametrize("linkage", Linkage)
def test_the_best_threshold_has_most_exact_counts_and_then_least_error(linkage: Linkage) -> None:
    for size in judge(*synthetic(12, 6, 1.0), linkage).sizes:
        best = max(quality.exact for _, quality in size.curve)
        tied = [quality.mean_error for _, quality in size.curve if quality.exact == best]
        assert dict(size.curve)[size.best_threshold] == size.at_best
        assert (size.at_best.exact, size.at_best.mean_error) == (best, min(tied))
        assert dict(size.curve)[0.2] == size.at_threshold


@pytest.mark.parametrize("linkage", Linkage)
def test_a_report_is_json_and_the_same_bytes_twice(linkage: Linkage) -> None:
    first, second = (
        json.dumps(judge(*synthetic(12, 6, 0.9), linkage, 3).to_document(), allow_nan=False)
        for _ in range(2)
    )
    assert first == second
    document = json.loads(first)
    assert list(document["true_accept_rates"]) == ["0.01"]  # of 2,376 pairs
    assert [(size["persons"], size["photos"]) for size in document["sizes"]] == list(SIZES)
    assert list(document["sizes"][0]["at_threshold"]) == ["exact", "mean_error", "bias"]
    assert "curve" not in document["sizes"][0]
    other = judge(*synthetic(12, 6, 0.9), linkage, 4).to_document()
    assert json.dumps(other) != first


@pytest.mark.parametrize("linkage", Linkage)
@pytest.mark.parametrize("seed", range(3))
def test_counts_are_those_of_people_persons_at_every_threshold(linkage: Linkage, seed: int) -> None:
    rng = np.random.default_rng(seed)
    raw, _ = synthetic(8, 5, 0.9, seed)
    faces = face_set(SPACE.unit(raw[rng.permutation(40)[:30]]))
    cuts = [SPACE.cut(threshold) for threshold in (0.2, 0.0, *THRESHOLDS, 0.5, 1.0)]
    expected = [int(persons(faces, cut, linkage).max()) + 1 for cut in cuts]
    assert evaluation._counts(faces, linkage, cuts) == expected


@pytest.mark.parametrize("linkage", Linkage)
def test_counts_of_pairs_at_the_cut_are_those_of_people_persons(linkage: Linkage) -> None:
    """Pairs so near a threshold that float32 cannot tell on which side of it they are."""
    rng = np.random.default_rng(1)
    expected, found = [], []
    for _ in range(40):
        one, other = rng.normal(size=(2, DIM))
        pair = SPACE.unit(np.stack((one, one + rng.uniform(0.4, 1.2) * other)).astype(np.float32))
        exact = 1 - float(pair[0].astype(np.float64) @ pair[1].astype(np.float64))
        for off in (-1e-8, 1e-8):
            cuts = [SPACE.cut(at) for at in (SPACE.threshold(exact + off), 1.0)]
            faces = face_set(pair)
            expected.append([int(persons(faces, cut, linkage).max()) + 1 for cut in cuts])
            found.append(evaluation._counts(faces, linkage, cuts))
    assert found == expected


def test_progress_is_told_before_each_size_and_at_the_end() -> None:
    raw, people = synthetic(12, 6, 0.3)
    told: list[tuple[int, int]] = []
    photos = np.arange(len(raw))

    def tell(*seen: int) -> None:
        told.append(seen)

    evaluate(raw, people, SPACE, Linkage.SINGLE, 0.2, SIZES, 1, 0, tell, photos)
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_the_false_match_rate_is_measured_at_the_threshold_asked_for() -> None:
    raw, people = synthetic(10, 4, 0.9)
    _, different = pair_distances(SPACE.unit(raw), people)
    threshold = SPACE.threshold(float(np.median(different)))
    photos, sizes = np.arange(len(raw)), ((2, 2),)
    result = evaluate(
        raw, people, SPACE, Linkage.SINGLE, threshold, sizes, 1, 0, lambda *_: None, photos
    )
    assert result.false_match_rate == pytest.approx(0.5, abs=0.01)
    assert result.operating_distance == 0.4
    table = result.false_match_rates
    assert (table.people, table.pairs) == (10, len(different))
    assert table.matches[GRID.index(0.3)] == (different <= SPACE.distance(0.3)).sum()


def test_people_with_one_photo_each_give_a_report_without_nan() -> None:
    """No pair of one person: then there is no accept rate, but JSON knows no NaN."""
    raw, people = synthetic(12, 1, 0.3)
    document = judge(raw, people, Linkage.EVIDENCE).to_document()
    json.dumps(document, allow_nan=False)


def test_calibrations_centre_is_the_mean_of_each_persons_mean() -> None:
    raw, people = synthetic(6, 5, 0.5)
    raw, people = raw[:-3] + 2, people[:-3]  # the last person has two photos only
    names = np.array(people)
    means = [raw[names == name].astype(np.float64).mean(axis=0) for name in set(people)]
    profile = calibrate(raw, people, 0)
    np.testing.assert_allclose(profile.centre, np.mean(means, axis=0), atol=1e-6)
    assert profile.centre == balanced_centre(raw, people)
    np.testing.assert_raises(
        AssertionError, np.testing.assert_allclose, profile.centre, raw.mean(axis=0), atol=1e-3
    )


def test_calibration_measures_the_distance_of_strangers_and_keeps_what_is_the_models_own() -> None:
    raw, people = synthetic(40, 5, 0.8)
    before = replace(unmeasured(DIM), scatter=Scatter(0.6, 0.3, 10.0), operating_rate=2e-3)
    profile = calibrate(raw + 1, people, 0, before)
    pairs = stranger_pairs(raw + 1, people)
    assert profile.centre == balanced_centre(raw + 1, people)
    assert profile.operating_distance == pytest.approx(pairs.operating_distance(2e-3), abs=1e-4)
    assert (profile.scatter, profile.operating_rate) == (before.scatter, before.operating_rate)
    low, high = profile.measured["operating_distance_95"]
    assert low <= profile.operating_distance <= high
    assert (profile.measured["people"], profile.measured["faces"]) == (40, 200)
    assert list(profile.measured["true_accept_rates"]) == ["0.01", "0.001"]  # of 19,500 pairs
    table = FalseMatchRates.of(profile.measured)
    assert table is not None
    assert (table.people, table.pairs) == (40, 19_500)
    at_operating = table.matches[GRID.index(0.2)] / table.pairs
    assert at_operating == pytest.approx(2e-3, abs=2 / table.pairs)
    assert calibrate(raw + 1, people, 0, before) == profile


def test_a_calibrated_profile_can_be_stored_and_read_again() -> None:
    profile = calibrate(*synthetic(10, 4, 0.8), 0)
    assert Profile.from_json(profile.to_json()) == profile


def test_calibration_of_people_with_one_photo_each_gives_a_profile_without_nan() -> None:
    profile = calibrate(*synthetic(30, 1, 0.3), 0)
    rates = profile.measured["true_accept_rates"].values()
    assert all(rate is None or math.isfinite(rate) for rate in rates)
