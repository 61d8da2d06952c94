"""Faces weigh as much as their embeddings are long, within bounds."""

import numpy as np
import pytest

from index.base.choices import Linkage
from index.counting.hierarchy import hierarchy
from index.counting.judged import Judged, judged_hierarchy
from index.counting.weights import STEPS, weights_of
from index.vectors.space import USUAL, Scatter
from tests.index.builders import face_set, unit

SCATTER = Scatter(0.66, 0.3, 10.0, norm=70.0)


def test_a_face_weighs_as_its_embedding_is_long() -> None:
    found = weights_of([70.0, 35.0, 105.0, 71.0], SCATTER)
    assert found is not None
    assert found.tolist() == [STEPS, STEPS // 2, STEPS * 3 // 2, STEPS]


def test_no_face_weighs_nothing_and_none_more_than_two() -> None:
    found = weights_of([1e-6, 1e6], SCATTER)
    assert found is not None
    assert found.tolist() == [STEPS // 4, 2 * STEPS]


def test_a_face_of_which_the_length_is_not_known_is_a_usual_one() -> None:
    found = weights_of([0.0], SCATTER)
    assert found is not None
    assert found.tolist() == [STEPS]


def test_faces_of_a_model_that_does_not_tell_have_no_weights() -> None:
    assert weights_of([35.0, 70.0], USUAL) is None


def test_a_poor_face_joins_its_person_where_a_clear_one_does_not() -> None:
    """Six clear faces of a person, and one as far from them as a poor photo is."""
    person = np.zeros((7, 16))
    person[:, 0] = 1.0
    person[np.arange(6), np.arange(1, 7)] = 0.5
    person[6, :9] = [0.35, *(0.0,) * 6, 0.0, 0.95]
    vectors, weights = unit(person), np.full(7, STEPS)

    def persons(weight: int) -> int:
        weights[6] = weight
        tree = hierarchy(face_set(vectors, scatter=SCATTER, weights=weights), Linkage.EVIDENCE)
        return tree.persons_at(0.4)

    assert (persons(STEPS), persons(STEPS // 2)) == (2, 1)


def test_two_lone_faces_are_compared_by_their_distance_alone() -> None:
    vectors = unit(np.array([[1.0, 0.0], [1.0, 0.8]]))
    distance = 1 - float(vectors[0] @ vectors[1])
    for weights in (np.array([4, 4]), np.array([32, 32]), np.array([4, 32])):
        tree = hierarchy(face_set(vectors, scatter=SCATTER, weights=weights), Linkage.EVIDENCE)
        assert tree.heights.tolist() == pytest.approx([distance], abs=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_judgements_that_say_nothing_change_no_height(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(6, 32))[rng.integers(6, size=40)] + 0.7 * rng.normal(size=(40, 32))
    vectors, photos = unit(rows), rng.integers(30, size=40)
    weights = rng.integers(4, 33, size=40)
    plain = hierarchy(face_set(vectors, photos, SCATTER, weights), Linkage.EVIDENCE)
    said = Judged(np.arange(40), np.arange(40), ())
    judged = judged_hierarchy(face_set(vectors, photos, SCATTER, weights), Linkage.EVIDENCE, said)
    np.testing.assert_allclose(judged.heights, plain.heights, atol=5e-5)
    for cut in (0.2, 0.4, 0.55):
        assert judged.persons_at(cut) == plain.persons_at(cut)


def test_faces_that_people_put_together_weigh_what_they_weighed() -> None:
    """What people join, and what counting joins by itself, is one group of the same weight."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(2, 32))[[0, 0, 0, 0, 1, 1]] + 0.4 * rng.normal(size=(6, 32))
    vectors, photos = unit(rows), np.arange(6)
    weights = np.array([20, 8, 24, 16, 10, 28])
    plain = hierarchy(face_set(vectors, photos, SCATTER, weights), Linkage.EVIDENCE)
    said = Judged(np.arange(6), np.array([0, 0, 0, 0, 4, 4]), ())
    judged = judged_hierarchy(face_set(vectors, photos, SCATTER, weights), Linkage.EVIDENCE, said)
    assert judged.heights[-1] == pytest.approx(plain.heights[-1], abs=5e-5)
