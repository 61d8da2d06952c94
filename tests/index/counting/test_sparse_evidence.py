"""Merging along links, proved, makes the same persons as comparing all pairs."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from index.base.choices import Linkage
from index.base.errors import RequestError
from index.counting import effort, evidence, proof, sparse_evidence
from index.counting.effort import Effort
from index.counting.hierarchy import Hierarchy, by_appearance, hierarchy
from index.counting.shortening import LEFT, Shortening
from index.vectors.space import USUAL, Scatter
from tests.index.builders import Matrix, face_set, unit

TOLERANCE = 5e-5  # of heights; dense sums are float32
Photos = NDArray[np.int64]
Weights = NDArray[np.int64]
WEIGHED = Scatter(0.66, 0.3, 10.0, norm=70.0)


@st.composite
def crowds(draw: st.DrawFn) -> tuple[Matrix, Photos, Weights | None]:
    """Persons of some faces each, shared photos, bursts of near-copies; some are nearly flat."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, dim = draw(st.integers(2, 120)), draw(st.sampled_from([16, 64]))
    spread = draw(st.sampled_from([0.2, 0.6, 1.0]))
    centres = rng.normal(size=(draw(st.integers(1, 30)), dim))
    rows = centres[rng.integers(len(centres), size=count)] + spread * rng.normal(size=(count, dim))
    bursts = np.repeat(rows[: draw(st.integers(0, 2))], 30, axis=0)
    rows = np.concatenate((rows, bursts + 0.02 * rng.normal(size=bursts.shape)))
    rows[:, dim // 4 :] *= draw(st.sampled_from([1.0, 0.1]))
    photos = rng.integers(draw(st.sampled_from([5, 60, 10_000])), size=len(rows))
    weights = rng.integers(4, 33, size=len(rows)) if draw(st.booleans()) else None
    return unit(rows), photos, weights


def tree(
    vectors: Matrix,
    photos: Photos,
    below: float,
    weights: Weights | None,
    limits: Effort | None = None,
) -> Hierarchy:
    scatter = USUAL if weights is None else WEIGHED
    return hierarchy(face_set(vectors, photos, scatter, weights), Linkage.EVIDENCE, below, limits)


def sparse(
    vectors: Matrix,
    photos: Photos,
    below: float,
    limits: Effort | None = None,
    weights: Weights | None = None,
) -> Hierarchy:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "DENSE_FACES", 1)
        return tree(vectors, photos, below, weights, limits)


@pytest.mark.parametrize("neighbours", [2, 8])
@given(
    crowd=crowds(),
    below=st.sampled_from([0.2, 0.45, 0.6, 0.75]),
    random=st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_persons_are_those_of_all_pairs_whatever_the_order(
    neighbours: int, crowd: tuple[Matrix, Photos, Weights | None], below: float, random: Random
) -> None:
    vectors, photos, weights = crowd
    order = list(range(len(vectors)))
    random.shuffle(order)
    dense = tree(vectors, photos, below, weights)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse_evidence, "NEIGHBOURS", neighbours)
        patch.setattr(proof, "BLOCK", 16)
        shuffled = None if weights is None else weights[order]
        found = sparse(np.ascontiguousarray(vectors[order]), photos[order], below, weights=shuffled)
    near = min(len(dense.heights), len(found.heights))
    np.testing.assert_allclose(found.heights[:near], dense.heights[:near], atol=TOLERANCE)
    labels = np.empty(len(order), np.int64)
    labels[order] = found.labels_at(below)
    np.testing.assert_array_equal(by_appearance(labels), dense.labels_at(below))


def test_missed_links_are_found_and_added() -> None:
    """A burst of 40 near-copies has more links than the 2 that are searched."""
    rng = np.random.default_rng(5)
    rows = np.repeat(rng.normal(size=(4, 32)), 40, axis=0)
    vectors = unit(rows + 0.3 * rng.normal(size=rows.shape))
    limits = Effort()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse_evidence, "NEIGHBOURS", 2)
        found = sparse(vectors, np.arange(len(vectors)), 0.5, limits)
    assert limits.rounds > 1
    assert limits.links > len(vectors)
    dense = hierarchy(face_set(vectors), Linkage.EVIDENCE, 0.5)
    np.testing.assert_array_equal(found.labels_at(0.5), dense.labels_at(0.5))


def test_what_takes_too_long_is_refused() -> None:
    vectors = unit(np.random.default_rng(1).normal(size=(50, 16)))
    with pytest.raises(RequestError, match="within 0 seconds") as caught:
        sparse(vectors, np.arange(50), 0.5, Effort(seconds=0.0))
    assert caught.value.status == 413


def test_what_needs_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort, "LINKS_A_FACE", 1)
    monkeypatch.setattr(sparse_evidence, "NEIGHBOURS", 2)
    one_person = unit(1.0 + 0.2 * np.random.default_rng(1).normal(size=(200, 16)))
    with pytest.raises(RequestError, match="200 faces are so alike"):
        sparse(one_person, np.arange(200), 0.5)


@pytest.mark.parametrize("flatness", [0.015, 1.0])
def test_shortened_vectors_bound_the_dot_products_of_long_ones(flatness: float) -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(200, 64))
    rows[:, 16:] *= flatness
    vectors = unit(rows)
    shortened = Shortening(vectors)
    assert (shortened(vectors).shape[1] < 64) == (flatness < 1.0)
    sums = np.concatenate((vectors, vectors[:50] + vectors[50:100] + vectors[100:150]))
    bounds, dots = shortened(sums) @ shortened(sums).T, sums @ sums.T
    assert (bounds > dots - 1e-5).all()
    assert np.mean(np.diag(bounds[:200])) == pytest.approx(1.0, abs=1e-5)
    assert np.mean(bounds[:200, :200] - dots[:200, :200]) <= 2 * LEFT
