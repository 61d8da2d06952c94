"""The proof looks again only at groups that a new link may have changed, and finds no less."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from index.base.choices import Linkage
from index.counting import evidence, proof, sparse_evidence
from index.counting.effort import Effort
from index.counting.hierarchy import Hierarchy, hierarchy
from index.counting.link_merging import History
from index.counting.lives import Lives
from index.counting.proved import Proved
from tests.index.builders import Matrix, face_set, unit

BELOW = 0.6


class LooksAtAll(Proved):
    """Looks at every group in every round."""

    def fresh(self, history: History, lives: Lives) -> NDArray[np.bool_]:
        return np.ones_like(super().fresh(history, lives))


def bursts(seed: int, persons: int, spread: float) -> Matrix:
    """More near-copies of each person than the 2 neighbours that are searched."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 25, size=persons)
    rows = np.repeat(rng.normal(size=(persons, 24)), sizes, axis=0)
    return unit(rows + spread * rng.normal(size=rows.shape))


def counted(vectors: Matrix, kind: type[Proved]) -> tuple[Hierarchy, Effort]:
    photos, effort = np.arange(len(vectors)) // 2 * 2, Effort(threads=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "DENSE_FACES", 1)
        patch.setattr(sparse_evidence, "NEIGHBOURS", 2)
        patch.setattr(proof, "BLOCK", 16)
        patch.setattr(proof, "COLUMNS", 50)
        patch.setattr(proof, "Proved", kind)
        return hierarchy(face_set(vectors, photos), Linkage.EVIDENCE, BELOW, effort), effort


@given(
    seed=st.integers(0, 2**32),
    persons=st.integers(2, 12),
    spread=st.sampled_from([0.1, 0.3, 0.5, 0.7]),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_look_at_what_changed_finds_what_a_look_at_all_finds(
    seed: int, persons: int, spread: float
) -> None:
    vectors = bursts(seed, persons, spread)
    expected, all_looked = counted(vectors, LooksAtAll)
    found, effort = counted(vectors, Proved)
    assert (effort.rounds, effort.links) == (all_looked.rounds, all_looked.links)
    np.testing.assert_array_equal(found.first, expected.first)
    np.testing.assert_array_equal(found.second, expected.second)
    np.testing.assert_array_equal(found.heights, expected.heights)


def test_later_rounds_look_at_few_groups() -> None:
    shares: list[float] = []

    class Counts(Proved):
        def fresh(self, history: History, lives: Lives) -> NDArray[np.bool_]:
            found = super().fresh(history, lives)
            shares.append(float(found.mean()))
            return found

    _, effort = counted(bursts(3, 60, 0.4), Counts)
    assert len(shares) == effort.rounds > 2
    assert shares[0] == 1.0
    assert shares[-1] < 0.2
