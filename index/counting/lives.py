"""What merges made of every group: its size and evidence, when it lived, and its points."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.base.arrays import DoubleVector, IntVector
from index.counting.compiling import compiled, part
from index.counting.gains import Sizes, prior_of, similarity_of_lone
from index.counting.link_merging import History
from index.counting.points import Points

# numba knows these types; the type checker does not
Number = Any


class Lives(NamedTuple):
    """By number of the group; m points and t merges give m + t groups.

    Attributes:
        size, square, own: see index.counting.agglomeration; size is in parts.
        faces: how many points it has.
        born: the merge that made it, −1 for a point.
        died: the merge that took it, t if none did.
        leaves, leaf: the points of group g are leaf[leaves[g]:leaves[g] + faces[g]].
        place: of each point in leaf.
        since, until: the least gain of any merge up to the one that made it, and up to the one that
            took it; infinite for a point, and minus infinity if none took it.
        floor: the least gain at which a merge was made while it lived, or merging ended.
        least: least[e, i] is the least gain of 2^e merges from i on.
        least_gain: at which merging ended.
    """

    size: IntVector
    square: DoubleVector
    own: DoubleVector
    faces: IntVector
    born: IntVector
    died: IntVector
    leaves: IntVector
    leaf: IntVector
    place: IntVector
    since: DoubleVector
    until: DoubleVector
    floor: DoubleVector
    least: NDArray[np.float64]
    least_gain: float


def lives_of(points: Points, history: History) -> Lives:
    """The lives of all groups that the merges of *history* made of *points*."""
    weights, sizes = points.weights, points.sizes
    count, merges = len(weights), len(history.first)
    total = count + merges
    size, faces, own = np.ones(total, np.int64), np.ones(total, np.int64), np.empty(total)
    size[:count] = weights
    own[:count] = sizes.scale[weights] * (weights / sizes.parts) ** 2 - sizes.term[weights]
    leaves, leaf = np.empty(total, np.int64), np.empty(count, np.int64)
    died = np.full(total, merges, np.int64)
    died[history.first] = died[history.second] = np.arange(merges)
    _retell(history, sizes, size, faces, own, died, leaves, leaf)
    place = np.empty(count, np.int64)
    place[leaf] = np.arange(count)
    square = (own + sizes.term[size]) / sizes.scale[size]
    born = np.maximum(np.arange(total) - count, -1)
    level = np.concatenate((np.minimum.accumulate(history.gain), [-np.inf, np.inf]))
    since, until = level[born], level[died]  # of -1: the last one, infinity
    floor, least = np.empty(total), _least_of_runs(history.gain)
    lives = Lives(
        size, square, own, faces, born, died,
        leaves, leaf, place, since, until, floor, least, points.least_gain,
    )  # fmt: skip
    _find_floors(lives)
    return lives


def _least_of_runs(gains: DoubleVector) -> NDArray[np.float64]:
    """The table of Lives.least (a sparse table, as for range minimum queries)."""
    least = np.full((max(1, len(gains).bit_length()), max(1, len(gains))), -np.inf)
    least[0, : len(gains)] = gains
    for exponent in range(1, len(least)):
        half = 1 << (exponent - 1)
        before = least[exponent - 1]
        least[exponent] = before
        least[exponent, :-half] = np.minimum(before[:-half], before[half:])
    return least


@compiled
def _retell(
    history: History,
    sizes: Sizes,
    size: IntVector,
    faces: IntVector,
    own: DoubleVector,
    died: IntVector,
    leaves: IntVector,
    leaf: IntVector,
) -> None:
    """Fill what the merges made of each group."""
    merges = len(history.first)
    count = len(size) - merges
    for merge in range(merges):
        one, two, new = history.first[merge], history.second[merge], count + merge
        size[new] = size[one] + size[two]
        faces[new] = faces[one] + faces[two]
        if one < count and two < count:  # they gained as usual faces do, whatever they weigh
            left, right = size[one] / sizes.parts, size[two] / sizes.parts
            dot = left * right * similarity_of_lone(sizes, history.gain[merge])
            square = left * left + right * right + 2 * dot
            own[new] = sizes.scale[size[new]] * square - sizes.term[size[new]]
        else:
            prior = prior_of(sizes, size[one], size[two])
            own[new] = history.gain[merge] - prior + own[one] + own[two]
    start = 0
    for group in range(len(size)):
        if died[group] == merges:
            leaves[group] = start
            start += faces[group]
    for merge in range(merges - 1, -1, -1):
        one, two = history.first[merge], history.second[merge]
        leaves[one] = leaves[count + merge]
        leaves[two] = leaves[one] + faces[one]
    for point in range(count):
        leaf[leaves[point]] = point


@compiled
def _find_floors(lives: Lives) -> None:
    for group in range(len(lives.floor)):
        lives.floor[group] = least_between(lives, lives.born[group], lives.died[group])


@part
def merges_in(lives: Lives) -> Number:
    """How many merges were made."""
    return len(lives.size) - len(lives.place)


@part
def least_between(lives: Lives, born: Number, died: Number) -> Number:
    """The least gain at which a merge was made while a pair lived, or merging ended."""
    merges = merges_in(lives)
    first, last = born + 1, min(died, merges - 1)
    least = lives.least_gain if died >= merges else np.inf
    if last >= first:
        exponent = 0
        while (2 << exponent) <= last - first + 1:
            exponent += 1
        runs = lives.least[exponent]
        least = min(least, runs[first], runs[last - (1 << exponent) + 1])
    return least
