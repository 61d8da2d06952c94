"""Merges groups of faces, the pair with the largest gain in evidence first.

The search takes hundreds of dependent steps over short arrays. In numpy the calls alone would take
twenty times as long as the arithmetic, so numba compiles it. Compiled, it also runs without
Python's lock, so that other threads go on. But compiling takes a second or two: a command that
merges a handful of faces is done sooner without it. A service compiles at its start. Both ways
run the same functions, with results equal to the last bit.
index.counting.evidence explains the formulas.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from threading import Event
from typing import Any

import numpy as np

from index.base.arrays import DoubleVector, FloatMatrix, IntVector
from index.counting.formula import Formula

# numba knows these types; the type checker does not
Table = Any  # an array of _GROUP or _SIZE below
Number = Any
Merges = tuple[IntVector, IntVector, DoubleVector]
Prior = tuple[float, float, int]  # STRAY, the logarithm of its ratio, and a usual face's parts
MergeAll = Callable[[FloatMatrix, Table, Table, Prior, float], Merges]

HANDFUL = 48  # so many faces take 50 ms without compiling
_IS_COMPILED = Event()

# Each group has the number of one of its faces. best is its largest gain with any other group. If
# stale, the partner has changed since, and best is only an upper bound.
_GROUP = np.dtype(
    [
        ("size", np.int64),  # the weights of its faces, in the formula's parts
        ("lone", np.bool_),  # whether it is one face
        ("weight", np.float64),  # of a lone face
        ("square", np.float64),  # of the length of its weighted vectors' sum
        ("own", np.float64),  # its evidence
        ("best", np.float64),
        ("partner", np.int64),
        ("stale", np.bool_),
    ],
    align=True,
)
# by size n in parts: k / (1 + r n), log(1 + r n) and log n
_SIZE = np.dtype([("scale", np.float64), ("term", np.float64), ("log", np.float64)])


def compile_now() -> None:
    """Compile now, which takes a second or two, instead of at the first merge of many faces."""
    alike, formula = np.ones((2, 2), np.float32), Formula(1.0, 1.0, 0.0, 0.0)
    merges_of(alike, formula, math.inf, merge_all=_compiled())
    _IS_COMPILED.set()


def merges_of(
    dots: FloatMatrix,
    formula: Formula,
    least_gain: float,
    weights: IntVector | None = None,
    merge_all: MergeAll | None = None,
) -> Merges:
    """Merge lone faces as long as a merge gains more than *least_gain*.

    Args:
        dots: (n, n) dot products of unit vectors, C-contiguous, symmetric; overwritten.
        weights: (n,) of the faces, in the formula's parts; None: each is a usual face's.
        merge_all: compiled or not; None takes the faster one, which for a handful of faces depends
            on whether `compile_now` is done.

    Returns: for each merge a face of the one group, a face of the other, and the gain.
    """
    if merge_all is None:
        is_plain = len(dots) <= HANDFUL and not _IS_COMPILED.is_set()
        merge_all = _plain() if is_plain else _compiled()
    groups, sizes = _lone(len(dots), formula, weights)
    dots.reshape(-1)[:: len(dots) + 1] = -np.inf  # the diagonal, in a third of fill_diagonal's time
    groups["partner"] = dots.argmax(axis=1)  # a lone face's partner is the nearest face
    prior = (formula.stray, formula.farthest, formula.parts)
    return merge_all(dots, groups, sizes, prior, least_gain)


def _lone(count: int, formula: Formula, weights: IntVector | None) -> tuple[Table, Table]:
    """Groups of one face each, still without best gains, and the table of terms by group size."""
    parts = formula.parts
    total = count * parts
    if weights is not None:
        total = max(total, int(weights.sum()))
    usual, sizes = _tables(1 << (total + parts).bit_length(), formula)
    groups = usual[:count].copy()
    if weights is not None:
        groups["size"], groups["weight"] = weights, weights / parts
        groups["square"] = groups["weight"] ** 2
        groups["own"] = sizes["scale"][weights] * groups["square"] - sizes["term"][weights]
    return groups, sizes


@lru_cache(maxsize=32)  # by powers of two: for few faces, making them takes longer than merging
def _tables(total: int, formula: Formula) -> tuple[Table, Table]:
    """_lone() for usual faces of fewer than *total* parts; not to be written to."""
    sizes: Table = np.empty(total, _SIZE)
    sizes["scale"], sizes["term"], sizes["log"] = formula.table(total)
    groups: Table = np.empty(total // formula.parts, _GROUP)
    usual = sizes[formula.parts]
    groups[:] = (formula.parts, True, 1.0, 1.0, usual["scale"] - usual["term"], 0.0, 0, False)
    return groups, sizes


@lru_cache(maxsize=1)
def _compiled() -> MergeAll:
    from numba import njit  # noqa: PLC0415 - takes a third of a second

    return _merging(njit(nogil=True))


@lru_cache(maxsize=1)
def _plain() -> MergeAll:
    return _merging(lambda function: function)


def _merging(made: Callable[[Any], Any]) -> MergeAll:  # noqa: C901, PLR0915 - five functions
    """The function that merges, and those that it calls, each *made* compiled or left as it is."""

    @made
    def gain_of(
        groups: Table, sizes: Table, prior: Prior, dots: FloatMatrix, one: Number, other: Number
    ) -> Number:
        """gain(one, other) of index.counting.evidence; two lone faces weigh as usual ones do."""
        a, b = groups[one], groups[other]
        stray, farthest, parts = prior
        if a["lone"] and b["lone"]:
            usual = sizes[parts]
            both = sizes[2 * parts]
            own = usual["scale"] - usual["term"]
            square = 2 + 2 * np.float64(dots[one, other])
            return both["scale"] * square - both["term"] - own - own
        both = sizes[a["size"] + b["size"]]
        square = a["square"] + b["square"] + 2 * dots[one, other]
        together = both["scale"] * square - both["term"]
        apart = abs(sizes[a["size"]]["log"] - sizes[b["size"]]["log"])
        return together - a["own"] - b["own"] + stray * min(apart, farthest)

    @made
    def find_partner(
        groups: Table, sizes: Table, prior: Prior, dots: FloatMatrix, alive: IntVector, row: Number
    ) -> None:
        """Make the best gain of *row* exact."""
        best, partner = -np.inf, row
        for other in alive:
            if other != row:
                gain = gain_of(groups, sizes, prior, dots, row, other)
                if gain > best:
                    best, partner = gain, other
        groups[row]["best"] = best
        groups[row]["partner"] = partner
        groups[row]["stale"] = False

    @made
    def find_pair(
        groups: Table, sizes: Table, prior: Prior, dots: FloatMatrix, alive: IntVector
    ) -> Number:
        """One group of the pair with the largest gain of all; the other is its partner."""
        while True:
            row = alive[0]
            for other in alive:
                if groups[other]["best"] > groups[row]["best"]:
                    row = other
            if not groups[row]["stale"]:
                return row
            find_partner(groups, sizes, prior, dots, alive, row)

    @made
    def take_over(
        groups: Table,
        sizes: Table,
        prior: Prior,
        dots: FloatMatrix,
        alive: IntVector,
        row: Number,
        taken: Number,
    ) -> None:
        """Merge the group *taken*, which is no longer in *alive*, into *row*."""
        group, gone = groups[row], groups[taken]
        # the dot product of two lone faces does not contain their weights yet
        left = group["weight"] if group["lone"] else 0.0
        right = gone["weight"] if gone["lone"] else 0.0
        between = np.float64(dots[row, taken]) * (left * right if left and right else 1.0)
        group["square"] += gone["square"] + 2 * between
        group["size"] += gone["size"]
        group["lone"] = False
        size = sizes[group["size"]]
        group["own"] = size["scale"] * group["square"] - size["term"]
        group["best"] = -np.inf
        group["stale"] = False
        for other in alive:
            if other != row:
                near = groups[other]
                one, two = np.float64(dots[row, other]), np.float64(dots[taken, other])
                if near["lone"]:
                    one *= left * near["weight"] if left else 1.0
                    two *= right * near["weight"] if right else 1.0
                dots[row, other] = one + two
                dots[other, row] = one + two
                gain = gain_of(groups, sizes, prior, dots, row, other)
                if gain >= near["best"]:  # a better partner: exact again
                    near["best"] = gain
                    near["partner"] = row
                    near["stale"] = False
                elif near["partner"] == row or near["partner"] == taken:
                    near["stale"] = True
                if gain > group["best"]:
                    group["best"] = gain
                    group["partner"] = other

    @made
    def merge_all(
        dots: FloatMatrix, groups: Table, sizes: Table, prior: Prior, least_gain: float
    ) -> Merges:
        count = len(dots)
        alive = np.arange(count)
        first, second = np.empty(count, np.int64), np.empty(count, np.int64)
        gains = np.empty(count)
        done = 0
        for row in range(count):
            groups[row]["best"] = gain_of(groups, sizes, prior, dots, row, groups[row]["partner"])
        while done < count - 1:
            row = find_pair(groups, sizes, prior, dots, alive)
            if groups[row]["best"] <= least_gain:
                break
            taken = groups[row]["partner"]
            first[done], second[done], gains[done] = row, taken, groups[row]["best"]
            done += 1
            alive = alive[alive != taken]
            take_over(groups, sizes, prior, dots, alive, row, taken)
        return first[:done], second[:done], gains[:done]

    merging: MergeAll = merge_all
    return merging
