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

from index.base.arrays import DoubleVector, FloatMatrix, IntVector
from index.counting.agglomeration import K, R, merges_of

SAME_PHOTO = 4.0
LEADING = 8  # rows that agree in so many numbers are copies, or nearly
# two lone faces of cosine similarity c gain SLOPE c + OFFSET
SLOPE = 2 * K / (1 + 2 * R)
OFFSET = SLOPE - 2 * K / (1 + R) - math.log1p(2 * R) + 2 * math.log1p(R)
SPARE = 1e-9  # of a gain: whether a height lies below the cut is for the caller to say


def merge_by_evidence(
    vectors: FloatMatrix, photos: IntVector, below: float = math.inf
) -> tuple[IntVector, IntVector, DoubleVector]:
    """The merges of unit *vectors* (n, d), found in *photos* (n,), until one group is left.

    Copies of a vector are no further evidence: they merge at height 0 and count once from then on.

    Args:
        vectors: float32, ordered by their LEADING numbers, so that copies stand together.
        below: merges at this height or above are not wanted; the search ends close to it.

    Returns: up to n − 1 faces of the groups merged, twice, and the ascending heights.
    """
    points, kept, copy_of = _distinct(vectors)
    copies = np.flatnonzero(kept[copy_of] != np.arange(len(vectors)))
    dots = _similarities(points, _photo_mates(photos, copy_of))
    first, second, gains = merges_of(dots, OFFSET + SLOPE * (1 - below) - SPARE)
    heights = 1 - (gains - OFFSET) / SLOPE
    return (
        np.concatenate((kept[copy_of[copies]], kept[first])),
        np.concatenate((copies, kept[second])),
        np.concatenate((np.zeros(len(copies)), np.maximum.accumulate(np.maximum(heights, 0.0)))),
    )


def _distinct(vectors: FloatMatrix) -> tuple[FloatMatrix, IntVector, IntVector]:
    """What np.unique(axis=0) gives with both indices, but in the order in which points come.

    Copies stand together, so that there are none is seen in a hundredth of its time.
    """
    leading = vectors[:, :LEADING]
    if (leading[1:] == leading[:-1]).all(axis=1).any():  # perhaps copies: look at all columns
        _, kept, copy_of = np.unique(vectors, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(kept)  # as they come, whether there are copies or not
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        return vectors[kept[order]], kept[order], rank[copy_of.reshape(-1)]
    here = np.arange(len(vectors))
    return vectors, here, here


def _photo_mates(photos: IntVector, points: IntVector) -> list[IntVector]:
    """The different *points* of every photo that has more than one; a point may be in several."""
    if len(set(photos.tolist())) == len(photos):  # one face a photo, as is usual
        return []
    pairs = np.unique(np.stack((photos, points), axis=1), axis=0)
    ends = np.flatnonzero(np.diff(pairs[:, 0])) + 1
    return [mates for mates in np.split(pairs[:, 1], ends) if len(mates) > 1]


def _similarities(points: FloatMatrix, photo_mates: list[IntVector]) -> FloatMatrix:
    """Every dot product, (n, n), with faces of one photo moved apart. Exactly symmetric.

    numpy multiplies a matrix by its own transpose with a routine that computes one triangle.
    """
    dots: FloatMatrix = points @ points.T
    plain = dots.copy() if photo_mates else dots  # a point may be in several photos
    for mates in photo_mates:
        block = np.ix_(mates, mates)
        dots[block] = 1 - np.float32(SAME_PHOTO) * (1 - plain[block])
    return dots
