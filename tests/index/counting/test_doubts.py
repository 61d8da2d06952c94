"""Which questions about a count come first."""

import numpy as np
import pytest
from numpy.typing import NDArray

from index.base.choices import Linkage
from index.counting.doubts import doubts
from index.counting.hierarchy import Hierarchy, hierarchy
from index.counting.judged import Judged, judged_hierarchy
from index.counting.partition import Partition
from tests.index.builders import face_set


def on_circle(*degrees: float) -> NDArray[np.float32]:
    angles = np.radians(degrees)
    return np.stack((np.cos(angles), np.sin(angles)), axis=1).astype(np.float32)


def height(degrees: float) -> float:
    return float(1 - np.cos(np.radians(degrees)))


def single(vectors: NDArray[np.float32]) -> Hierarchy:
    return hierarchy(face_set(vectors), Linkage.SINGLE)


def test_the_merge_nearest_to_the_cut_comes_first_below_it_or_above() -> None:
    vectors = on_circle(0, 10, 31, 90)  # 10, 21 and 59 degrees apart
    found = doubts(single(vectors), vectors, height(20))
    assert [round(one.height, 4) for one in found] == [
        round(height(angle), 4) for angle in (21, 10, 59)
    ]
    assert [one.height < height(20) for one in found] == [False, True, False]
    assert doubts(single(vectors), vectors, height(20), most=1) == found[:1]


def test_each_group_is_shown_by_the_face_in_its_middle() -> None:
    vectors = on_circle(0, 4, 10, 40, 47, 50)
    [first, *_] = doubts(single(vectors), vectors, height(30))
    assert {first.first, first.second} == {1, 4}


def test_a_lone_face_has_no_doubt() -> None:
    assert doubts(single(on_circle(0)), on_circle(0), 0.5) == []
    nothing = np.empty((0, 2), np.float32)
    assert doubts(single(nothing), nothing, 0.5) == []


@pytest.mark.parametrize("linkage", [Linkage.EVIDENCE, Linkage.SINGLE, Linkage.AVERAGE])
def test_nobody_is_asked_what_people_said_already(linkage: Linkage) -> None:
    vectors = on_circle(0, 5, 30, 35, 80)
    photos = np.arange(5)

    def asked(groups: list[int], apart: tuple[tuple[int, int], ...]) -> set[frozenset[int]]:
        judged = Judged(np.arange(5), np.array(groups), apart)
        tree = judged_hierarchy(face_set(vectors, photos), linkage, judged)
        persons = tree.labels_at(0.0)
        return {
            frozenset((int(persons[one.first]), int(persons[one.second])))
            for one in doubts(tree, vectors, 0.3)
        }

    everything = asked([0, 1, 2, 3, 4], ())
    assert len(everything) == 4
    said = asked([0, 0, 2, 2, 4], ())
    assert len(said) == 2  # the two merges that people asked for are not asked about
    assert len(asked([0, 0, 2, 2, 4], ((0, 2), (0, 4), (2, 4)))) == 0


def test_the_doubts_of_ten_thousand_faces_need_no_matrix() -> None:
    count = 10_000
    chance = np.random.default_rng(1)
    vectors = chance.normal(size=(count, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    order = chance.permutation(count)
    tree = Hierarchy(count, order[:-1], order[1:], np.linspace(0, 1, count - 1))
    found = doubts(tree, vectors, 0.5)
    assert len(found) == 10
    assert [abs(one.height - 0.5) for one in found] == sorted(abs(o.height - 0.5) for o in found)


def faces_of_people(seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Five photos of each of eight people, some of whom are much alike."""
    chance = np.random.default_rng(seed)
    middles = chance.normal(size=(8, 16))
    middles[4:] = 0.75 * middles[:4] + 0.5 * middles[4:]
    truth = np.repeat(np.arange(8), 5)
    vectors = middles[truth] + chance.normal(scale=0.8, size=(40, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), truth


def errors_after(answers: int, seed: int, *, in_order: bool) -> int:
    """How wrong a count is after a truthful person has answered so many questions."""
    vectors, truth = faces_of_people(seed)
    chance, rows, said = np.random.default_rng(seed), np.arange(40), Partition(40)
    for left in range(answers, -1, -1):
        group = np.array([said.root(row) for row in range(40)])
        judged = Judged(rows, group, tuple(said.apart()))
        tree = judged_hierarchy(face_set(vectors, rows), Linkage.EVIDENCE, judged)
        asked = doubts(tree, vectors, 0.5, 1 if in_order else 40)
        if left and asked:
            one = asked[chance.integers(len(asked))]
            join = truth[one.first] == truth[one.second]
            (said.join if join else said.keep_apart)(one.first, one.second)
    return abs(tree.persons_at(0.5) - 8)


def test_the_order_mends_more_than_a_random_one() -> None:
    draws = range(15)
    before = sum(errors_after(0, seed, in_order=True) for seed in draws)
    ordered = sum(errors_after(6, seed, in_order=True) for seed in draws)
    random = sum(errors_after(6, seed, in_order=False) for seed in draws)
    assert ordered < 0.6 * before
    assert ordered < 0.75 * random
