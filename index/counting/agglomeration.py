"""Merges groups of faces, the pair with the largest gain in evidence first; compiled by numba.

The search takes hundreds of dependent steps over short arrays. In numpy the calls alone would take
twenty times as long as the arithmetic. Compiled, it also runs without Python's lock, so that other
threads go on. index.counting.evidence explains the formulas.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit

from index.base.arrays import DoubleVector, FloatMatrix, IntVector

Function = TypeVar("Function", bound=Callable[..., Any])
# numba knows these types; the type checker does not
Table = Any  # an array of _GROUP or _SIZE below
Number = Any

# how they were chosen: docs/accuracy.md
RHO = 0.42  # share of a vector's variance that belongs to the person
STRAY = 0.09  # how much more readily a stray face joins than two persons become one
R = RHO / (1 - RHO)  # r and k of the formula
K = R / (1 - RHO)

# Each group has the number of one of its faces. best is its largest gain with any other group. If
# stale, the partner has changed since, and best is only an upper bound.
_GROUP = np.dtype(
    [
        ("size", np.int64),
        ("square", np.float64),  # of the length of its vectors' sum
        ("own", np.float64),  # its evidence
        ("best", np.float64),
        ("partner", np.int64),
        ("stale", np.bool_),
    ],
    align=True,
)
# by size n: k / (1 + r n), log(1 + r n) and log n
_SIZE = np.dtype([("scale", np.float64), ("term", np.float64), ("log", np.float64)])


def _compiled(function: Function) -> Function:
    """njit, typed."""
    compiled: Function = njit(nogil=True)(function)
    return compiled


def compile_now() -> None:
    """Compile now, which takes a second or two, instead of at the first call."""
    merges_of(np.ones((2, 2), np.float32), math.inf)


def merges_of(dots: FloatMatrix, least_gain: float) -> tuple[IntVector, IntVector, DoubleVector]:
    """Merge lone faces as long as a merge gains more than *least_gain*.

    Args:
        dots: (n, n) dot products, C-contiguous, symmetric; overwritten.

    Returns: for each merge a face of the one group, a face of the other, and the gain.
    """
    first, second, gains = _merge_all(dots, least_gain)
    return first, second, gains


@_compiled
def _gain(groups: Table, sizes: Table, dots: FloatMatrix, one: Number, other: Number) -> Number:
    """gain(one, other) of index.counting.evidence."""
    a, b = groups[one], groups[other]
    both = sizes[a.size + b.size]
    together = both.scale * (a.square + b.square + 2 * dots[one, other]) - both.term
    return together - a.own - b.own + STRAY * abs(sizes[a.size].log - sizes[b.size].log)


@_compiled
def _find_partner(
    groups: Table, sizes: Table, dots: FloatMatrix, alive: IntVector, row: Number
) -> None:
    """Make the best gain of *row* exact."""
    best, partner = -np.inf, row
    for other in alive:
        if other != row:
            gain = _gain(groups, sizes, dots, row, other)
            if gain > best:
                best, partner = gain, other
    groups[row].best, groups[row].partner, groups[row].stale = best, partner, False


@_compiled
def _find_pair(groups: Table, sizes: Table, dots: FloatMatrix, alive: IntVector) -> Number:
    """One group of the pair with the largest gain of all; the other is its partner."""
    while True:
        row = alive[0]
        for other in alive:
            if groups[other].best > groups[row].best:
                row = other
        if not groups[row].stale:
            return row
        _find_partner(groups, sizes, dots, alive, row)


@_compiled
def _take_over(
    groups: Table, sizes: Table, dots: FloatMatrix, alive: IntVector, row: Number, taken: Number
) -> None:
    """Merge the group *taken*, which is no longer in *alive*, into *row*."""
    group = groups[row]
    group.square += groups[taken].square + 2 * dots[row, taken]
    group.size += groups[taken].size
    group.own = sizes[group.size].scale * group.square - sizes[group.size].term
    group.best, group.stale = -np.inf, False
    for other in alive:
        if other != row:
            dot = dots[row, other] + dots[taken, other]
            dots[row, other] = dot
            dots[other, row] = dot
            gain = _gain(groups, sizes, dots, row, other)
            if gain >= groups[other].best:  # a better partner: exact again
                groups[other].best, groups[other].partner = gain, row
                groups[other].stale = False
            elif groups[other].partner == row or groups[other].partner == taken:
                groups[other].stale = True
            if gain > group.best:
                group.best, group.partner = gain, other


@_compiled
def _lone(count: int) -> tuple[Table, Table]:
    """Groups of one face each, still without partners, and the table of terms by group size."""
    sizes: Table = np.empty(count + 1, _SIZE)
    for size in range(count + 1):
        sizes[size].scale = K / (1 + R * size)
        sizes[size].term, sizes[size].log = math.log1p(R * size), math.log(max(size, 1))
    groups: Table = np.empty(count, _GROUP)
    for group in groups:
        group.size, group.square = 1, 1.0
        group.own = sizes[1].scale - sizes[1].term
        group.stale = False
    return groups, sizes


@_compiled
def _merge_all(dots: FloatMatrix, least_gain: float) -> tuple[IntVector, IntVector, DoubleVector]:
    count = len(dots)
    groups, sizes = _lone(count)
    alive = np.arange(count)
    first, second = np.empty(count, np.int64), np.empty(count, np.int64)
    gains = np.empty(count)
    done = 0
    for row in alive:  # a lone face's partner is the nearest face
        dots[row, row] = -np.inf
        groups[row].partner = np.argmax(dots[row])
        groups[row].best = _gain(groups, sizes, dots, row, groups[row].partner)
    while done < count - 1:
        row = _find_pair(groups, sizes, dots, alive)
        if groups[row].best <= least_gain:
            break
        taken = groups[row].partner
        first[done], second[done], gains[done] = row, taken, groups[row].best
        done += 1
        alive = alive[alive != taken]
        _take_over(groups, sizes, dots, alive, row, taken)
    return first[:done], second[:done], gains[:done]
