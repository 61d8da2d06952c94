from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster
from scipy.cluster.hierarchy import linkage as scipy_linkage
from scipy.spatial.distance import squareform

from index.base.choices import Linkage
from index.counting.grouping import components, find_links
from index.counting.hierarchy import Hierarchy, by_appearance, content_order, hierarchy
from tests.index.builders import Matrix, face_set, unit

HIERARCHICAL = (Linkage.EVIDENCE, Linkage.SINGLE, Linkage.AVERAGE, Linkage.COMPLETE)
GAP = 1e-5  # heights nearer than this are taken for a tie


@st.composite
def vectors_of(draw: st.DrawFn, most: int = 30, *, copies: bool = True) -> Matrix:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, dim = draw(st.integers(0, most)), draw(st.sampled_from([8, 64, 512]))
    spread = draw(st.sampled_from([0.1, 0.6, 2.0]))
    centres = rng.normal(size=(draw(st.integers(1, 8)), dim))
    rows = centres[rng.integers(len(centres), size=count)]
    found = unit(rows + spread * rng.normal(size=(count, dim)))
    if copies and count:
        chosen = rng.integers(count, size=draw(st.integers(0, count // 2)))
        found[chosen] = found[rng.permutation(chosen)]
    return found


def midpoints(heights: NDArray[np.float64]) -> list[float]:
    """Cuts below, between and above the merges, each clear of them."""
    edges = [-1.0, *heights.tolist(), float(heights.max(initial=0.0)) + 1]
    return [(low + high) / 2 for low, high in pairwise(edges) if high - low > GAP]


def shuffled(vectors: Matrix, random: Random) -> tuple[list[int], Matrix]:
    order = list(range(len(vectors)))
    random.shuffle(order)
    return order, np.ascontiguousarray(vectors[order])


@given(vectors_of())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_single_counts_the_connected_components_of_all_links(vectors: Matrix) -> None:
    found = hierarchy(face_set(vectors), Linkage.SINGLE)
    for distance in midpoints(found.heights):
        links = find_links(vectors, 1 - distance)
        expected = components(links, len(vectors)).tolist()
        assert found.labels_at(distance).tolist() == expected


@pytest.mark.parametrize("linkage", [Linkage.AVERAGE, Linkage.COMPLETE])
@given(vectors=vectors_of(copies=False))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_average_and_complete_are_scipys(linkage: Linkage, vectors: Matrix) -> None:
    if len(vectors) < 2:
        return
    wide = vectors.astype(np.float64)
    distances = np.clip(1 - wide @ wide.T, 0, 2)
    np.fill_diagonal(distances, 0)
    expected = scipy_linkage(squareform(distances, checks=False), linkage.value)
    found = hierarchy(face_set(vectors), linkage)
    np.testing.assert_allclose(found.heights, expected[:, 2], atol=1e-9)
    for distance in midpoints(found.heights):
        labels = fcluster(expected, distance, "distance").astype(np.int64)
        assert found.labels_at(distance).tolist() == by_appearance(labels).tolist()


@given(vectors_of(), st.sampled_from(HIERARCHICAL), st.floats(-1, 9))
@settings(max_examples=120, deadline=None, derandomize=True)
def test_the_number_of_persons_is_the_number_of_labels(
    vectors: Matrix, linkage: Linkage, distance: float
) -> None:
    found = hierarchy(face_set(vectors), linkage)
    labels = found.labels_at(distance).tolist()
    assert found.persons_at(distance) == len(set(labels))
    assert list(dict.fromkeys(labels)) == list(range(len(set(labels))))  # by first appearance


@given(vectors_of(), st.sampled_from(HIERARCHICAL))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_heights_ascend_from_zero_and_the_last_merge_leaves_one(
    vectors: Matrix, linkage: Linkage
) -> None:
    found = hierarchy(face_set(vectors), linkage)
    assert found.count == len(vectors)
    assert len(found.heights) == len(found.first) == len(found.second) == max(0, len(vectors) - 1)
    assert (np.diff(found.heights) >= 0).all()
    assert (found.heights >= 0).all()
    assert found.persons_at(np.inf) == min(len(vectors), 1)


@given(vectors_of(), st.sampled_from(HIERARCHICAL))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_merge_happens_strictly_above_its_height_only(vectors: Matrix, linkage: Linkage) -> None:
    found = hierarchy(face_set(vectors), linkage)
    for height in found.heights:
        below = int((found.heights < height).sum())
        upto = int((found.heights <= height).sum())
        assert found.persons_at(height) == found.count - below
        assert found.persons_at(np.nextafter(height, np.inf)) == found.count - upto
        assert len(set(found.labels_at(height).tolist())) == found.count - below


@given(vectors_of(), st.sampled_from(HIERARCHICAL), st.randoms(use_true_random=False))
@settings(max_examples=120, deadline=None, derandomize=True)
def test_the_order_of_faces_changes_no_bit_of_a_height(
    vectors: Matrix, linkage: Linkage, random: Random
) -> None:
    order, other = shuffled(vectors, random)
    straight, mixed = hierarchy(face_set(vectors), linkage), hierarchy(face_set(other), linkage)
    np.testing.assert_array_equal(straight.heights, mixed.heights)
    for distance in midpoints(straight.heights):
        labels = np.empty(len(order), np.int64)
        labels[order] = mixed.labels_at(distance)
        np.testing.assert_array_equal(by_appearance(labels), straight.labels_at(distance))


@given(vectors_of(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_content_order_of_rows_does_not_depend_on_their_order(
    vectors: Matrix, random: Random
) -> None:
    _, other = shuffled(vectors, random)
    np.testing.assert_array_equal(vectors[content_order(vectors)], other[content_order(other)])


@pytest.mark.parametrize("linkage", HIERARCHICAL)
def test_chains_merge_as_far_as_the_linkage_lets_them(linkage: Linkage) -> None:
    angles = np.radians([0, 40, 80, 120])
    vectors = np.stack((np.cos(angles), np.sin(angles)), axis=1).astype(np.float32)
    step, end = 1 - np.cos(np.radians(40)), 1 - np.cos(np.radians(120))
    last = hierarchy(face_set(vectors), linkage).heights[-1]
    if linkage is Linkage.SINGLE:
        assert last == pytest.approx(step, abs=1e-6)
    elif linkage is Linkage.COMPLETE:
        assert last == pytest.approx(end, abs=1e-6)
    else:
        assert step < last < end


@pytest.mark.parametrize("linkage", [Linkage.SINGLE, Linkage.AVERAGE, Linkage.COMPLETE])
def test_only_evidence_asks_which_photo_a_face_is_in(linkage: Linkage) -> None:
    vectors = unit(np.random.default_rng(3).normal(size=(9, 16)))
    one_photo = hierarchy(face_set(vectors, np.zeros(9, np.int64)), linkage)
    np.testing.assert_array_equal(one_photo.heights, hierarchy(face_set(vectors), linkage).heights)


def test_a_history_is_read_back_by_hand() -> None:
    found = Hierarchy(
        5, np.array([3, 0, 1]), np.array([4, 2, 4]), np.array([0.1, 0.2, 0.3])
    )  # face 1 joins 3 and 4 by way of 4
    assert found.labels_at(0.1).tolist() == [0, 1, 2, 3, 4]
    assert found.labels_at(0.15).tolist() == [0, 1, 2, 3, 3]
    assert found.labels_at(0.25).tolist() == [0, 1, 0, 2, 2]
    assert found.labels_at(0.35).tolist() == [0, 1, 0, 1, 1]
    assert [found.persons_at(at) for at in (0.1, 0.15, 0.25, 0.35)] == [5, 4, 3, 2]


def test_groups_are_numbered_in_the_order_in_which_they_appear() -> None:
    assert by_appearance(np.array([7, 2, 7, 9, 2])).tolist() == [0, 1, 0, 2, 1]
    assert by_appearance(np.empty(0, np.int64)).tolist() == []
