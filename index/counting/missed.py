"""Tells which pairs of groups merging has missed, and which two faces each lacks as a link.

Compiled, for millions of pairs at a time. Most are dismissed by a bound on their gain, which a
matrix product gave. Only the few that are left are looked at in float64. index.counting.proof says
which pairs are to be compared.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.base.arrays import DoubleVector, FloatMatrix, IntVector
from index.counting.compiling import compiled, part, sum_part
from index.counting.gains import Sizes, gain_of, prior_of
from index.counting.link_merging import Links
from index.counting.lives import Lives, least_between

# numba knows these types; the type checker does not
Number = Any
Several = Any  # values at once
RUN = 512  # pairs that are looked at together; few runs have one that may have been missed
ROOM = 1 << 16  # missed pairs that are collected before their links are told apart
SLACK = 1e-4  # of a gain of small groups: far more than float32 is off
SLACK_A_FACE = 2e-6  # more of it for each face of the two groups, whose sums are longer
EQUAL = 1e-6  # gains that differ by less are equal
EQUAL_A_FACE = 1e-8


class Linked(NamedTuple):
    """The points that each point is linked to: others[start[i]:start[i + 1]]."""

    start: IntVector
    others: IntVector


class Round(NamedTuple):
    """What is known of a round of merges.

    Attributes:
        points: (m, d) float32, the lone faces: vectors times weights.
        linked: the links along which they were merged.
        is_proved: by number of the group; written to. See index.counting.proved.
    """

    points: FloatMatrix
    linked: Linked
    lives: Lives
    sizes: Sizes
    is_proved: NDArray[np.bool_]


def linked_points(count: int, links: Links) -> Linked:
    """The points that each of *count* points is linked to."""
    one = np.concatenate((links.first, links.second))
    other = np.concatenate((links.second, links.first))
    order = np.argsort(one, kind="stable")
    start = np.searchsorted(one[order], np.arange(count + 1))
    return Linked(start.astype(np.int64), other[order].astype(np.int64))


@compiled
def missing_from(
    merged: Round,
    dots: FloatMatrix,
    ones: IntVector,
    others: IntVector,
    ends: IntVector,
    row: Number,
) -> Several:
    """Look for links from *row* of *ones* on.

    Args:
        dots: (b, c) float32, no smaller than the dot product of each pair's sums.
        ends: where the runs of others of one size end.

    Returns: the row to go on from, and the links.
    """
    lives, sizes = merged.lives, merged.sizes
    square, own = lives.square[others], lives.own[others]
    found, length = np.empty(ROOM + len(others), np.int64), 0
    while row < len(ones) and length < ROOM:
        one, start = ones[row], 0
        floor = lives.floor[one]
        for end in ends:
            size, other_size = lives.size[one], lives.size[others[start]]
            scale = sizes.scale[size + other_size]
            fixed = scale * lives.square[one] - sizes.term[size + other_size] - lives.own[one]
            fixed += prior_of(sizes, size, other_size)
            fixed += SLACK + SLACK_A_FACE * (size + other_size) / sizes.parts
            while start < end:
                stop = min(start + RUN, end)
                # slices and no branch: so the processor compares several pairs at once
                squares, owns, some = square[start:stop], own[start:stop], dots[row, start:stop]
                picked = 0
                for column in range(len(some)):
                    gain = scale * (squares[column] + 2 * some[column]) - owns[column] + fixed
                    picked += gain > floor
                for column in range(len(some) if picked else 0):
                    gain = scale * (squares[column] + 2 * some[column]) - owns[column] + fixed
                    other = others[start + column]
                    if gain > floor and gain > lives.floor[other] and one != other:
                        key = _link_of(merged, one, other)
                        if key >= 0:
                            found[length] = key
                            length += 1
                start = stop
        row += 1
    return row, found[:length]


@part
def _are_linked(linked: Linked, lives: Lives, one: Number, other: Number) -> Several:
    start, stop = lives.leaves[other], lives.leaves[other] + lives.faces[other]
    for leaf in range(lives.leaves[one], lives.leaves[one] + lives.faces[one]):
        point = lives.leaf[leaf]
        for link in range(linked.start[point], linked.start[point + 1]):
            if start <= lives.place[linked.others[link]] < stop:
                return True
    return False


@part
def _sum_of(points: FloatMatrix, lives: Lives, group: Number) -> DoubleVector:
    total = np.zeros(points.shape[1])
    for leaf in range(lives.leaves[group], lives.leaves[group] + lives.faces[group]):
        total += points[lives.leaf[leaf]]
    return total


@sum_part
def _dot(left: DoubleVector, right: Several) -> Number:
    total = 0.0
    for column in range(len(left)):
        total += left[column] * right[column]
    return total


@part
def _nearest_leaf(points: FloatMatrix, lives: Lives, group: Number, target: Several) -> Number:
    best, found = -np.inf, -1
    for leaf in range(lives.leaves[group], lives.leaves[group] + lives.faces[group]):
        similarity = _dot(target, points[lives.leaf[leaf]])
        if similarity > best:
            best, found = similarity, lives.leaf[leaf]
    return found


@part
def _link_of(merged: Round, one: Number, other: Number) -> Number:
    """A near point of each group, as a key; −1 if they have a link or were not missed."""
    points, lives = merged.points, merged.lives
    small, large = one, other
    if lives.faces[one] > lives.faces[other]:
        small, large = other, one
    if _are_linked(merged.linked, lives, small, large):
        return -1
    sum_small, sum_large = _sum_of(points, lives, small), _sum_of(points, lives, large)
    gain = gain_of(merged.sizes, lives, small, large, _dot(sum_small, sum_large))
    if gain <= max(lives.floor[one], lives.floor[other]):
        return -1
    born = max(lives.born[one], lives.born[other])
    died = min(lives.died[one], lives.died[other])
    equal = EQUAL + EQUAL_A_FACE * (lives.size[one] + lives.size[other]) / merged.sizes.parts
    if died <= born or gain <= least_between(lives, born, died) + equal:
        merged.is_proved[one] = False
        return -1
    first = _nearest_leaf(points, lives, small, sum_large)
    second = _nearest_leaf(points, lives, large, points[first])
    return min(first, second) * len(points) + max(first, second)
