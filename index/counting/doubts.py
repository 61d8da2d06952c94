"""Where a count is least sure of itself, so that people look there first. Pure.

Each merge of a hierarchy joins two groups of faces at a distance. Just below the cut the two are
one person by a narrow margin: a weak link. Just above it they are two by a narrow margin: a near
miss. The merge nearest to the cut is the most doubtful, and what people said is in no doubt. Of
each group the face in its middle is shown, because a stray at the edge may be somebody else: it is
the group that is asked about.

How much this order mends: docs/accuracy.md.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from index.base.arrays import FloatMatrix
from index.counting.hierarchy import Hierarchy
from index.counting.judged import SAID

MOST_DOUBTS = 10


@dataclass(frozen=True, slots=True)
class Doubt:
    """Two groups of faces that are one person, or two, by a narrow margin.

    Attributes:
        first, second: a row of each, the one nearest to the group's mean.
        height: the distance at which the two are merged.
    """

    first: int
    second: int
    height: float


def doubts(
    tree: Hierarchy, vectors: FloatMatrix, distance: float, most: int = MOST_DOUBTS
) -> list[Doubt]:
    """The merges nearest to the cut at *distance*, the most doubtful first; *most* at most.

    Args:
        vectors: (n, d) unit vectors of the tree's n faces.
    """
    known = np.flatnonzero(tree.heights > SAID)
    margins = np.abs(tree.heights[known] - distance)
    chosen = known[np.argsort(margins, kind="stable")][:most].tolist()
    found = {
        merge: Doubt(_middle(vectors, one), _middle(vectors, other), float(tree.heights[merge]))
        for merge, one, other in _groups(tree, set(chosen))
    }
    return [found[merge] for merge in chosen]


def _middle(vectors: FloatMatrix, rows: list[int]) -> int:
    some = vectors[rows]
    return rows[int((some @ some.sum(axis=0)).argmax())]


def _groups(tree: Hierarchy, merges: Collection[int]) -> Iterator[tuple[int, list[int], list[int]]]:
    """The rows of the two groups that each of the *merges* joins."""
    group_of = {face: [face] for face in range(tree.count)}
    pairs = zip(tree.first.tolist(), tree.second.tolist(), strict=True)
    for number, (one, other) in enumerate(pairs):
        larger, smaller = group_of[one], group_of[other]
        if number in merges:
            yield number, sorted(larger), sorted(smaller)
        if len(larger) < len(smaller):
            larger, smaller = smaller, larger
        larger += smaller
        for face in smaller:
            group_of[face] = larger
