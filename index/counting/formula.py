"""The numbers of the evidence formula, for one model. index.counting.evidence explains it."""

import math
from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np

from index.base.arrays import DoubleVector
from index.counting.weights import STEPS
from index.vectors.space import Scatter

SAME_PHOTO = 4.0  # so many times counts the distance of two faces of one photo

Value = TypeVar("Value", float, DoubleVector)


class Formula(NamedTuple):
    """The numbers.

    Attributes:
        r, k: of the formula.
        stray: STRAY.
        farthest: the logarithm of the ratio at which STRAY ends.
        parts: so many parts are the weight of a usual face: 1, or index.counting.weights.STEPS.
    """

    r: float
    k: float
    stray: float
    farthest: float
    parts: int = 1

    @property
    def slope(self) -> float:
        """Two lone faces of cosine similarity c gain slope c + offset."""
        return 2 * self.k / (1 + 2 * self.r)

    @property
    def offset(self) -> float:
        """See slope."""
        terms = 2 * math.log1p(self.r) - math.log1p(2 * self.r)
        return self.slope - 2 * self.k / (1 + self.r) + terms

    def gain_of_lone(self, similarity: Value) -> Value:
        """The gain of two lone faces of one cosine *similarity*, or of each of (n,)."""
        return self.offset + self.slope * similarity

    def heights_of(self, gains: DoubleVector) -> DoubleVector:
        """The cosine distances (n,) at which two lone faces gain as much as *gains* (n,)."""
        return np.maximum(1 - (gains - self.offset) / self.slope, 0.0)

    def terms(self, sizes: DoubleVector) -> tuple[DoubleVector, DoubleVector]:
        """The terms k / (1 + r n) and log(1 + r n) of groups of *sizes* n; a usual face weighs 1.

        The evidence of a group with the squared sum q is q times the first, less the second.
        """
        return self.k / (1 + self.r * sizes), np.log1p(self.r * sizes)

    def table(self, total: int) -> tuple[DoubleVector, DoubleVector, DoubleVector]:
        """terms() and log n of groups of 0 to *total* − 1 parts; *total* is at least 2."""
        sizes = np.arange(float(total)) / self.parts
        return *self.terms(sizes), np.log(np.maximum(sizes, sizes[1]))


@lru_cache(maxsize=8)  # a library has one scatter or two, and short questions are many
def formula_of(scatter: Scatter) -> Formula:
    """The numbers of a model."""
    r = scatter.rho / (1 - scatter.rho)
    parts = 1 if scatter.norm is None else STEPS
    farthest = math.log(scatter.stray_ratio)
    return Formula(r, r / (1 - scatter.rho), scatter.stray, farthest, parts)
