"""Merges the closest groups of faces first, where some pairs of groups must never be merged.

index.counting.agglomeration and scipy do the same, without such pairs, for questions that nobody's
judgement touches. Here every step is a few operations of numpy on rows of the matrix of all pairs.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from index.base.arrays import DoubleVector, IntVector
from index.base.choices import Linkage
from index.counting.formula import Formula

BARRED = -math.inf  # the closeness of groups that must not be merged
_BLOCK_ROWS = 256  # bounds the memory of a look for partners

Matrix = NDArray[np.floating]


class DistanceGroups:
    """Groups of which a linkage takes the closest first.

    Args:
        close: (n, n) minus the distance of any two, symmetric, BARRED on the diagonal and wherever
            a merge is forbidden; overwritten.
        sizes: (n,) faces in each.
        linkage: single, complete or average.
    """

    def __init__(self, close: Matrix, sizes: IntVector, linkage: Linkage) -> None:
        self._close = close
        self._sizes = sizes.astype(np.float64)
        self._linkage = linkage

    def __len__(self) -> int:
        return len(self._close)

    def gains(self, rows: IntVector) -> Matrix:
        """The closeness of the groups *rows* to all: (len(rows), n)."""
        return self._close[rows]

    def merge(self, kept: int, taken: int) -> None:
        """Make *kept* and *taken* one group, with the number of *kept*."""
        one, other = self._close[kept], self._close[taken]
        if self._linkage is Linkage.SINGLE:
            row = np.where(np.minimum(one, other) == BARRED, BARRED, np.maximum(one, other))
        elif self._linkage is Linkage.COMPLETE:
            row = np.minimum(one, other)
        else:
            first, second = self._sizes[kept], self._sizes[taken]
            row = (first * one + second * other) / (first + second)
        self._sizes[kept] += self._sizes[taken]
        _replace(self._close, kept, taken, row)


class EvidenceGroups:
    """Groups of which the pair with the largest gain in evidence comes first.

    Args:
        dots: (n, n) dot products of the groups' weighted sums, but of unit vectors where both are
            lone faces; otherwise as *close* of DistanceGroups.
        sizes: (n,) the weights of their faces, added up; a usual face weighs 1.
        squares: (n,) squared lengths of their weighted sums.
        lone: (n,) whether each is one face.
        formula: the model's.
    """

    def __init__(
        self,
        dots: Matrix,
        sizes: DoubleVector,
        squares: DoubleVector,
        lone: NDArray[np.bool_],
        formula: Formula,
    ) -> None:
        self._dots = dots
        self._sizes = sizes
        self._squares = squares
        self._lone = lone
        self._formula = formula

    def __len__(self) -> int:
        return len(self._dots)

    def gains(self, rows: IntVector) -> Matrix:
        """gain(a, b) of index.counting.evidence for a in *rows* and every b: (len(rows), n)."""
        gains = self._gains(rows, self._sizes, self._squares)
        if not (self._sizes[self._lone] == 1.0).all():  # two lone faces weigh as usual ones do
            usual = np.ones(len(self))
            two = self._lone[rows, None] & self._lone
            gains[two] = self._gains(rows, usual, usual)[two]
        return gains

    def _gains(self, rows: IntVector, sizes: DoubleVector, squares: DoubleVector) -> Matrix:
        own = self._evidence(sizes, squares)
        both = self._evidence(
            sizes[rows, None] + sizes, squares[rows, None] + squares + 2.0 * self._dots[rows]
        )
        apart = np.abs(np.log(sizes)[rows, None] - np.log(sizes))
        prior = self._formula.stray * np.minimum(apart, self._formula.farthest)
        gains: Matrix = both - (own[rows, None] + own) + prior
        return gains

    def _evidence(self, sizes: NDArray[np.float64], squares: Matrix) -> Matrix:
        """f(n, q) of index.counting.evidence."""
        scale, term = self._formula.terms(sizes)
        evidence: Matrix = scale * squares - term
        return evidence

    def merge(self, kept: int, taken: int) -> None:
        """Make *kept* and *taken* one group, with the number of *kept*."""
        one, other = self._weighted(kept), self._weighted(taken)
        self._squares[kept] += self._squares[taken] + 2.0 * float(one[taken])
        self._sizes[kept] += self._sizes[taken]
        self._lone[kept] = False
        _replace(self._dots, kept, taken, one + other)

    def _weighted(self, group: int) -> Matrix:
        """The dot products of a group's weighted sum with those of all."""
        dots: Matrix = self._dots[group]
        if self._lone[group]:
            dots = dots * np.where(self._lone, self._sizes[group] * self._sizes, 1.0)
        return dots


def _replace(matrix: Matrix, kept: int, taken: int, row: Matrix) -> None:
    row[[kept, taken]] = BARRED
    matrix[kept], matrix[:, kept] = row, row
    matrix[taken], matrix[:, taken] = BARRED, BARRED


def closest_first(
    groups: DistanceGroups | EvidenceGroups, least: float = BARRED
) -> Iterator[tuple[int, int, float]]:
    """Merge groups until no pair that may be merged gains more than *least*.

    Of pairs with equal gains the one with the lowest numbers comes first.

    Yields: the group that is kept, the one that is taken, and the gain.
    """
    if not len(groups):
        return
    best, partner = np.empty(len(groups)), np.empty(len(groups), np.int64)
    _look(groups, np.arange(len(groups)), best, partner)
    while True:
        kept = int(best.argmax())
        taken, gain = int(partner[kept]), float(best[kept])
        if not gain > least:
            return
        groups.merge(kept, taken)
        yield kept, taken, gain
        best[taken] = BARRED
        stale = (partner == kept) | (partner == taken)
        stale[[kept, taken]] = True, False
        row = groups.gains(np.array([kept]))[0]
        # equal gains: the lowest number is the partner, as in a new look
        nearer = (row > best) | ((row == best) & (row > BARRED) & (kept < partner))
        nearer &= ~stale
        best[nearer], partner[nearer] = row[nearer], kept
        stale &= best > BARRED
        stale[kept] = True
        _look(groups, np.flatnonzero(stale), best, partner)


def _look(
    groups: DistanceGroups | EvidenceGroups, rows: IntVector, best: Matrix, partner: IntVector
) -> None:
    """Find the best partner of each of the groups *rows* anew."""
    for start in range(0, len(rows), _BLOCK_ROWS):
        some = rows[start : start + _BLOCK_ROWS]
        gains = groups.gains(some)
        partner[some] = gains.argmax(axis=1)
        best[some] = gains[np.arange(len(some)), partner[some]]
