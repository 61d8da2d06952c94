"""The gain of a merge, compiled. index.counting.evidence has the formulas."""

from typing import Any, NamedTuple

import numpy as np

from index.base.arrays import DoubleVector
from index.counting.agglomeration import Weights
from index.counting.compiling import part

# numba knows these types; the type checker does not
Number = Any
GroupTable = Any  # index.counting.group_links.Groups, or another table with size, square and own


class Sizes(NamedTuple):
    """By group size n: k / (1 + r n), log(1 + r n) and log n; STRAY, and the log of its ratio."""

    scale: DoubleVector
    term: DoubleVector
    log: DoubleVector
    stray: float
    farthest: float


def table_of_sizes(count: int, weights: Weights) -> Sizes:
    """The terms of groups of up to *count* faces."""
    numbers = np.arange(count + 2.0)
    scale, term = weights.k / (1 + weights.r * numbers), np.log1p(weights.r * numbers)
    return Sizes(scale, term, np.log(np.maximum(numbers, 1)), weights.stray, weights.farthest)


@part
def prior_of(sizes: Sizes, one_size: Number, other_size: Number) -> Number:
    """The prior of groups of two sizes."""
    apart: Number = abs(sizes.log[one_size] - sizes.log[other_size])
    return sizes.stray * min(apart, sizes.farthest)


@part
def gain_of(sizes: Sizes, groups: GroupTable, one: Number, other: Number, dot: Number) -> Number:
    """gain(one, other), from the dot product of the groups' sums."""
    both = groups.size[one] + groups.size[other]
    square = groups.square[one] + groups.square[other] + 2 * dot
    together = sizes.scale[both] * square - sizes.term[both]
    prior = prior_of(sizes, groups.size[one], groups.size[other])
    return together - groups.own[one] - groups.own[other] + prior
