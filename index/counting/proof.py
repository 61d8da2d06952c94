"""Proves that merges along links are those that all pairs would give, or finds the missing links.

A pair of living groups without a link was never looked at. It was missed if its gain exceeds that
of a merge made while both groups lived. So every group is compared with all groups that lived when
it was made, and lone faces with each other: block by block, with one matrix product each. That is
in float32, and only picks the pairs that may have been missed (up to SLACK). For these the gain is
computed in float64.

If no pair was missed, each merge was the best of all pairs at its time. Otherwise the nearest two
faces of each missed pair become a link.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.base.arrays import DoubleVector, FloatMatrix, IntVector
from index.counting.compiling import compiled, part, sum_part
from index.counting.effort import Effort
from index.counting.link_merging import History, Links, Sizes, gain_of, prior_of

DoubleMatrix = NDArray[np.float64]
# numba knows these types; the type checker does not
Number = Any
Several = Any  # values at once
BLOCK = 256  # new groups, or lone faces, in one matrix product
PICKED = 1 << 16  # pairs that are picked at once
SLACK = 1e-4  # of a gain of small groups: far more than float32 is off
SLACK_A_FACE = 2e-7  # more of it for each face of the two groups, whose sums are longer
EQUAL = 1e-6  # gains that differ by less are equal
EQUAL_A_FACE = 1e-8


class Lives(NamedTuple):
    """What the merges made of every group, by number; m points and t merges give m + t groups.

    Attributes:
        size, square, own: see index.counting.agglomeration.
        born: the merge that made it, −1 for a point.
        died: the merge that took it, t if none did.
        leaves, leaf: the points of group g are leaf[leaves[g]:leaves[g] + size[g]].
        place: of each point in leaf.
        least: least[e, i] is the least gain of 2^e merges from i on.
        least_gain: at which merging ended.
    """

    size: IntVector
    square: DoubleVector
    own: DoubleVector
    born: IntVector
    died: IntVector
    leaves: IntVector
    leaf: IntVector
    place: IntVector
    least: DoubleMatrix
    least_gain: float


class Linked(NamedTuple):
    """The points that each point is linked to: others[start[i]:start[i + 1]]."""

    start: IntVector
    others: IntVector


class Picked(NamedTuple):
    """Room for pairs of groups, (PICKED,) each."""

    one: IntVector
    other: IntVector


def missed_links(
    points: FloatMatrix,
    links: Links,
    history: History,
    sizes: Sizes,
    beyond: NDArray[np.float32],
    line: tuple[float, float],
    least_gain: float,
    effort: Effort,
) -> tuple[IntVector, IntVector]:
    """Find the links that the merges of *history* lacked, (l,) points each; none is a proof.

    Args:
        beyond: (m,) float32, see index.vectors.neighbours.nearest().
        line: slope and offset: the gain of lone points of similarity c is slope c + offset.

    Raises:
        RequestError: 413, the effort's limits.
    """
    lives = _lives(len(points), history, sizes, least_gain)
    linked = _linked(len(points), links)
    missed = _Missed(points, linked, lives, sizes, effort)
    _compare_lone(points, lives, beyond, line, missed)
    _compare_new(points, history, missed)
    return missed.links()


class _Missed:
    """Collects the picked pairs that were indeed missed."""

    def __init__(
        self, points: FloatMatrix, linked: Linked, lives: Lives, sizes: Sizes, effort: Effort
    ) -> None:
        self.effort = effort
        self._points, self._linked, self._lives, self._sizes = points, linked, lives, sizes
        self._keys: list[IntVector] = []

    def confirm(self, one: IntVector, other: IntVector) -> None:
        """Keep those of the pairs of groups that were missed."""
        if not len(one):
            return
        self.effort.check_time()
        first, second = _confirm(self._points, self._linked, self._lives, self._sizes, one, other)
        count = len(self._points)
        keys = np.unique(np.minimum(first, second) * count + np.maximum(first, second))
        self._keys.append(keys)
        self.effort.check_links(sum(map(len, self._keys)), count)

    def compare(self, dots: FloatMatrix, ones: IntVector, others: IntVector) -> None:
        """Look for pairs that were missed among groups *ones* (b,) and *others* (c,).

        Args:
            dots: (b, c), of the sums of the groups.
            others: −1 for a row without a group.
        """
        picked = Picked(np.empty(PICKED, np.int64), np.empty(PICKED, np.int64))
        row, column = 0, 0
        while row < len(ones):
            length, row, column = _pick(
                self._lives, self._sizes, dots, ones, others, picked, row, column
            )
            self.confirm(picked.one[:length], picked.other[:length])

    def links(self) -> tuple[IntVector, IntVector]:
        """The points to link."""
        keys = np.unique(np.concatenate([np.empty(0, np.int64), *self._keys]))
        return keys // len(self._points), keys % len(self._points)


def _lives(count: int, history: History, sizes: Sizes, least_gain: float) -> Lives:
    merges = len(history.first)
    total = count + merges
    size, own = np.ones(total, np.int64), np.full(total, sizes.scale[1] - sizes.term[1])
    leaves, leaf = np.empty(total, np.int64), np.empty(count, np.int64)
    died = np.full(total, merges, np.int64)
    died[history.first] = died[history.second] = np.arange(merges)
    _retell(history, sizes, size, own, died, leaves, leaf)
    place = np.empty(count, np.int64)
    place[leaf] = np.arange(count)
    square = (own + sizes.term[size]) / sizes.scale[size]
    born = np.maximum(np.arange(total) - count, -1)
    least = _least_of_runs(history.gain)
    return Lives(size, square, own, born, died, leaves, leaf, place, least, least_gain)


def _least_of_runs(gains: DoubleVector) -> DoubleMatrix:
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
        prior = prior_of(sizes, size[one], size[two])
        own[new] = history.gain[merge] - prior + own[one] + own[two]
    start = 0
    for group in range(len(size)):
        if died[group] == merges:
            leaves[group] = start
            start += size[group]
    for merge in range(merges - 1, -1, -1):
        one, two = history.first[merge], history.second[merge]
        leaves[one] = leaves[count + merge]
        leaves[two] = leaves[one] + size[one]
    for point in range(count):
        leaf[leaves[point]] = point


def _linked(count: int, links: Links) -> Linked:
    one = np.concatenate((links.first, links.second))
    other = np.concatenate((links.second, links.first))
    order = np.argsort(one, kind="stable")
    start = np.searchsorted(one[order], np.arange(count + 1))
    return Linked(start.astype(np.int64), other[order].astype(np.int64))


def _compare_lone(
    points: FloatMatrix,
    lives: Lives,
    beyond: NDArray[np.float32],
    line: tuple[float, float],
    missed: _Missed,
) -> None:
    """Compare those points that may be nearer to a point outside their links than merges were."""
    slope, offset = line
    rows = np.flatnonzero(
        _may_be_missed(lives, offset + slope * beyond.astype(np.float64), len(points))
    )
    near = np.ascontiguousarray(points[rows])
    for start in range(0, len(rows), BLOCK):
        missed.effort.check_time()
        dots = near[start : start + BLOCK] @ near[start:].T
        missed.compare(dots, rows[start : start + BLOCK], rows[start:])


@compiled
def _may_be_missed(lives: Lives, gains: DoubleVector, count: Number) -> Several:
    """Whether a point would have merged at this gain before it did."""
    found = np.empty(count, np.bool_)
    for point in range(count):
        found[point] = gains[point] > _least_between(lives, -1, lives.died[point]) - SLACK
    return found


def _compare_new(points: FloatMatrix, history: History, missed: _Missed) -> None:
    """Compare each merged group with all that lived when it was made."""
    count, merges = len(points), len(history.first)
    sums, names = points.copy(), np.arange(count)  # names[i] is the group whose sum is sums[i]
    row_of = np.empty(count + merges, np.int64)
    row_of[:count] = np.arange(count)
    for start in range(0, merges, BLOCK):
        missed.effort.check_time()
        new = np.arange(count + start, count + min(start + BLOCK, merges))
        made = np.empty((len(new), points.shape[1]), np.float32)
        _add_up(history, sums, row_of, made, start)
        for others, theirs in ((names, sums), (new, made)):
            missed.compare(made @ theirs.T, new, others)
        sums[row_of[new]] = made  # of a group that was merged again, the last one stays
        names[row_of[history.second[start : start + BLOCK]]] = -1
        names[row_of[new]] = new
        if np.count_nonzero(names < 0) > len(names) // 5:
            sums, names = np.ascontiguousarray(sums[names >= 0]), names[names >= 0]
            row_of[names] = np.arange(len(names))


@compiled
def _add_up(
    history: History, sums: FloatMatrix, row_of: IntVector, made: FloatMatrix, start: Number
) -> None:
    """The sums of the groups made by the merges from *start* on, and the rows that they take."""
    first_new = len(row_of) - len(history.first) + start
    for merge in range(start, start + len(made)):
        one, two = history.first[merge], history.second[merge]
        made[merge - start] = sums[row_of[one]] if one < first_new else made[one - first_new]
        made[merge - start] += sums[row_of[two]] if two < first_new else made[two - first_new]
        row_of[first_new + merge - start] = row_of[one]


@compiled
def _pick(
    lives: Lives,
    sizes: Sizes,
    dots: FloatMatrix,
    ones: IntVector,
    others: IntVector,
    picked: Picked,
    row: Number,
    column: Number,
) -> Several:
    """Pick pairs that may have been missed, from (row, column) on.

    Returns: how many, and where to go on.
    """
    # a call for each pair, or a look into a tuple, would take ten times as long as the arithmetic
    size, square, own = lives.size, lives.square, lives.own
    scale, term, log = sizes.scale, sizes.term, sizes.log
    stray, farthest = sizes.stray, sizes.farthest
    floor, length = lives.least_gain - SLACK - SLACK_A_FACE * len(lives.place), 0
    while row < len(ones):
        one = ones[row]
        while column < len(others):
            other = others[column]
            if other >= 0:
                both = size[one] + size[other]
                together = scale[both] * (square[one] + square[other] + 2 * dots[row, column])
                apart: Number = abs(log[size[one]] - log[size[other]])
                prior = stray * min(apart, farthest)
                gain = together - term[both] - own[one] - own[other] + prior
                if gain > floor and _was_missed(lives, one, other, gain):
                    picked.one[length], picked.other[length] = one, other
                    length += 1
                    if length == len(picked.one):
                        return length, row, column + 1
            column += 1
        row, column = row + 1, 0
    return length, row, column


@part
def _was_missed(lives: Lives, one: Number, other: Number, gain: Number) -> Several:
    """Whether a merge was made with a smaller gain while both groups lived, up to the slack."""
    born, died = lives.born[one], min(lives.died[one], lives.died[other])
    is_theirs = lives.died[one] == lives.died[other] and died < _merges(lives)
    if other == one or lives.born[other] > born or died <= born or is_theirs:
        return False
    slack = SLACK + SLACK_A_FACE * (lives.size[one] + lives.size[other])
    return gain > _least_between(lives, born, died) - slack


@part
def _merges(lives: Lives) -> Number:
    return len(lives.size) - len(lives.place)


@part
def _least_between(lives: Lives, born: Number, died: Number) -> Number:
    """The least gain at which a merge was made while a pair lived, or merging ended."""
    merges = _merges(lives)
    first, last = born + 1, min(died, merges - 1)
    least = lives.least_gain if died >= merges else np.inf
    if last >= first:
        exponent = 0
        while (2 << exponent) <= last - first + 1:
            exponent += 1
        runs = lives.least[exponent]
        least = min(least, runs[first], runs[last - (1 << exponent) + 1])
    return least


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


@compiled
def _confirm(
    points: FloatMatrix,
    linked: Linked,
    lives: Lives,
    sizes: Sizes,
    ones: IntVector,
    others: IntVector,
) -> Several:
    """Two near points for each pair of groups that has no link and was indeed missed."""
    first, second = np.empty(len(ones), np.int64), np.empty(len(ones), np.int64)
    length = 0
    for pair in range(len(ones)):
        one, other = ones[pair], others[pair]
        if lives.size[one] > lives.size[other]:
            one, other = other, one
        if _are_linked(linked, lives, one, other):
            continue
        sum_one, sum_other = _sum_of(points, lives, one), _sum_of(points, lives, other)
        gain = gain_of(sizes, lives, one, other, _dot(sum_one, sum_other))
        born = max(lives.born[one], lives.born[other])
        died = min(lives.died[one], lives.died[other])
        equal = EQUAL + EQUAL_A_FACE * (lives.size[one] + lives.size[other])
        if gain > _least_between(lives, born, died) + equal:
            first[length] = _nearest_leaf(points, lives, one, sum_other)
            second[length] = _nearest_leaf(points, lives, other, points[first[length]])
            length += 1
    return first[:length], second[:length]
