"""The merges of index.counting.agglomeration for so many faces that no matrix holds all pairs.

Faces are linked to their nearest neighbours, which FAISS finds. Merges are made along these links
(index.counting.link_merging) and then proved against all pairs (index.counting.proof). The links
that were missed are added, and the merges are made again, until the proof finds nothing missing.
"""

from collections.abc import Sequence

import numpy as np

from index.base.arrays import FloatMatrix, IntVector
from index.counting.agglomeration import Formula, Merges
from index.counting.effort import Effort
from index.counting.gains import table_of_sizes
from index.counting.group_links import similarities_of
from index.counting.link_merging import Links, faces_of, merge_links
from index.counting.missed import SLACK
from index.counting.neighbours import nearest
from index.counting.proof import Proof
from index.counting.shortening import Shortening

NEIGHBOURS = 32  # fewer need more rounds; more cost memory, and bursts of photos outgrow any number


def sparse_merges_of(
    points: FloatMatrix,
    photo_mates: Sequence[IntVector],
    same_photo: float,
    weights: IntVector | None,
    formula: Formula,
    line: tuple[float, float],
    least_gain: float,
    effort: Effort,
) -> Merges:
    """Merge lone faces as long as a merge gains more than *least_gain*, proved to be the best.

    Args:
        points: (n, d) float32, C-contiguous, different rows of length 1; n at least 2.
        photo_mates: the points of each photo that has several.
        same_photo: so many times counts the distance of two faces of one photo.
        weights: (n,) of the points, in the formula's parts; None: each is a usual face's.
        line: slope and offset: the gain of lone faces of similarity c is slope c + offset.

    Returns: as index.counting.agglomeration.merges_of().

    Raises:
        RequestError: 413, the effort's limits.
    """
    count = len(points)
    if weights is None:
        weights = np.full(count, formula.parts, np.int64)
    shortened, sizes = Shortening(points), table_of_sizes(int(weights.sum()), formula)
    row, neighbour, beyond = nearest(shortened(points), NEIGHBOURS, effort)
    together = _unique(count, *_pairs_in(photo_mates))
    keys = np.union1d(_unique(count, row, neighbour), together)
    slope, offset = line
    lone = np.flatnonzero(offset + slope * beyond.astype(np.float64) > least_gain - SLACK)
    weighted = points
    if (weights != formula.parts).any():
        weighted = points * (weights / formula.parts).astype(np.float32)[:, None]
    proof = Proof(points, weighted, weights, sizes, shortened, lone, least_gain, effort)
    while True:
        links = _links(points, keys, together, same_photo)
        effort.rounds, effort.links = effort.rounds + 1, len(keys)
        history = merge_links(weighted, weights, links, sizes, least_gain, effort)
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


def _links(points: FloatMatrix, keys: IntVector, together: IntVector, same_photo: float) -> Links:
    first, second = np.divmod(keys, len(points))
    dot = similarities_of(points, first, second)
    shared = np.searchsorted(keys, together)
    dot[shared] = 1 - same_photo * (1 - dot[shared])
    return Links(first.astype(np.int32), second.astype(np.int32), dot)
