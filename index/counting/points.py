"""The different faces of a large question, as merging along links needs them."""

from typing import NamedTuple

import numpy as np

from index.base.arrays import FloatMatrix, IntVector
from index.counting.formula import Formula
from index.counting.gains import Sizes, table_of_sizes


class Points(NamedTuple):
    """Lone faces to merge, and what their merges gain.

    Attributes:
        unit: (m, d) float32 vectors of length 1.
        weighted: the same times the weights; the same array if all weigh the same.
        weights: (m,) in the formula's parts.
        sizes: the terms of all groups that they can become.
        least_gain: a merge must gain more.
    """

    unit: FloatMatrix
    weighted: FloatMatrix
    weights: IntVector
    sizes: Sizes
    least_gain: float


def points_of(
    vectors: FloatMatrix, weights: IntVector | None, formula: Formula, least_gain: float
) -> Points:
    """The points with these unit *vectors* (m, d) and *weights* (m,); None: usual faces' ones."""
    if weights is None:
        weights = np.full(len(vectors), formula.parts, np.int64)
    weighted = vectors
    if (weights != formula.parts).any():
        weighted = vectors * (weights / formula.parts).astype(np.float32)[:, None]
    sizes = table_of_sizes(int(weights.sum()), formula)
    return Points(vectors, weighted, weights, sizes, least_gain)
