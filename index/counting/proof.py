"""Proves that merges along links are those that all pairs would give, or finds the missing links.

A pair of living groups without a link was never looked at. It was missed if its gain exceeds that
of a merge made while both groups lived. So every group is compared with all groups that lived when
it was made, and lone faces with each other: block by block, with one matrix product each. That is
of shortened sums in float32, which bounds the gains from above (up to SLACK). The few pairs for
which the bound is large enough are computed in float64.

If no pair was missed, each merge was the best of all pairs at its time. Otherwise the nearest two
faces of each missed pair become a link. The next round compares only the groups that are fresh:
those that earlier rounds did not prove (index.counting.proved).
"""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.base.arrays import FloatMatrix, IntVector
from index.counting.compiling import compiled
from index.counting.effort import Effort
from index.counting.link_merging import History, Links
from index.counting.lives import lives_of
from index.counting.missed import Round, linked_points, missing_from
from index.counting.points import Points
from index.counting.proved import Proved
from index.counting.shortening import Shortening

# numba knows these types; the type checker does not
Number = Any
BLOCK = 256  # groups in one matrix product
COLUMNS = 1 << 16  # that they are compared with in it


class Proof:
    """Looks for the links that are missing, round by round."""

    def __init__(
        self, points: Points, shortened: Shortening, lone: IntVector, effort: Effort
    ) -> None:
        """Keep what every round needs.

        Args:
            shortened: of the points.
            lone: the points that may gain enough with a lone face outside their links.
        """
        self._points, self._shortened = points, shortened
        self._lone, self._effort = lone, effort
        self._proved = Proved(len(points.unit))

    def missing_links(self, links: Links, history: History) -> IntVector:
        """The links that merging along *links* lacked, as keys; none is a proof.

        A key of the points one < other is one m + other.

        Raises:
            RequestError: 413, the effort's limits.
        """
        points, effort = self._points, self._effort
        lives = lives_of(points, history)
        names = self._proved.names(history)
        fresh = self._proved.fresh(names, lives)
        is_proved = np.ones(len(fresh), np.bool_)
        linked = linked_points(len(points.unit), links)
        merged = Round(points.weighted, linked, lives, points.sizes, is_proved)
        sums = _shortened_sums(points.weighted, self._shortened, history)
        look = _Look(merged, sums, fresh, effort)
        found = self._among_lone(merged, sums, fresh)
        found += look.of_points()
        found += look.of_made_groups()
        self._proved.keep(names, lives, is_proved)
        return np.unique(np.concatenate([np.empty(0, np.int64), *found]))

    @cached_property
    def _usual_sums(self) -> FloatMatrix:
        """The shortened points without their weights, which are the same in every round."""
        return self._shortened(self._points.unit)

    def _among_lone(
        self, merged: Round, sums: FloatMatrix, fresh: NDArray[np.bool_]
    ) -> list[IntVector]:
        """The missing links between lone faces, which weigh as usual ones do."""
        points = self._points
        if points.weighted is not points.unit:
            count, sizes, lives = len(points.unit), points.sizes, merged.lives
            size, square, own = lives.size.copy(), lives.square.copy(), lives.own.copy()
            size[:count], square[:count] = sizes.parts, 1.0
            own[:count] = sizes.scale[sizes.parts] - sizes.term[sizes.parts]
            usual = lives._replace(size=size, square=square, own=own)
            merged = merged._replace(points=points.unit, lives=usual)
            sums = self._usual_sums
        return _Look(merged, sums, fresh, self._effort).among_points(self._lone)


class _Look:
    """Compares the fresh groups of a round with all that lived when they did."""

    def __init__(
        self, merged: Round, sums: FloatMatrix, fresh: NDArray[np.bool_], effort: Effort
    ) -> None:
        self._merged, self._sums, self._fresh, self._effort = merged, sums, fresh, effort

    def among_points(self, lone: IntVector) -> list[IntVector]:
        """Fresh points with points, both *lone*."""
        is_fresh = self._fresh[lone]
        rows = np.concatenate((lone[is_fresh], lone[~is_fresh]))

        def compare(start: int, stop: int) -> IntVector:
            return self._missing(rows[start:stop], rows[start:])

        return self._effort.in_blocks(compare, int(is_fresh.sum()), BLOCK)

    def of_points(self) -> list[IntVector]:
        """Fresh points with the groups that are not fresh."""
        lives = self._merged.lives
        points = np.flatnonzero(self._fresh[: len(lives.place)])
        points = points[np.argsort(-lives.until[points], kind="stable")]
        others = np.flatnonzero(~self._fresh & (lives.born >= 0))

        def compare(start: int, stop: int) -> IntVector:
            ones = points[start:stop]
            return self._missing(ones, others[lives.since[others] >= lives.until[ones].min()])

        return self._effort.in_blocks(compare, len(points), BLOCK)

    def of_made_groups(self) -> list[IntVector]:
        """Fresh groups with points and groups; of two fresh ones the later is compared."""
        lives, fresh = self._merged.lives, self._fresh
        made = np.flatnonzero(fresh & (lives.born >= 0))

        def compare(start: int, stop: int) -> IntVector:
            ones = made[start:stop]
            living = (lives.until <= lives.since[ones[0]]) & (lives.born <= lives.born[ones[-1]])
            later = ~fresh & (lives.since <= lives.since[ones[0]])
            later &= lives.since >= lives.until[ones].min()
            return self._missing(ones, np.flatnonzero(living | later))

        return self._effort.in_blocks(compare, len(made), BLOCK)

    def _missing(self, ones: IntVector, others: IntVector) -> IntVector:
        """The missing links between groups *ones* (b,) and *others* (c,)."""
        keys = np.empty(0, np.int64)
        others = others[np.argsort(self._merged.lives.size[others], kind="stable")]
        for start in range(0, len(others), COLUMNS):
            found = self._missing_in(ones, others[start : start + COLUMNS])
            keys = np.union1d(keys, found)
            self._effort.check_links(len(keys), len(self._merged.points))
        return keys

    def _missing_in(self, ones: IntVector, others: IntVector) -> IntVector:
        """The same, for *others* by ascending size."""
        size = self._merged.lives.size[others]
        ends = np.append(np.flatnonzero(np.diff(size)) + 1, len(others))
        dots = self._sums[ones] @ self._sums[others].T
        keys, row = np.empty(0, np.int64), 0
        while row < len(ones):
            self._effort.check_time()
            row, found = missing_from(self._merged, dots, ones, others, ends, row)
            keys = np.union1d(keys, found)
        return keys


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
