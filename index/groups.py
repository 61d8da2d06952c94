"""Merges groups of faces by the gain in evidence (index.gain), the best pair first.

Few groups keep the gain of every pair, and each merge looks for the largest of them all: for a
hundred faces numpy's overhead a call is all that counts, and this makes the fewest calls. With many
groups only the best partner of each is kept, and gains are made anew where they are asked for.
"""

import math
from typing import Self

import numpy as np
from numpy.typing import NDArray

from index.gain import Gain

FloatMatrix = NDArray[np.float32]
FloatVector = NDArray[np.float32]
IntVector = NDArray[np.int64]

FEW = 256  # groups; measured: beyond it, looking through all gains costs more than keeping partners


class Merges:
    """What has been merged so far, at which gains."""

    def __init__(self, gain: Gain, below: float) -> None:
        """Want only merges whose height is less than *below*."""
        self._gain = gain
        self._below = below
        self._found: list[tuple[int, int, float]] = []

    def note(self, first: int, second: int, gain: float) -> bool:
        """Note that the groups of two faces merge; False, and nothing noted, if not wanted."""
        height = self._gain.height(gain)
        if max(height, 0.0) >= self._below:
            return False
        self._found.append((first, second, height))
        return True

    def columns(self) -> tuple[IntVector, IntVector, NDArray[np.float64]]:
        """Faces of the groups merged, twice, and the heights."""
        first, second, heights = zip(*self._found, strict=True) if self._found else ((), (), ())
        return np.array(first, np.int64), np.array(second, np.int64), np.array(heights, np.float64)


class Groups:
    """The groups at one moment, by row: each row is a group, or dead.

    Attributes:
        ids: (n,) a face of each.
        dots: (n, n) twice the dot products of the groups' sums, times the gain's k; −inf with
            itself.
        square: (n,) squared lengths of the groups' sums, times k.
        size: (n,) how many faces each has; 0 when dead.
        own: (n,) each group's evidence; inf when dead, which makes every gain with it −inf.
    """

    def __init__(
        self,
        gain: Gain,
        ids: IntVector,
        dots: FloatMatrix,
        square: FloatVector,
        size: IntVector,
        own: FloatVector,
    ) -> None:
        self.gain = gain
        self.ids = ids
        self.dots = dots
        self.square = square
        self.size = size
        self.own = own

    @classmethod
    def lone(cls, gain: Gain, dots: FloatMatrix) -> Self:
        """Every face by itself, given their dot products (n, n), which are used up."""
        count = len(dots)
        dots *= np.float32(2 * gain.k)
        np.fill_diagonal(dots, -np.inf)
        square = np.full(count, gain.k, np.float32)
        own = np.full(count, gain.evidence(gain.k, 1), np.float32)
        return cls(gain, np.arange(count), dots, square, np.ones(count, np.int64), own)

    def gains(self, row: int) -> FloatVector:
        """The gain of *row* with every other; −inf with itself and the dead."""
        scale, prior = self.gain.of_size(int(self.size[row]))
        gains: FloatVector = self.dots[row] + self.square
        gains += self.square[row]
        gains *= scale.take(self.size)
        gains += prior.take(self.size)
        gains -= self.own
        gains -= self.own[row]
        return gains

    def join(self, row: int, other: int) -> None:
        """Let *row* take over *other*. Only the row of dots is brought up to date."""
        square = float(self.square[row]) + float(self.square[other]) + float(self.dots[row, other])
        size = int(self.size[row] + self.size[other])
        self.dots[row] += self.dots[other]
        self.square[row], self.size[row] = square, size
        self.own[row] = self.gain.evidence(square, size)
        self.size[other], self.own[other] = 0, np.inf


class FewGroups(Groups):
    """Keeps the gains of all pairs."""

    def merge_all(self, merges: Merges) -> None:
        """Merge until one group is left or *merges* wants no more."""
        table = self._table()
        every, count = table.reshape(-1), len(table)
        for _ in range(count - 1):
            best = int(every.argmax())
            row, other = divmod(best, count)
            if not merges.note(int(self.ids[row]), int(self.ids[other]), float(every[best])):
                return
            self.join(row, other)
            self.dots[:, row] = self.dots[row]
            table[row] = gains = self.gains(row)
            table[:, row] = gains
            table[other] = -np.inf
            table[:, other] = -np.inf

    def _table(self) -> FloatMatrix:
        if (self.size == 1).all():
            table: FloatMatrix = self.gain.of_lone_pairs(self.dots)
            return table
        return np.stack([self.gains(row) for row in range(len(self.ids))])


class ManyGroups(Groups):
    """Keeps the best partner of each group.

    best[i] is the largest gain of row i with any other; where stale[i] is set its partner has
    changed since, and best[i] is only an upper bound that is made exact when it comes up.

    Writing a column of a large matrix costs more than all else a merge does, so the dots of a pair
    are right only in the row that changed last: changed[i] is the merge that last changed row i,
    and up to merge fresh[i] the row knows of the others' changes.
    """

    def merge_all(self, merges: Merges) -> None:
        """Merge until one group is left or *merges* wants no more."""
        count = len(self.ids)
        self._changed = np.zeros(count, np.int64)
        self._fresh = np.zeros(count, np.int64)
        self._partner = self.dots.argmax(axis=1).astype(np.int32)
        self._best = self.gain.of_lone_pairs(self.dots[np.arange(count), self._partner])
        self._stale = np.zeros(count, np.bool_)
        for merged in range(1, count - FEW + 1):
            row = self._find()
            other = int(self._partner[row])
            if not merges.note(int(self.ids[row]), int(self.ids[other]), float(self._best[row])):
                return
            self._merge(row, other, merged)
        self._few().merge_all(merges)

    def _find(self) -> int:
        """The row with the largest gain."""
        while self._stale[row := int(self._best.argmax())]:
            self._freshen(row)
            self._renew(row, self.gains(row))
        return row

    def _renew(self, row: int, gains: FloatVector) -> None:
        partner = gains.argmax()
        self._partner[row] = partner
        self._best[row] = gains[partner]
        self._stale[row] = False

    def _freshen(self, row: int) -> None:
        """Bring a row of dots up to date with the rows that have changed since."""
        later = np.flatnonzero(self._changed > self._fresh[row])
        if len(later):
            self.dots[row, later] = self.dots[later, row]
            self._fresh[row] = self._changed[later].max()

    def _merge(self, row: int, other: int, merged: int) -> None:
        self._freshen(row)
        self._freshen(other)
        self.join(row, other)
        self._changed[row] = self._fresh[row] = merged
        self._changed[other] = 0
        gains = self.gains(row)
        self._stale |= self._partner == row
        self._stale |= self._partner == other
        better = np.flatnonzero(gains >= self._best)  # the new group is their partner: exact again
        self._best[better] = gains[better]
        self._partner[better] = row
        self._stale[better] = False
        self._renew(row, gains)
        self._best[other] = -np.inf
        self._stale[other] = False

    def _few(self) -> FewGroups:
        """The living alone."""
        keep = np.flatnonzero(self.size)
        for row in keep:
            self._freshen(int(row))
        dots = self.dots[np.ix_(keep, keep)]
        parts = (part[keep] for part in (self.square, self.size, self.own))
        return FewGroups(self.gain, self.ids[keep], dots, *parts)


def merge_groups(
    dots: FloatMatrix, gain: Gain, below: float = math.inf
) -> tuple[IntVector, IntVector, NDArray[np.float64]]:
    """The merges of lone faces with dot products *dots* (n, n), symmetric; they are used up.

    Returns: faces of the groups merged, twice, and the heights, which need not ascend.
    """
    merges = Merges(gain, below)
    kind = FewGroups if len(dots) <= FEW else ManyGroups
    kind.lone(gain, dots).merge_all(merges)
    return merges.columns()
