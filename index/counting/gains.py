"""The gain of a merge, compiled. index.counting.evidence has the formulas."""

from typing import Any, NamedTuple

from index.base.arrays import DoubleVector
from index.counting.compiling import part
from index.counting.formula import Formula

# numba knows these types; the type checker does not
Number = Any
GroupTable = Any  # index.counting.group_links.Groups, or another table with size, square and own


class Sizes(NamedTuple):
    """By group size n in parts: k / (1 + r n), log(1 + r n) and log n.

    Attributes:
        stray, farthest, parts: see index.counting.formula.Formula.
    """

    scale: DoubleVector
    term: DoubleVector
    log: DoubleVector
    stray: float
    farthest: float
    parts: int


def table_of_sizes(total: int, formula: Formula) -> Sizes:
    """The terms of groups whose faces weigh up to *total*, in parts."""
    table = formula.table(max(total, formula.parts) + formula.parts + 1)
    return Sizes(*table, formula.stray, formula.farthest, formula.parts)


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


@part
def gain_of_lone(sizes: Sizes, similarity: Number) -> Number:
    """The gain of two lone faces, which weigh as usual ones do."""
    one, both = sizes.parts, 2 * sizes.parts
    own = sizes.scale[one] - sizes.term[one]
    return sizes.scale[both] * (2 + 2 * similarity) - sizes.term[both] - own - own


@part
def similarity_of_lone(sizes: Sizes, gain: Number) -> Number:
    """The similarity of two lone faces that gain so much."""
    one, both = sizes.parts, 2 * sizes.parts
    own = sizes.scale[one] - sizes.term[one]
    return ((gain + own + own + sizes.term[both]) / sizes.scale[both] - 2) / 2
