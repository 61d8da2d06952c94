"""Agglomeration by the weight of evidence: the default linkage.

Starting with one group a face, the pair of groups with the largest gain (index.gain) is merged,
again and again. A lone pair is one person exactly when its distance is below the cut, as with every
other linkage; larger groups need less similarity the more faces speak for it.

Two faces in one photo are evidence against: their distance counts SAME_PHOTO times. Strangers side
by side stay apart, while a mirror image or a collage, nearly identical, stays together.

Constants and figures: docs/accuracy.md.
"""

import math

import numpy as np
from numpy.typing import NDArray

from index.gain import Gain
from index.groups import merge_groups

FloatMatrix = NDArray[np.float32]
IntVector = NDArray[np.int64]

SAME_PHOTO = 4.0


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
    dots = _similarities(points, _photo_mates(photos, copy_of))
    first, second, heights = merge_groups(dots, Gain(len(points)), below)
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
