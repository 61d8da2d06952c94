"""The merges of index.counting.agglomeration for so many faces that no matrix holds all pairs.

Faces are linked to their nearest neighbours, which FAISS finds. Merges are made along these links
(index.counting.link_merging) and then proved against all pairs (index.counting.proof). The links
that were missed are added, and the merges are made again, until the proof finds nothing missing.
"""

from collections.abc import Sequence

import numpy as np

from index.base.arrays import FloatMatrix, IntVector
from index.counting.agglomeration import Merges
from index.counting.effort import Effort
from index.counting.formula import SAME_PHOTO, Formula
from index.counting.group_links import similarities_of
from index.counting.link_merging import Links, faces_of, merge_links
from index.counting.missed import SLACK
from index.counting.neighbours import nearest
from index.counting.points import points_of
from index.counting.proof import Proof
from index.counting.shortening import Shortening

NEIGHBOURS = 32  # fewer need more rounds; more cost memory, and bursts of photos outgrow any number


def sparse_merges_of(
    vectors: FloatMatrix,
    photo_mates: Sequence[IntVector],
    weights: IntVector | None,
    formula: Formula,
    least_gain: float,
    effort: Effort,
) -> Merges:
    """Merge lone faces as long as a merge gains more than *least_gain*, proved to be the best.

    Args:
        vectors: (n, d) float32, C-contiguous, different rows of length 1; n at least 2.
        photo_mates: the rows of each photo that has several.
        weights: (n,) in the formula's parts; None: each is a usual face's.

    Returns: as index.counting.agglomeration.merges_of().

    Raises:
        RequestError: 413, the effort's limits.
    """
    count = len(vectors)
    points, shortened = points_of(vectors, weights, formula, least_gain), Shortening(vectors)
    row, neighbour, beyond = nearest(shortened(vectors), NEIGHBOURS, effort)
    together = _unique(count, *_pairs_in(photo_mates))
    keys = np.union1d(_unique(count, row, neighbour), together)
    most = formula.gain_of_lone(beyond.astype(np.float64))
    proof = Proof(points, shortened, np.flatnonzero(most > least_gain - SLACK), effort)
    while True:
        links = _links(vectors, keys, together)
        effort.rounds, effort.links = effort.rounds + 1, len(keys)
        history = merge_links(points, links, effort)
        missing = proof.missing_links(links, history)
        if not len(missing):
            return faces_of(history, count)
        keys = np.union1d(keys, missing)
        effort.check_links(len(keys), count)


def _pairs_in(groups: Sequence[IntVector]) -> tuple[IntVector, IntVector]:
    """Each pair of points that share a group."""
    none = np.empty(0, np.int64)
    first, second = [none], [none]
    for group in groups:
        one, other = np.triu_indices(len(group), 1)
        first.append(group[one])
        second.append(group[other])
    return np.concatenate(first), np.concatenate(second)


def _unique(count: int, one: IntVector, other: IntVector) -> IntVector:
    """Pairs as numbers, each once, ascending."""
    return np.unique(np.minimum(one, other) * count + np.maximum(one, other))


def _links(vectors: FloatMatrix, keys: IntVector, together: IntVector) -> Links:
    first, second = np.divmod(keys, len(vectors))
    dot = similarities_of(vectors, first, second)
    shared = np.searchsorted(keys, together)
    dot[shared] = 1 - SAME_PHOTO * (1 - dot[shared])
    return Links(first.astype(np.int32), second.astype(np.int32), dot)
