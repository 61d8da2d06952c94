import math
import tracemalloc
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.base.choices import Linkage
from index.counting.grouping import (
    SUPPORT,
    Links,
    components,
    find_links,
    joining_links,
    persons,
    supported,
)
from tests.index.builders import Matrix, face_set, unit

SHARE = Fraction(str(SUPPORT))
BY_LINKS = (Linkage.SINGLE, Linkage.SUPPORTED)  # the other linkages are index.counting.hierarchy's
MIB = 1 << 20


@st.composite
def faces_and_cut(draw: st.DrawFn, most: int = 30) -> tuple[Matrix, float]:
    """Noisy groups with exact duplicates in them, and a cut that often nearly hits a pair."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dim = draw(st.sampled_from([2, 3, 8, 64, 512]))
    people = draw(st.integers(1, 8))
    count = draw(st.integers(1, most))
    spread = draw(st.sampled_from([0.0, 0.1, 0.5, 2.0]))
    centres = rng.normal(size=(people, dim))
    rows = centres[rng.integers(people, size=count)]
    vectors = unit(rows + spread * rng.normal(size=(count, dim)) / math.sqrt(dim))
    copies = rng.integers(count, size=draw(st.integers(0, count)))
    vectors[copies] = vectors[rng.permutation(copies)]
    first, second = rng.integers(count, size=2)
    pair = float(vectors[first].astype(np.float64) @ vectors[second].astype(np.float64))
    border = draw(st.sampled_from([1e-9, 1e-7, 3e-6, 1e-4])) * draw(st.sampled_from([-1, 1]))
    return vectors, draw(st.sampled_from([pair + border, 0.3, 0.6, 0.9]))


def reference_links(vectors: Matrix, cut: float) -> set[tuple[int, int]]:
    wide = vectors.astype(np.float64)
    similarity = np.minimum(wide @ wide.T, 1.0)  # rounding makes no copy nearer than itself
    return {(i, j) for i, j in combinations(range(len(wide)), 2) if similarity[i, j] > cut}


def reference_persons(vectors: Matrix, cut: float, linkage: Linkage) -> list[int]:
    """The person of each face by plain sets and repeated relabelling."""
    links = reference_links(vectors, cut)
    near = [{i} for i in range(len(vectors))]
    for i, j in links:
        near[i].add(j)
        near[j].add(i)
    if linkage is Linkage.SUPPORTED:
        links = {
            (i, j)
            for i, j in links
            if 10 * len(near[i] & near[j]) >= 9 * min(len(near[i]), len(near[j]))
        }
    label = list(range(len(vectors)))
    while any(label[i] != label[j] for i, j in links):
        for i, j in links:
            label[i] = label[j] = min(label[i], label[j])
    seen = list(dict.fromkeys(label))
    return [seen.index(name) for name in label]


def links_of(*pairs: tuple[int, int]) -> Links:
    table = np.array(sorted(pairs), np.int64).reshape(-1, 2)
    return Links(table[:, 0], table[:, 1], np.ones(len(table), np.float32))


def clique(*members: int) -> list[tuple[int, int]]:
    return list(combinations(members, 2))


@given(faces_and_cut(), st.integers(1, 300))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_links_are_those_of_a_plain_float64_reference(
    given_faces: tuple[Matrix, float], block_rows: int
) -> None:
    vectors, cut = given_faces
    before = vectors.copy()
    links = find_links(vectors, cut, block_rows)
    found = list(zip(links.first.tolist(), links.second.tolist(), strict=True))
    assert found == sorted(reference_links(vectors, cut))
    wide = vectors.astype(np.float64)
    exact = np.einsum("ij,ij->i", wide[links.first], wide[links.second])
    np.testing.assert_allclose(links.similarity, exact, atol=1e-5)
    np.testing.assert_array_equal(vectors, before)


@given(faces_and_cut(), st.sampled_from(BY_LINKS), st.integers(1, 300))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_persons_are_those_of_a_plain_float64_reference(
    given_faces: tuple[Matrix, float], linkage: Linkage, block_rows: int
) -> None:
    vectors, cut = given_faces
    expected = reference_persons(vectors, cut, linkage)
    assert persons(face_set(vectors), cut, linkage).tolist() == expected
    links = joining_links(find_links(vectors, cut, block_rows), len(vectors), linkage)
    assert components(links, len(vectors)).tolist() == expected


@given(faces_and_cut(), st.sampled_from(Linkage), st.integers(0, 2**32))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_the_order_of_faces_never_changes_who_is_who(
    given_faces: tuple[Matrix, float], linkage: Linkage, seed: int
) -> None:
    vectors, cut = given_faces
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(vectors))
    photos = rng.integers(max(2, len(vectors) // 2), size=len(vectors))
    straight = persons(face_set(vectors, photos), cut, linkage)
    shuffled = persons(face_set(np.ascontiguousarray(vectors[order]), photos[order]), cut, linkage)
    pairs = set(zip(straight[order].tolist(), shuffled.tolist(), strict=True))
    assert len(pairs) == straight.max() + 1 == shuffled.max() + 1


@pytest.mark.parametrize("linkage", Linkage)
def test_a_face_that_is_in_two_photos_counts_the_same_whichever_came_first(
    linkage: Linkage,
) -> None:
    ann, ben = [1.0, 0.0], [0.8, 0.6]  # side by side in photo 2; ann is also alone in photo 1
    first = persons(
        face_set(np.array([ann, ann, ben], np.float32), np.array([1, 2, 2])), 0.5, linkage
    )
    later = persons(
        face_set(np.array([ann, ben, ann], np.float32), np.array([2, 2, 1])), 0.5, linkage
    )
    assert first.max() == later.max()


@pytest.mark.parametrize("block_rows", [1, 7, 19, 20, 21, 255, 256, 257, 300])
def test_block_sizes_around_those_where_faiss_changes_its_kernel_give_the_same_links(
    block_rows: int,
) -> None:
    rng = np.random.default_rng(5)
    vectors = unit(rng.normal(size=(30, 512))[rng.integers(30, size=300)])
    vectors = unit(vectors + 0.03 * rng.normal(size=vectors.shape))
    whole = find_links(vectors, 0.6, 300)
    blocks = find_links(vectors, 0.6, block_rows)
    assert len(whole.first) > 300
    np.testing.assert_array_equal(blocks.first, whole.first)
    np.testing.assert_array_equal(blocks.second, whole.second)


def test_a_pair_exactly_at_the_cut_is_not_linked() -> None:
    vectors = np.array([[1, 0, 0, 0], [0.5, 0.5, 0.5, 0.5]], np.float32)
    assert len(find_links(vectors, 0.5).first) == 0
    assert len(find_links(vectors, np.nextafter(0.5, 0)).first) == 1
    assert len(find_links(vectors, np.nextafter(0.5, 1)).first) == 0


@pytest.mark.parametrize("linkage", Linkage)
def test_the_same_vector_twice_is_two_persons_at_a_cut_of_one(linkage: Linkage) -> None:
    vectors = np.array([[1, 0], [1, 0]], np.float32)
    assert persons(face_set(vectors), 1.0, linkage).tolist() == [0, 1]
    assert persons(face_set(vectors), np.nextafter(1.0, 0), linkage).tolist() == [0, 0]


@pytest.mark.parametrize("linkage", Linkage)
@pytest.mark.parametrize("border", [1e-9, 1e-7, 1e-5])
def test_a_lone_pair_is_one_person_exactly_when_it_is_nearer_than_the_cut(
    linkage: Linkage, border: float
) -> None:
    if linkage is Linkage.EVIDENCE:
        border += 2e-6  # it computes in float32
    rng = np.random.default_rng(11)
    for _ in range(10):
        first, other = rng.normal(size=(2, 512))
        pair = unit(np.stack((first, first + rng.uniform(0.2, 2.0) * other)))
        similarity = float(pair[0].astype(np.float64) @ pair[1].astype(np.float64))
        assert persons(face_set(pair), similarity - border, linkage).tolist() == [0, 0]
        assert persons(face_set(pair), similarity + border, linkage).tolist() == [0, 1]


@pytest.mark.parametrize("linkage", Linkage)
def test_no_faces_are_no_persons(linkage: Linkage) -> None:
    assert len(persons(face_set(np.empty((0, 512), np.float32)), 0.5, linkage)) == 0
    assert len(find_links(np.empty((0, 512), np.float32), 0.5).first) == 0
    assert len(supported(links_of(), 0)) == 0


@pytest.mark.parametrize("linkage", Linkage)
@pytest.mark.parametrize("cut", [-1.5, -1e30, -1e39, -1e300, -math.inf])
def test_a_cut_below_every_similarity_makes_one_person(cut: float, linkage: Linkage) -> None:
    vectors = np.vstack((np.eye(3, 8), -np.eye(2, 8))).astype(np.float32)
    assert persons(face_set(vectors), cut, linkage).tolist() == [0] * 5


@pytest.mark.parametrize("cut", [1.5, 1e39, 1e300])
@pytest.mark.parametrize("linkage", Linkage)
def test_a_cut_above_every_similarity_makes_as_many_persons_as_faces(
    cut: float, linkage: Linkage
) -> None:
    vectors = np.ones((3, 1), np.float32)
    assert persons(face_set(vectors), cut, linkage).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param([(0, 1)], id="lone pair"),
        pytest.param([(0, 1), (1, 2)], id="chain of three"),
        pytest.param([*clique(0, 1, 2, 3, 4), (4, 5)], id="leaf"),
    ],
)
def test_small_honest_groups_stay_linked_when_support_is_asked(
    pairs: list[tuple[int, int]],
) -> None:
    count = max(map(max, pairs)) + 1
    kept = joining_links(links_of(*pairs), count, Linkage.SUPPORTED)
    assert components(kept, count).tolist() == [0] * count


def test_faces_linked_through_a_third_count_once() -> None:
    angles = np.radians([0, 40, 80])
    vectors = np.stack((np.cos(angles), np.sin(angles)), axis=1).astype(np.float32)
    for linkage in BY_LINKS:
        assert persons(face_set(vectors), math.cos(math.radians(45)), linkage).tolist() == [0, 0, 0]


def test_a_chance_link_between_two_groups_merges_them_only_under_single() -> None:
    links = links_of(*clique(0, 1, 2, 3, 4), *clique(5, 6, 7, 8, 9), (4, 5))
    single = components(joining_links(links, 10, Linkage.SINGLE), 10)
    supported_only = components(joining_links(links, 10, Linkage.SUPPORTED), 10)
    assert single.tolist() == [0] * 10
    assert supported_only.tolist() == [0] * 5 + [1] * 5


@pytest.mark.parametrize(("missing", "expected"), [(0, True), (1, False)])
def test_support_of_exactly_the_least_share_is_enough(missing: int, expected: bool) -> None:
    size = 3 * SHARE.denominator  # of both neighbourhoods
    shared = 3 * SHARE.numerator - missing
    common = range(2, shared)
    only_first = range(shared, size)
    only_second = range(size, 2 * size - shared)
    pairs = [(0, 1)]
    pairs += [(0, other) for other in (*common, *only_first)]
    pairs += [(1, other) for other in (*common, *only_second)]
    kept = supported(links_of(*pairs), 2 * size - shared)
    assert bool(kept[0]) is expected  # links_of sorts, so the first is (0, 1)


def test_persons_are_numbered_by_first_appearance() -> None:
    assert components(links_of((1, 4), (2, 3)), 6).tolist() == [0, 1, 2, 2, 1, 3]


def test_many_photos_of_one_person_need_little_memory() -> None:
    vectors = np.ones((600, 1), np.float32)
    tracemalloc.start()
    try:
        assert persons(face_set(vectors), 0.5, Linkage.SUPPORTED).max() == 0
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200 * MIB, f"{peak // MIB} MiB for 600 faces"
