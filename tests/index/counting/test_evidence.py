from itertools import combinations, pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from index.base.choices import Linkage
from index.base.errors import RequestError
from index.counting.effort import Effort
from index.counting.evidence import BLOCK_ROWS, merge_by_evidence, similarities
from index.counting.formula import SAME_PHOTO
from index.counting.hierarchy import Hierarchy, hierarchy
from index.counting.weights import STEPS, weights_of
from index.vectors.space import USUAL, Scatter
from tests.index.builders import Matrix, face_set, unit

Photos = NDArray[np.int64]

MARGIN = 5e-5  # of gains; the computation in float32 is off by less than a tenth of it
TOLERANCE = 5e-5  # of heights, likewise


def own_photos(vectors: Matrix) -> Photos:
    return np.arange(len(vectors))


def tree(vectors: Matrix, photos: Photos | None = None) -> Hierarchy:
    return hierarchy(face_set(vectors, photos), Linkage.EVIDENCE)


def pair_at(distance: float, dim: int = 8) -> Matrix:
    """Two unit vectors at a cosine distance."""
    rows = np.zeros((2, dim))
    rows[0, 0] = 1
    rows[1, :2] = 1 - distance, np.sqrt(1 - (1 - distance) ** 2)
    return rows.astype(np.float32)


@st.composite
def faces(draw: st.DrawFn, most: int = 25) -> tuple[Matrix, Photos]:
    """Noisy groups, some of whose faces share a photo."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(2, most))
    dim = draw(st.sampled_from([8, 64, 512]))
    spread = draw(st.sampled_from([0.2, 0.7, 1.0]))
    centres = rng.normal(size=(draw(st.integers(1, 8)), dim))
    rows = centres[rng.integers(len(centres), size=count)]
    photos = rng.integers(draw(st.sampled_from([2, 5, 1000])), size=count)
    return unit(rows + spread * rng.normal(size=(count, dim))), photos


Group = tuple[int, ...]


class Reference:
    """The module's docstring taken literally: every pair of groups, anew after every merge."""

    def __init__(
        self,
        vectors: Matrix,
        photos: Photos,
        weights: NDArray[np.int64] | None = None,
        scatter: Scatter = USUAL,
    ) -> None:
        count = len(vectors)
        self._weights = np.ones(count) if weights is None else weights / STEPS
        self._scatter = scatter
        wide = vectors.astype(np.float64)
        distances = 1 - wide @ wide.T
        distances[photos[:, None] == photos[None, :]] *= SAME_PHOTO
        self._dots = 1 - distances
        self.groups: list[Group] = [(face,) for face in range(len(vectors))]
        self.heights: list[float] = []
        self.histories: list[list[Group]] = [list(self.groups)]
        self.margin = np.inf  # between the best gain and the next best, at the narrowest
        while len(self.groups) > 1:
            self._merge_best()

    def _weight(self, group: Group, two_lone: bool = False) -> float:
        return len(group) if two_lone else float(sum(self._weights[face] for face in group))

    def _square(self, group: Group, two_lone: bool = False) -> float:
        weights = np.ones(len(self._weights)) if two_lone else self._weights
        pairs = combinations(group, 2)
        products = (weights[a] * weights[b] * self._dots[a, b] for a, b in pairs)
        return float(sum(weights[face] ** 2 for face in group) + 2 * sum(products))

    def _evidence(self, size: float, square: float) -> float:
        r = self._scatter.rho / (1 - self._scatter.rho)
        k = r / (1 - self._scatter.rho)
        return float(k * square / (1 + r * size) - np.log(1 + r * size))

    def _gain(self, one: Group, other: Group) -> float:
        two = len(one) == len(other) == 1
        both, weights = one + other, [self._weight(group, two) for group in (one, other)]
        together = self._evidence(self._weight(both, two), self._square(both, two))
        apart = [
            self._evidence(weight, self._square(group, two))
            for weight, group in zip(weights, (one, other), strict=True)
        ]
        ratio = max(weights) / min(weights)
        prior = self._scatter.stray * np.log(min(ratio, self._scatter.stray_ratio))
        return float(together - sum(apart) + prior)

    def _height(self, gain: float) -> float:
        """The distance at which two lone faces gain as much."""
        at_zero, at_one = (
            self._evidence(2, 2 + 2 * (1 - distance)) - 2 * self._evidence(1, 1.0)
            for distance in (0.0, 1.0)
        )
        return (at_zero - gain) / (at_zero - at_one)

    def _merge_best(self) -> None:
        gains = {pair: self._gain(*pair) for pair in combinations(self.groups, 2)}
        (one, other), best = max(gains.items(), key=lambda item: item[1])
        rest = [gain for pair, gain in gains.items() if pair != (one, other)]
        self.margin = min(self.margin, best - max(rest, default=-np.inf))
        self.groups = [group for group in self.groups if group not in (one, other)]
        self.groups.append(tuple(sorted(one + other)))
        lowest = self.heights[-1] if self.heights else 0.0
        self.heights.append(max(self._height(best), lowest))
        self.histories.append(list(self.groups))


def groups_of(labels: NDArray[np.int64]) -> set[Group]:
    return {tuple(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())}


@pytest.mark.parametrize("weighed", [False, True])
@given(given_faces=faces(), seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_merges_are_those_of_a_plain_float64_reference(
    weighed: bool, given_faces: tuple[Matrix, Photos], seed: int
) -> None:
    vectors, photos = given_faces
    scatter, weights = USUAL, None
    if weighed:
        scatter = Scatter(0.66, 0.3, 10.0, norm=70.0)
        norms = np.random.default_rng(seed).uniform(10, 160, size=len(vectors))
        weights = weights_of(norms, scatter)
    reference = Reference(vectors, photos, weights, scatter)
    assume(reference.margin > MARGIN)
    found = hierarchy(face_set(vectors, photos, scatter, weights), Linkage.EVIDENCE)
    np.testing.assert_allclose(found.heights, reference.heights, atol=TOLERANCE)
    edges = [0.0, *reference.heights, reference.heights[-1] + 1]
    for merged, (low, high) in enumerate(pairwise(edges)):
        if high - low > 4 * TOLERANCE:
            labels = found.labels_at((low + high) / 2)
            assert groups_of(labels) == set(reference.histories[merged])


@pytest.mark.parametrize("seed", range(4))
def test_well_separated_people_agree_with_the_reference_to_the_last_merge(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(5, 512))[np.repeat(np.arange(5), 5)]
    vectors = unit(rows + 0.6 * rng.normal(size=rows.shape))
    photos = np.tile(np.arange(5), 5)  # five photos, each of all five people
    reference = Reference(vectors, photos)
    found = tree(vectors, photos)
    np.testing.assert_allclose(found.heights, reference.heights, atol=TOLERANCE)
    assert groups_of(found.labels_at(0.46)) == {tuple(range(n, n + 5)) for n in range(0, 25, 5)}


@pytest.mark.parametrize("distance", [0.001, 0.1, 0.4, 0.7, 1.0, 1.3, 1.9])
def test_a_lone_pairs_height_is_its_cosine_distance(distance: float) -> None:
    assert tree(pair_at(distance)).heights == pytest.approx([distance], abs=1e-6)


@pytest.mark.parametrize("distance", [0.001, 0.1, 0.4, 0.7, 1.0])
def test_two_lone_faces_of_one_photo_are_four_times_as_far_apart(distance: float) -> None:
    [height] = tree(pair_at(distance), np.array([7, 7])).heights
    assert height == pytest.approx(SAME_PHOTO * distance, abs=1e-5)


def test_copies_merge_at_height_zero_and_are_no_further_evidence() -> None:
    rng = np.random.default_rng(3)
    vectors = unit(rng.normal(size=(3, 64))[np.repeat(np.arange(3), 3)] + rng.normal(size=(9, 64)))
    alone = tree(vectors)
    copied = np.vstack((vectors, vectors[[0, 0, 0, 4]]))
    found = tree(copied)
    assert found.heights[:4].tolist() == [0.0] * 4
    np.testing.assert_array_equal(found.heights[4:], alone.heights)
    for height in alone.heights:
        labels = found.labels_at(height + 1e-9)
        assert labels[:9].tolist() == alone.labels_at(height + 1e-9).tolist()
        assert labels[9:].tolist() == labels[[0, 0, 0, 4]].tolist()


def test_nothing_but_copies_is_one_person_at_any_cut_above_zero() -> None:
    vectors = np.repeat(pair_at(0.3)[:1], 5, axis=0)
    found = tree(vectors, np.array([1, 1, 2, 3, 3]))
    assert found.heights.tolist() == [0.0] * 4
    assert (found.persons_at(0.0), found.persons_at(1e-12)) == (5, 1)


@given(faces(most=60))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_heights_ascend_and_the_count_never_rises_with_the_cut(
    given_faces: tuple[Matrix, Photos],
) -> None:
    found = tree(*given_faces)
    assert len(found.heights) == found.count - 1
    assert (np.diff(found.heights) >= 0).all()
    assert found.heights[0] >= 0
    assert np.isfinite(found.heights).all()
    counts = [found.persons_at(cut) for cut in np.linspace(0, found.heights[-1] + 1, 50)]
    assert counts == sorted(counts, reverse=True)
    assert (counts[0], counts[-1]) == (found.count, 1)


@given(faces(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_order_of_faces_changes_no_height_and_no_group(
    given_faces: tuple[Matrix, Photos], random: Random
) -> None:
    vectors, photos = given_faces
    order = list(range(len(vectors)))
    random.shuffle(order)
    straight, shuffled = tree(vectors, photos), tree(vectors[order], photos[order])
    np.testing.assert_array_equal(straight.heights, shuffled.heights)
    for height in straight.heights:
        labels = np.empty(len(order), np.int64)
        labels[order] = shuffled.labels_at(height)
        assert groups_of(labels) == groups_of(straight.labels_at(height))


def test_the_order_of_copies_in_different_photos_changes_no_height() -> None:
    """A photo saved in two formats has the same vectors twice; beside one copy stands another."""
    first, second = pair_at(0.3)
    vectors = np.stack((first, first, second))  # the first copy stands beside the second person
    photos = np.array([1, 2, 1])
    order = [1, 0, 2]
    straight, swapped = tree(vectors, photos), tree(vectors[order], photos[order])
    np.testing.assert_array_equal(straight.heights, swapped.heights)


def test_the_numbers_of_photos_mean_nothing() -> None:
    rng = np.random.default_rng(8)
    vectors = unit(rng.normal(size=(12, 32)))
    photos = np.array([1, 1, 2, 3, 3, 3, 4, 5, 5, 6, 6, 7])
    others = np.array([90, 5, 70, 61, 3, 2, 1])[photos - 1]
    np.testing.assert_array_equal(tree(vectors, photos).heights, tree(vectors, others).heights)


def test_no_faces_and_one_face_have_no_merges() -> None:
    for count in (0, 1):
        found = tree(np.ones((count, 1), np.float32), np.zeros(count, np.int64))
        assert found.heights.shape == (0,)
        assert found.persons_at(2.0) == count
        assert found.labels_at(2.0).tolist() == [0] * count


def test_the_merges_of_one_face_are_none_also_without_the_hierarchy() -> None:
    first, second, heights = merge_by_evidence(face_set(pair_at(0.3)[:1]))
    assert (len(first), len(second), len(heights)) == (0, 0, 0)


def test_near_copies_in_one_photo_stay_one_person() -> None:
    """A mirror or a collage shows the same face twice, nearly identical."""
    rng = np.random.default_rng(1)
    face = rng.normal(size=(1, 512))
    vectors = unit(face + 0.15 * rng.normal(size=(4, 512)))
    photos = np.array([3, 3, 3, 3])
    assert tree(vectors, photos).persons_at(0.45) == 1


def test_strangers_in_one_photo_who_look_alike_stay_two() -> None:
    alike = pair_at(0.3)
    assert tree(alike, np.array([1, 2])).persons_at(0.45) == 1
    assert tree(alike, np.array([1, 1])).persons_at(0.45) == 2


def test_a_group_needs_less_similarity_than_a_lone_face_does() -> None:
    """Five faces that all agree speak for a sixth that is a little beyond the cut of a pair."""
    rng = np.random.default_rng(2)
    person = rng.normal(size=(1, 512))
    vectors = unit(person + 1.05 * rng.normal(size=(8, 512)))
    wide = vectors.astype(np.float64)
    nearest_pair = (1 - wide @ wide.T)[np.triu_indices(8, 1)].min()
    assert tree(vectors).heights[-1] < nearest_pair + 0.05


@pytest.mark.parametrize("count", [1, 2, 3, 7, 16, 63, 100, 257, 1000])
def test_similarities_are_exactly_symmetric(count: int) -> None:
    """The search takes a row of them for a column."""
    rng = np.random.default_rng(count)
    dots = similarities(unit(rng.normal(size=(count, 512))), [])
    np.testing.assert_array_equal(dots, dots.T)


def test_similarities_of_many_blocks_are_those_of_one_product() -> None:
    points = unit(np.random.default_rng(4).normal(size=(2 * BLOCK_ROWS + 100, 64)))
    expected = points @ points.T
    for threads in (1, 2):
        dots = similarities(points, [], Effort(threads=threads))
        np.testing.assert_allclose(dots, expected, atol=1e-6)


def test_comparing_all_pairs_ends_when_the_time_is_over() -> None:
    vectors = unit(np.random.default_rng(4).normal(size=(2 * BLOCK_ROWS, 16)))
    with pytest.raises(RequestError, match="within 0 seconds"):
        hierarchy(face_set(vectors), Linkage.EVIDENCE, effort=Effort(seconds=0.0))


def test_the_vectors_given_are_not_modified() -> None:
    vectors = unit(np.random.default_rng(6).normal(size=(10, 16)))
    before = vectors.copy()
    tree(vectors, own_photos(vectors) // 2)
    np.testing.assert_array_equal(vectors, before)
