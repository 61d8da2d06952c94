from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.base.arrays import FloatMatrix
from index.base.choices import Split
from index.evaluation.measures import (
    RATES,
    CountQuality,
    LabelledFaces,
    draw,
    halves,
    of_half,
    operating_distance,
    pair_distances,
    quality,
    stranger_pairs,
    true_accept_rates,
)
from index.vectors.space import Profile
from tests.index.builders import unit

names = st.lists(st.text("abcdefgh人", min_size=1, max_size=3), max_size=40)


def labelled(people: list[str]) -> LabelledFaces:
    raw = np.arange(2 * len(people), dtype=np.float32).reshape(-1, 2)
    return LabelledFaces(
        raw, people, np.arange(len(people)), "small", Profile((0.0, 0.0), 0.4), 3, 4
    )


@given(names, st.integers(0, 1000), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_halves_are_disjoint_complete_and_independent_of_the_order_of_photos(
    people: list[str], seed: int, random: Random
) -> None:
    first, second = halves(people, seed)
    assert set(first) & set(second) == set()
    assert sorted(first + second) == sorted(set(people))
    assert len(second) - len(first) in (0, 1)
    random.shuffle(people)
    assert halves(people + people[:5], seed) == (first, second)


def test_halves_follow_the_seed() -> None:
    people = [f"person {number}" for number in range(40)]
    assert halves(people, 1) == halves(people, 1)
    assert len({tuple(halves(people, seed)[0]) for seed in range(20)}) == 20


def test_a_half_keeps_its_peoples_rows_together_with_their_names() -> None:
    people = [f"person {number % 7}" for number in range(30)]
    faces = labelled(people)
    kept = {split: of_half(faces, split, 5) for split in Split}
    assert kept[Split.ALL] is faces
    for split, wanted in zip((Split.A, Split.B), halves(people, 5), strict=True):
        rows = [row for row, name in enumerate(people) if name in wanted]
        assert kept[split].people == [people[row] for row in rows]
        np.testing.assert_array_equal(kept[split].raw, faces.raw[rows])
        assert (kept[split].model_id, kept[split].faceless) == ("small", 3)
    assert len(kept[Split.A].people) + len(kept[Split.B].people) == 30


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_draws_have_the_sizes_asked_for(persons: int, photos: int, seed: int) -> None:
    people = [f"person {number % 10}" for number in range(100)]
    drawn = draw(people, persons, photos, 7, seed)
    assert len(drawn) == 7
    for rows in drawn:
        assert len(set(rows.tolist())) == persons * photos
        counts = np.unique([people[row] for row in rows], return_counts=True)[1]
        assert counts.tolist() == [photos] * persons


def test_draws_follow_seed_and_size_and_differ_from_each_other() -> None:
    people = [f"person {number % 30}" for number in range(300)]

    def rows(persons: int, photos: int, seed: int) -> list[list[int]]:
        return [some.tolist() for some in draw(people, persons, photos, 5, seed)]

    assert rows(5, 4, 1) == rows(5, 4, 1)
    assert rows(5, 4, 1) != rows(5, 4, 2)
    assert len({tuple(some) for some in rows(5, 4, 1)}) == 5
    assert rows(5, 4, 1)[0][:4] != rows(4, 4, 1)[0][:4]
    assert draw(people, 5, 4, 3, 1)[2].tolist() == rows(5, 4, 1)[2]  # fewer draws: the same ones


def test_people_and_photos_that_are_missing_are_not_drawn_twice() -> None:
    people = ["a", "b", "b", "c", "c", "c"]
    for rows in draw(people, 5, 2, 20, 0):
        assert sorted(people[row] for row in rows) == ["a", "b", "b", "c", "c"]


def test_the_quality_of_counts_by_hand() -> None:
    people = ["a", "a", "b", "c"]
    draws = [np.array(rows) for rows in ([0, 1], [0, 2], [0, 1, 2, 3], [3])]
    counted = iter([1, 4, 2, 1])  # truly 1, 2, 3 and 1
    found = quality(lambda _: next(counted), people, draws)
    assert found == CountQuality(exact=0.5, mean_error=0.75, bias=0.25)


def test_a_count_is_given_the_rows_of_each_draw() -> None:
    draws = [np.array([0, 2]), np.array([1])]
    seen: list[list[int]] = []
    quality(lambda rows: len(seen.append(rows.tolist()) or rows), ["a", "b", "c"], draws)
    assert seen == [[0, 2], [1]]


def test_pairs_are_split_into_those_of_one_person_and_of_two() -> None:
    vectors = np.array([[1, 0], [0.6, 0.8], [0, 1], [-1, 0]], np.float32)
    same, different = pair_distances(vectors, ["a", "a", "b", "a"])
    assert sorted(same.tolist()) == pytest.approx([0.4, 1.6, 2.0])
    assert sorted(different.tolist()) == pytest.approx([0.2, 1.0, 1.0])


def test_the_operating_distance_lets_one_pair_of_strangers_in_a_thousand_pass() -> None:
    different = np.random.default_rng(0).permutation(np.linspace(0.5, 1.5, 100_001))
    assert operating_distance(different) == pytest.approx(0.501)
    assert operating_distance(different, 0.01) == pytest.approx(0.51)
    assert (different < operating_distance(different)).mean() == pytest.approx(1e-3, rel=0.01)


def test_no_accept_rate_is_told_of_fewer_pairs_of_strangers_than_mean_something() -> None:
    """One in 10,000 was told of 2,000 pairs."""
    same = np.array([0.1, 0.4])
    known = {
        size: len(true_accept_rates(same, np.linspace(0.5, 1.5, size)))
        for size in (900, 1_000, 9_000, 10_000, 90_000, 100_000)
    }
    assert known == {900: 0, 1_000: 1, 9_000: 1, 10_000: 2, 90_000: 2, 100_000: 3}


def test_accept_rates_are_shares_of_pairs_of_one_person_closer_than_that() -> None:
    different = np.linspace(0.5, 1.5, 100_001)
    same = np.array([0.1, 0.4, 0.5005, 0.505, 0.6])
    rates = true_accept_rates(same, different)
    assert list(rates) == list(RATES)
    assert [rates[rate] for rate in (1e-2, 1e-3, 1e-4)] == pytest.approx([0.8, 0.6, 0.4])


def noisy(seed: int, people: int = 60, photos: int = 4) -> tuple[FloatMatrix, list[str]]:
    rng = np.random.default_rng(seed)
    rows = np.repeat(rng.normal(size=(people, 24)), photos, axis=0)
    names = [f"person {number // photos:02}" for number in range(people * photos)]
    return (rows + 0.5 * rng.normal(size=rows.shape)).astype(np.float32), names


@pytest.mark.parametrize("seed", range(3))
def test_the_bootstrap_interval_holds_the_estimate_and_repeats_itself(seed: int) -> None:
    pairs = stranger_pairs(*noisy(seed))
    low, high = pairs.interval(1e-3, seed)
    assert low <= pairs.operating_distance(1e-3) <= high
    assert 0 < high - low < 0.3
    assert pairs.interval(1e-3, seed) == (low, high)
    assert pairs.interval(1e-3, seed + 1) != (low, high)


def test_a_bootstrap_round_weighs_pairs_by_how_often_their_people_are_drawn() -> None:
    """One round against the pairs written out one by one."""
    pairs = stranger_pairs(*noisy(4, 40, 3))
    drawn = np.bincount(np.random.default_rng(7).integers(40, size=40), minlength=40)
    every = np.repeat(pairs.distances, drawn[pairs.first] * drawn[pairs.second])
    low, high = pairs.interval(1e-3, 7, rounds=1)
    assert low == high == pytest.approx(np.quantile(every, 1e-3), abs=0.01)


def test_strangers_are_compared_around_a_centre_of_the_others() -> None:
    raw, names = noisy(1, 5, 3)
    pairs = stranger_pairs(raw, names)
    assert len(pairs.distances) == 10 * 9
    assert pairs.faces.tolist() == [3] * 5
    centre = raw[[n for n, name in enumerate(names) if name not in {names[3], names[6]}]].mean(0)
    expected = 1 - unit(raw[3:6] - centre) @ unit(raw[6:9] - centre).T
    found = pairs.distances[(pairs.first == 1) & (pairs.second == 2)]
    assert found == pytest.approx(expected.ravel(), abs=1e-5)


def test_people_around_their_own_centre_look_farther_apart_than_strangers_will() -> None:
    raw, names = noisy(2, 6, 10)
    own = unit(raw - raw.mean(axis=0))
    _, flattered = pair_distances(own, names)
    assert stranger_pairs(raw, names).distances.mean() < flattered.mean() - 0.1
