"""Agglomeration by the weight of evidence: the default linkage.

Model: a person is a point, and the person's photos scatter around it (a two-level spherical
Gaussian; S. Ioffe, "Probabilistic Linear Discriminant Analysis", 2006, with one parameter). RHO is
the share of a vector's variance that belongs to the person. For a group of n faces whose unit
vectors sum to s, the log evidence that one person explains them all has a closed form,

    f(n, q) = k q / (1 + r n) − log(1 + r n),    q = |s|²,  r = RHO / (1 − RHO),  k = r / (1 − RHO)

so groups a and b speak for being one person with

    gain(a, b) = f(na + nb, |sa + sb|²) − f(na, |sa|²) − f(nb, |sb|²) + STRAY |log(na / nb)|.

The last term is a prior: a stray face joins a person more readily than two persons become one.
Starting with one group a face, the pair of groups with the largest gain is merged, again and again.
Between two lone faces the gain falls linearly with their cosine distance, so every gain can be read
back as a height: the distance at which two lone faces would give the same evidence. A lone pair is
therefore one person exactly when its distance is below the cut, as with every other linkage; larger
groups need less similarity the more faces speak for it.

Two faces in one photo are evidence against: their distance counts SAME_PHOTO times. Strangers side
by side stay apart, while a mirror image or a collage, nearly identical, stays together.

Constants and figures: docs/accuracy.md.
"""

import math

import numpy as np
from numpy.typing import NDArray

FloatMatrix = NDArray[np.float32]
FloatVector = NDArray[np.float32]
IntVector = NDArray[np.int64]

RHO = 0.42
STRAY = 0.09
SAME_PHOTO = 4.0
R = np.float32(RHO / (1 - RHO))
K = np.float32(RHO / (1 - RHO) ** 2)
# two lone faces of cosine similarity c gain SLOPE c + OFFSET
SLOPE = float(2 * K / (1 + 2 * R))
OFFSET = float(2 * K / (1 + 2 * R) - 2 * K / (1 + R) - np.log1p(2 * R) + 2 * np.log1p(R))


def merge_by_evidence(
    vectors: FloatMatrix, photos: IntVector, below: float = math.inf
) -> tuple[IntVector, IntVector, NDArray[np.float64]]:
    """The merges of unit *vectors* (n, d), found in *photos* (n,), until one group is left.

    Copies of a vector are no further evidence: they merge at height 0 and count once from then on.

    Args:
        below: merges at this height or above are not wanted; the search ends at the first.

    Returns: up to n − 1 faces of the groups merged, twice, and the ascending heights.
    """
    points, kept, copy_of = _distinct(vectors)
    copies = np.flatnonzero(kept[copy_of] != np.arange(len(vectors)))
    groups = _Groups(points, _photo_mates(photos, copy_of))
    first, second, heights = groups.merge_all(below)
    return (
        np.concatenate((kept[copy_of[copies]], kept[first])),
        np.concatenate((copies, kept[second])),
        np.concatenate((np.zeros(len(copies)), np.maximum.accumulate(np.maximum(heights, 0.0)))),
    )


def _distinct(vectors: FloatMatrix) -> tuple[FloatMatrix, IntVector, IntVector]:
    """What np.unique(axis=0) gives with both indices, in a fortieth of its time without copies."""
    leading = vectors[:, : min(8, vectors.shape[1])]
    order = np.lexsort(leading.T[::-1])
    ordered = leading[order]
    if (ordered[1:] == ordered[:-1]).all(axis=1).any():  # perhaps copies: look at all columns
        points, kept, copy_of = np.unique(vectors, axis=0, return_index=True, return_inverse=True)
        return points, kept, copy_of.reshape(-1)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return vectors[order], order, rank


def _photo_mates(photos: IntVector, points: IntVector) -> list[IntVector]:
    """The different *points* of every photo that has more than one; a point may be in several."""
    if len(set(photos.tolist())) == len(photos):  # one face a photo, as is usual
        return []
    pairs = np.unique(np.stack((photos, points), axis=1), axis=0)
    ends = np.flatnonzero(np.diff(pairs[:, 0])) + 1
    return [mates for mates in np.split(pairs[:, 1], ends) if len(mates) > 1]


def _similarities(points: FloatMatrix) -> FloatMatrix:
    """Every dot product, exactly symmetric: BLAS need not be, in the last bit."""
    dots: FloatMatrix = points @ points.T
    for top in range(0, len(dots), BLOCK_ROWS):
        rows = slice(top, top + BLOCK_ROWS)
        for left in range(top, len(dots), BLOCK_ROWS):  # block by block, so that both fit a cache
            columns = slice(left, left + BLOCK_ROWS)
            lower = np.minimum(dots[rows, columns], dots[columns, rows].T)
            dots[rows, columns] = lower
            dots[columns, rows] = lower.T
    return dots


class _Groups:
    """The groups at one moment, by row: each row is a group, or dead.

    best[i] is the largest gain of row i with any other; where stale[i] is set its partner has
    changed since, and best[i] is only an upper bound that is made exact when it comes up. A dead
    row has own = inf, which makes every gain with it −inf; its dots are no longer kept.
    """

    def __init__(self, points: FloatMatrix, photo_mates: list[IntVector]) -> None:
        count = len(points)
        dots = _similarities(points)
        self.dots = dots.copy() if photo_mates else dots
        for mates in photo_mates:
            block = np.ix_(mates, mates)
            self.dots[block] = 1 - np.float32(SAME_PHOTO) * (1 - dots[block])
        np.fill_diagonal(self.dots, -np.inf)
        self.ids = np.arange(count)
        self.size = np.ones(count, np.int64)
        self.square = np.ones(count, np.float32)  # |s|²
        # by size, so that no gain computes a logarithm
        self.log_size = np.log(np.maximum(np.arange(count + 1), 1)).astype(np.float32)
        sizes = np.arange(2 * count + 1, dtype=np.float32)
        self.log_term = np.log1p(R * sizes)
        self.scatter = 1 + R * sizes
        self.strays: dict[int, FloatVector] = {}
        self.own = self._evidence(self.size, self.square)
        self.partner = self.dots.argmax(axis=1)
        self.best = np.float32(SLOPE) * self.dots[self.ids, self.partner] + np.float32(OFFSET)
        self.stale = np.zeros(count, np.bool_)

    def _evidence(self, size: IntVector, square: FloatVector) -> FloatVector:
        evidence: FloatVector = K * square / self.scatter[size] - self.log_term[size]
        return evidence

    def _stray(self, size: int) -> FloatVector:
        """The prior of a group of *size* joining one of each size."""
        if size not in self.strays:
            apart = np.abs(self.log_size - self.log_size[size])
            self.strays[size] = np.float32(STRAY) * apart
        return self.strays[size]

    def _gains(self, row: int) -> FloatVector:
        """The gain of *row* with every other; −inf with itself and the dead."""
        size = int(self.size[row])
        gains: FloatVector = self.dots[row] * _TWO
        gains += self.square[row]
        gains += self.square
        gains *= K
        gains /= self.scatter[size:].take(self.size)
        gains -= self.log_term[size:].take(self.size)
        gains -= self.own + self.own[row]
        gains += self._stray(size).take(self.size)
        return gains

    def merge_all(self, below: float) -> tuple[IntVector, IntVector, NDArray[np.float64]]:
        """Merge until one group is left, or no merge lies *below* that height."""
        alive = len(self.ids)
        merges: list[tuple[int, int, float]] = []
        while alive > 1:
            row = int(self.best.argmax())
            if self.stale[row]:
                self._renew(row, self._gains(row))
                continue
            other = int(self.partner[row])
            height = 1 - (float(self.best[row]) - OFFSET) / SLOPE
            if max(height, 0.0) >= below:
                break
            merges.append((int(self.ids[row]), int(self.ids[other]), height))
            self._merge(row, other)
            alive -= 1
            if MIN_COMPACT < alive < COMPACT_SHARE * len(self.ids):
                self._compact()
        first, second, heights = zip(*merges, strict=True) if merges else ((), (), ())
        return np.array(first, np.int64), np.array(second, np.int64), np.array(heights, np.float64)

    def _renew(self, row: int, gains: FloatVector) -> None:
        partner = gains.argmax()
        self.partner[row] = partner
        self.best[row] = gains[partner]
        self.stale[row] = False

    def _merge(self, row: int, other: int) -> None:
        """Let *row* take over *other*."""
        self.square[row] += self.square[other] + 2 * self.dots[row, other]
        self.dots[row] += self.dots[other]
        self.dots[:, row] = self.dots[row]
        self.size[row] += self.size[other]
        self.size[other] = 0
        self.own[row] = self._evidence(self.size[row], self.square[row])
        self.own[other] = np.inf
        gains = self._gains(row)
        self.stale |= self.partner == row
        self.stale |= self.partner == other
        better = gains >= self.best  # the new group is a better partner: exact again
        np.maximum(self.best, gains, out=self.best)
        self.partner[better] = row
        self.stale[better] = False
        self._renew(row, gains)
        self.best[other] = -np.inf
        self.stale[other] = False

    def _compact(self) -> None:
        """Drop the rows of the dead."""
        keep = np.flatnonzero(self.size)
        renumbered = np.zeros(len(self.ids), np.int64)
        renumbered[keep] = np.arange(len(keep))
        self.dots = self.dots[keep].take(keep, axis=1)
        self.partner = renumbered[self.partner[keep]]
        for name in ("ids", "size", "square", "own", "best", "stale"):
            setattr(self, name, getattr(self, name)[keep])


_TWO = np.float32(2)
BLOCK_ROWS = 256
MIN_COMPACT = 64  # groups; below it the dead cost less than their removal
COMPACT_SHARE = 0.7
