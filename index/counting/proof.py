"""Proves that merges along links are those that all pairs would give, or finds the missing links.

A pair of living groups without a link was never looked at. It was missed if its gain exceeds that
of a merge made while both groups lived. So every group is compared with all groups that lived when
it was made, and lone faces with each other: block by block, with one matrix product each. That is
of shortened sums in float32, which bounds the gains from above (up to SLACK). The few pairs for
which the bound is large enough are computed in float64.

If no pair was missed, each merge was the best of all pairs at its time. Otherwise the nearest two
faces of each missed pair become a link.
"""

from typing import Any, NamedTuple

import numpy as np

from index.base.arrays import DoubleVector, FloatMatrix, IntVector
from index.counting.compiling import compiled, part, sum_part
from index.counting.effort import Effort
from index.counting.link_merging import History, Links, Sizes, gain_of, prior_of
from index.counting.lives import Lives, least_between, lives_of, merges_in
from index.counting.shortening import Shortening

# numba knows these types; the type checker does not
Number = Any
Several = Any  # values at once
BLOCK = 256  # new groups, or lone faces, in one matrix product
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
        points: (m, d) float32, the lone faces.
        linked: the links along which they were merged.
    """

    points: FloatMatrix
    linked: Linked
    lives: Lives
    sizes: Sizes


class Proof:
    """Looks for the links that are missing, round by round."""

    def __init__(
        self,
        points: FloatMatrix,
        sizes: Sizes,
        shortened: Shortening,
        lone: IntVector,
        least_gain: float,
        effort: Effort,
    ) -> None:
        """Keep what every round needs.

        Args:
            points: (m, d) float32, the lone faces.
            shortened: of the points.
            lone: those that may gain more than *least_gain* with a lone face outside their links.
            least_gain: at which merging ends.
        """
        self._points, self._sizes, self._shortened = points, sizes, shortened
        self._lone, self._least_gain, self._effort = lone, least_gain, effort

    def missing_links(self, links: Links, history: History) -> IntVector:
        """The links that merging along *links* lacked, as keys; none is a proof.

        A key of the points one < other is one m + other.

        Raises:
            RequestError: 413, the effort's limits.
        """
        count, effort, lone = len(self._points), self._effort, self._lone
        lives = lives_of(count, history, self._sizes, self._least_gain)
        merged = Round(self._points, _linked(count, links), lives, self._sizes)
        sums = _shortened_sums(self._points, self._shortened, history)

        def among_lone(start: int, stop: int) -> IntVector:
            return _missing(merged, sums, lone[start:stop], lone[start:], effort)

        def with_living(start: int, stop: int) -> IntVector:
            living = np.flatnonzero((lives.born < stop) & (lives.died > start))
            return _missing(merged, sums, np.arange(count + start, count + stop), living, effort)

        found = effort.in_blocks(among_lone, len(lone), BLOCK)
        found += effort.in_blocks(with_living, len(history.first), BLOCK)
        return np.unique(np.concatenate([np.empty(0, np.int64), *found]))


def _linked(count: int, links: Links) -> Linked:
    one = np.concatenate((links.first, links.second))
    other = np.concatenate((links.second, links.first))
    order = np.argsort(one, kind="stable")
    start = np.searchsorted(one[order], np.arange(count + 1))
    return Linked(start.astype(np.int64), other[order].astype(np.int64))


def _shortened_sums(points: FloatMatrix, shortened: Shortening, history: History) -> FloatMatrix:
    """The shortened sum of each group's points, by its number."""
    count, merges = len(points), len(history.first)
    short = shortened(points)
    found = np.empty((count + merges, short.shape[1]), np.float32)
    found[:count] = short
    sums, row_of = points.copy(), np.arange(count + merges)
    for start in range(0, merges, BLOCK):
        made = np.empty((min(BLOCK, merges - start), points.shape[1]), np.float32)
        _add_up(history, sums, row_of, made, start)
        found[count + start : count + start + len(made)] = shortened(made)
    return found


@compiled
def _add_up(
    history: History, sums: FloatMatrix, row_of: IntVector, made: FloatMatrix, start: Number
) -> None:
    """The sums of the groups made by the merges from *start* on, and the rows that they take."""
    count = len(sums)
    for merge in range(start, start + len(made)):
        kept, taken = row_of[history.first[merge]], row_of[history.second[merge]]
        row_of[count + merge] = kept
        for column in range(sums.shape[1]):
            sums[kept, column] += sums[taken, column]
            made[merge - start, column] = sums[kept, column]


def _missing(
    merged: Round, sums: FloatMatrix, ones: IntVector, others: IntVector, effort: Effort
) -> IntVector:
    """The missing links between groups *ones* (b,) and *others* (c,)."""
    size = merged.lives.size
    others = others[np.argsort(size[others], kind="stable")]
    ends = np.append(np.flatnonzero(np.diff(size[others])) + 1, len(others))
    dots = sums[ones] @ sums[others].T
    keys, row = np.empty(0, np.int64), 0
    while row < len(ones):
        effort.check_time()
        row, found = _missing_in(merged, dots, ones, others, ends, row)
        keys = np.union1d(keys, found)
        effort.check_links(len(keys), len(merged.points))
    return keys


@compiled
def _missing_in(
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
        floor = least_between(lives, lives.born[one], lives.died[one])
        for end in ends:
            size, other_size = lives.size[one], lives.size[others[start]]
            scale = sizes.scale[size + other_size]
            fixed = scale * lives.square[one] - sizes.term[size + other_size] - lives.own[one]
            fixed += prior_of(sizes, size, other_size)
            fixed += SLACK + SLACK_A_FACE * (size + other_size)
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
                    if gain > floor and _was_missed(lives, one, others[start + column], gain):
                        key = _link_of(merged, one, others[start + column])
                        if key >= 0:
                            found[length] = key
                            length += 1
                start = stop
        row += 1
    return row, found[:length]


@part
def _was_missed(lives: Lives, one: Number, other: Number, gain: Number) -> Several:
    """Whether a merge was made with a smaller gain while both groups lived."""
    born = max(lives.born[one], lives.born[other])
    died = min(lives.died[one], lives.died[other])
    is_theirs = lives.died[one] == lives.died[other] and died < merges_in(lives)
    if other == one or died <= born or is_theirs:
        return False
    return gain > least_between(lives, born, died)


@part
def _are_linked(linked: Linked, lives: Lives, one: Number, other: Number) -> Several:
    start, stop = lives.leaves[other], lives.leaves[other] + lives.size[other]
    for leaf in range(lives.leaves[one], lives.leaves[one] + lives.size[one]):
        point = lives.leaf[leaf]
        for link in range(linked.start[point], linked.start[point + 1]):
            if start <= lives.place[linked.others[link]] < stop:
                return True
    return False


@part
def _sum_of(points: FloatMatrix, lives: Lives, group: Number) -> DoubleVector:
    total = np.zeros(points.shape[1])
    for leaf in range(lives.leaves[group], lives.leaves[group] + lives.size[group]):
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
    for leaf in range(lives.leaves[group], lives.leaves[group] + lives.size[group]):
        similarity = _dot(target, points[lives.leaf[leaf]])
        if similarity > best:
            best, found = similarity, lives.leaf[leaf]
    return found


@part
def _link_of(merged: Round, one: Number, other: Number) -> Number:
    """A near point of each group, as a key; −1 if they have a link or were not missed."""
    points, lives = merged.points, merged.lives
    if lives.size[one] > lives.size[other]:
        one, other = other, one
    if _are_linked(merged.linked, lives, one, other):
        return -1
    sum_one, sum_other = _sum_of(points, lives, one), _sum_of(points, lives, other)
    gain = gain_of(merged.sizes, lives, one, other, _dot(sum_one, sum_other))
    born = max(lives.born[one], lives.born[other])
    died = min(lives.died[one], lives.died[other])
    equal = EQUAL + EQUAL_A_FACE * (lives.size[one] + lives.size[other])
    if gain <= least_between(lives, born, died) + equal:
        return -1
    first = _nearest_leaf(points, lives, one, sum_other)
    second = _nearest_leaf(points, lives, other, points[first])
    return min(first, second) * len(points) + max(first, second)
