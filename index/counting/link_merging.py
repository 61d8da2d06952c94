"""Merges groups of faces along links: the linked pair with the largest gain first.

The compiled steps work on arrays alone, and stop whenever Python shall look at the time or make
room. Lone faces are the groups 0 to m − 1; merge number t makes group m + t. A merged group is
linked to whatever one of its parts was linked to. index.counting.evidence has the formulas, and
index.counting.proof checks that no link was missing.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.base.arrays import DoubleVector, FloatMatrix, IntVector
from index.counting.agglomeration import Merges, Weights
from index.counting.compiling import compiled, part, sum_part
from index.counting.effort import Effort

# numba knows these types; the type checker does not
Number = Any
GroupTable = Any  # Groups, or another table with size, square and own
STEPS = 1000  # merges between two looks at the time
NONE = -1
_ALL, _PAUSED, _NODES_FULL, _HEAP_FULL = 0, 1, 2, 3  # why the compiled function returned
# what `counters` holds
USED, FREE, WAITING, DONE, COUNTERS = 0, 1, 2, 3, 4


class Links(NamedTuple):
    """Pairs of points, each once, ordered by (first, second), first < second.

    Attributes:
        first, second: (l,) int32.
        dot: (l,) float64 similarity, with faces of one photo moved apart.
    """

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    dot: DoubleVector


class Sizes(NamedTuple):
    """By group size n: k / (1 + r n), log(1 + r n) and log n; STRAY, and the log of its ratio."""

    scale: DoubleVector
    term: DoubleVector
    log: DoubleVector
    stray: float
    farthest: float


class Groups(NamedTuple):
    """(2 m,) each, by number of the group.

    Attributes:
        size, square, own: as in index.counting.agglomeration.
        alive: whether the group was made and not yet merged.
        row: of its sum in `sums`.
        head: its first node.
        degree: the length of its list of nodes.
    """

    size: NDArray[np.int32]
    square: DoubleVector
    own: DoubleVector
    alive: NDArray[np.bool_]
    row: NDArray[np.int32]
    head: NDArray[np.int32]
    degree: NDArray[np.int32]


class Nodes(NamedTuple):
    """Each group's linked groups: lists, by descending number of the other group."""

    other: NDArray[np.int32]
    dot: DoubleVector  # of the two groups' sums
    next: NDArray[np.int32]


class Heap(NamedTuple):
    """Pairs that may merge, the largest gain on top; of equal gains the smaller numbers."""

    gain: DoubleVector
    first: NDArray[np.int32]
    second: NDArray[np.int32]


class History(NamedTuple):
    """The merges that were made: groups *first* and *second*, and the gain."""

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    gain: DoubleVector


def table_of_sizes(count: int, weights: Weights) -> Sizes:
    """The terms of groups of up to *count* faces."""
    numbers = np.arange(count + 2.0)
    scale, term = weights.k / (1 + weights.r * numbers), np.log1p(weights.r * numbers)
    return Sizes(scale, term, np.log(np.maximum(numbers, 1)), weights.stray, weights.farthest)


def merge_links(
    points: FloatMatrix, links: Links, sizes: Sizes, least_gain: float, effort: Effort
) -> History:
    """Merge lone *points* (m, d) along *links*, as long as a merge gains more than *least_gain*.

    Raises:
        RequestError: 413, the effort's limits.
    """
    count = len(points)
    sums, groups = points.copy(), _lone_groups(count, sizes)
    nodes, heap = _room(4 * len(links.first) + 64), _heap(2 * len(links.first) + 64)
    counters = np.array([0, NONE, 0, 0], np.int64)
    history = History(np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count))
    by_second = np.argsort(links.second, kind="stable")
    _link_points(links, by_second, sizes, least_gain, groups, nodes, heap, counters)
    while True:
        effort.check_time()
        until = min(int(counters[DONE]) + STEPS, count)
        ended = _merge(sums, sizes, least_gain, groups, nodes, heap, history, counters, until)
        if ended == _ALL:
            done = int(counters[DONE])
            return History(history.first[:done], history.second[:done], history.gain[:done])
        if ended == _NODES_FULL:
            effort.check_links(len(nodes.other), count)
            nodes = Nodes(_twice(nodes.other), _twice(nodes.dot), _twice(nodes.next))
        elif ended == _HEAP_FULL:
            effort.check_links(len(heap.gain), count)
            heap = Heap(_twice(heap.gain), _twice(heap.first), _twice(heap.second))


def faces_of(history: History, count: int) -> Merges:
    """The same merges with a face of each group, as index.counting.agglomeration gives them."""
    face = np.empty(count + len(history.first), np.int64)
    face[:count] = np.arange(count)
    for number, first in enumerate(history.first.tolist()):
        face[count + number] = face[first]
    return face[history.first], face[history.second], history.gain


def _lone_groups(count: int, sizes: Sizes) -> Groups:
    alive = np.zeros(2 * count, np.bool_)
    alive[:count] = True
    own = np.full(2 * count, sizes.scale[1] - sizes.term[1])
    return Groups(
        np.ones(2 * count, np.int32),
        np.ones(2 * count),
        own,
        alive,
        np.arange(2 * count, dtype=np.int32),
        np.full(2 * count, NONE, np.int32),
        np.zeros(2 * count, np.int32),
    )


def _room(length: int) -> Nodes:
    return Nodes(np.empty(length, np.int32), np.empty(length), np.empty(length, np.int32))


def _heap(length: int) -> Heap:
    return Heap(np.empty(length), np.empty(length, np.int32), np.empty(length, np.int32))


def _twice(column: NDArray[Any]) -> NDArray[Any]:
    longer = np.empty(2 * len(column), column.dtype)
    longer[: len(column)] = column
    return longer


@sum_part
def _dot(sums: FloatMatrix, one: Number, other: Number) -> Number:
    total = 0.0
    for column in range(sums.shape[1]):
        total += np.float64(sums[one, column]) * np.float64(sums[other, column])
    return total


@compiled
def similarities_of(points: FloatMatrix, first: IntVector, second: IntVector) -> DoubleVector:
    """The dot products of points *first* (l,) and *second* (l,), in float64."""
    found = np.empty(len(first))
    for link in range(len(first)):
        found[link] = _dot(points, first[link], second[link])
    return found


@part
def prior_of(sizes: Sizes, one_size: Number, other_size: Number) -> Number:
    """The prior of groups of two sizes; see index.counting.evidence."""
    apart: Number = abs(sizes.log[one_size] - sizes.log[other_size])
    return sizes.stray * min(apart, sizes.farthest)


@part
def gain_of(sizes: Sizes, groups: GroupTable, one: Number, other: Number, dot: Number) -> Number:
    """gain(one, other) of index.counting.evidence, from the dot product of the groups' sums."""
    both = groups.size[one] + groups.size[other]
    square = groups.square[one] + groups.square[other] + 2 * dot
    together = sizes.scale[both] * square - sizes.term[both]
    prior = prior_of(sizes, groups.size[one], groups.size[other])
    return together - groups.own[one] - groups.own[other] + prior


@part
def _is_above(heap: Heap, one: Number, other: Number) -> Number:
    if heap.gain[one] != heap.gain[other]:
        return heap.gain[one] > heap.gain[other]
    if heap.first[one] != heap.first[other]:
        return heap.first[one] < heap.first[other]
    return heap.second[one] < heap.second[other]


@part
def _swap(heap: Heap, one: Number, other: Number) -> None:
    heap.gain[one], heap.gain[other] = heap.gain[other], heap.gain[one]
    heap.first[one], heap.first[other] = heap.first[other], heap.first[one]
    heap.second[one], heap.second[other] = heap.second[other], heap.second[one]


@part
def _sink(heap: Heap, length: Number, place: Number) -> None:
    while True:
        child = 2 * place + 1
        if child >= length:
            return
        if child + 1 < length and _is_above(heap, child + 1, child):
            child += 1
        if not _is_above(heap, child, place):
            return
        _swap(heap, child, place)
        place = child


@part
def _push(heap: Heap, counters: IntVector, gain: Number, one: Number, other: Number) -> None:
    place = counters[WAITING]
    counters[WAITING] += 1
    heap.gain[place], heap.first[place], heap.second[place] = gain, one, other
    while place > 0:
        parent = (place - 1) >> 1
        if not _is_above(heap, place, parent):
            return
        _swap(heap, place, parent)
        place = parent


@part
def _pop(heap: Heap, counters: IntVector) -> None:
    counters[WAITING] -= 1
    last = counters[WAITING]
    _swap(heap, 0, last)
    _sink(heap, last, 0)


@part
def _new_node(nodes: Nodes, counters: IntVector) -> Number:
    node = counters[FREE]
    if node >= 0:
        counters[FREE] = nodes.next[node]
    else:
        node = counters[USED]
        counters[USED] += 1
    return node


@part
def _prepend(
    groups: Groups, nodes: Nodes, counters: IntVector, group: Number, other: Number, dot: Number
) -> None:
    node = _new_node(nodes, counters)
    nodes.other[node], nodes.dot[node], nodes.next[node] = other, dot, groups.head[group]
    groups.head[group] = node
    groups.degree[group] += 1


@compiled
def _link_points(
    links: Links,
    by_second: IntVector,
    sizes: Sizes,
    least_gain: Number,
    groups: Groups,
    nodes: Nodes,
    heap: Heap,
    counters: IntVector,
) -> None:
    """Fill the lists and the heap. Lists descend, so smaller numbers are prepended first."""
    for link in by_second:
        _prepend(groups, nodes, counters, links.second[link], links.first[link], links.dot[link])
    for link in range(len(links.first)):
        one, other, dot = links.first[link], links.second[link], links.dot[link]
        _prepend(groups, nodes, counters, one, other, dot)
        gain = gain_of(sizes, groups, one, other, dot)
        if gain > least_gain:
            _push(heap, counters, gain, one, other)


@part
def _unlink(nodes: Nodes, counters: IntVector, node: Number) -> Number:
    """Free a node. Returns the next one of its list."""
    following = nodes.next[node]
    nodes.next[node] = counters[FREE]
    counters[FREE] = node
    return following


@part
def _join_lists(
    sums: FloatMatrix,
    groups: Groups,
    nodes: Nodes,
    counters: IntVector,
    one: Number,
    two: Number,
    new: Number,
) -> Number:
    """Link *new* to all that *one* or *two* is linked to. Returns the dot product of these two."""
    left, right, tail = groups.head[one], groups.head[two], NONE
    between: Number = 0.0
    while left >= 0 or right >= 0:
        near = nodes.other[left] if left >= 0 else NONE
        far = nodes.other[right] if right >= 0 else NONE
        other = max(near, far)
        is_alive = groups.alive[other]
        dot: Number = 0.0
        if near == other:
            dot += nodes.dot[left]
            if other == two:
                between = nodes.dot[left]
            left = _unlink(nodes, counters, left)
        elif is_alive:
            dot += _dot(sums, groups.row[one], groups.row[other])
        if far == other:
            dot += nodes.dot[right]
            right = _unlink(nodes, counters, right)
        elif is_alive:
            dot += _dot(sums, groups.row[two], groups.row[other])
        if is_alive:
            _prepend(groups, nodes, counters, other, new, dot)
            tail = _append(groups, nodes, counters, new, tail, other, dot)
    groups.head[one] = groups.head[two] = NONE
    return between


@part
def _append(
    groups: Groups,
    nodes: Nodes,
    counters: IntVector,
    group: Number,
    tail: Number,
    other: Number,
    dot: Number,
) -> Number:
    node = _new_node(nodes, counters)
    nodes.other[node], nodes.dot[node], nodes.next[node] = other, dot, NONE
    if tail < 0:
        groups.head[group] = node
    else:
        nodes.next[tail] = node
    groups.degree[group] += 1
    return node


@part
def _make_group(
    sums: FloatMatrix,
    sizes: Sizes,
    groups: Groups,
    nodes: Nodes,
    counters: IntVector,
    one: Number,
    two: Number,
    new: Number,
) -> None:
    groups.alive[one] = groups.alive[two] = False
    between = _join_lists(sums, groups, nodes, counters, one, two, new)
    size = groups.size[one] + groups.size[two]
    square = groups.square[one] + groups.square[two] + 2 * between
    groups.size[new], groups.square[new] = size, square
    groups.own[new] = sizes.scale[size] * square - sizes.term[size]
    groups.row[new], groups.alive[new] = groups.row[one], True
    kept, taken = groups.row[one], groups.row[two]
    for column in range(sums.shape[1]):
        sums[kept, column] += sums[taken, column]


@compiled
def _merge(
    sums: FloatMatrix,
    sizes: Sizes,
    least_gain: Number,
    groups: Groups,
    nodes: Nodes,
    heap: Heap,
    history: History,
    counters: IntVector,
    until: Number,
) -> Number:
    """Merge until *until* merges are done, room runs out, or nothing is left."""
    count = len(sums)
    while counters[WAITING] > 0:
        one, two = heap.first[0], heap.second[0]
        if not (groups.alive[one] and groups.alive[two]):
            _pop(heap, counters)
            continue
        if counters[DONE] == until:
            return _PAUSED
        most = groups.degree[one] + groups.degree[two]
        if counters[USED] + 2 * most > len(nodes.other):
            return _NODES_FULL
        if counters[WAITING] + most > len(heap.gain):
            return _HEAP_FULL
        done = counters[DONE]
        new = count + done
        history.first[done], history.second[done], history.gain[done] = one, two, heap.gain[0]
        counters[DONE] += 1
        _pop(heap, counters)
        _make_group(sums, sizes, groups, nodes, counters, one, two, new)
        node = groups.head[new]
        while node >= 0:
            other = nodes.other[node]
            gain = gain_of(sizes, groups, new, other, nodes.dot[node])
            if gain > least_gain:
                _push(heap, counters, gain, other, new)
            node = nodes.next[node]
    return _ALL
