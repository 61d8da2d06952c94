"""Merges groups of faces along links: the linked pair with the largest gain first.

The compiled steps work on arrays alone, and stop whenever Python shall look at the time or make
room. The graph (index.counting.group_links) says how groups are numbered and linked, and
index.counting.proof checks that no link was missing.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.base.arrays import DoubleVector, IntVector
from index.counting.agglomeration import Merges
from index.counting.compiling import compiled, part
from index.counting.effort import Effort
from index.counting.gains import Sizes, gain_of, gain_of_lone
from index.counting.group_links import Graph, graph_of, has_room, join_lists, prepend, roomier
from index.counting.pair_heap import Heap, empty_heap, longer_heap, pop, push
from index.counting.points import Points

# numba knows these types; the type checker does not
Number = Any
STEPS = 1000  # merges between two looks at the time
_ALL, _PAUSED, _GRAPH_FULL, _HEAP_FULL = 0, 1, 2, 3  # why the compiled function returned


class Links(NamedTuple):
    """Pairs of points, each once, ordered by (first, second), first < second.

    Attributes:
        first, second: (l,) int32.
        dot: (l,) float64 similarity of unit vectors, with faces of one photo moved apart.
    """

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    dot: DoubleVector


class History(NamedTuple):
    """The merges that were made: groups *first* and *second*, and the gain."""

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    gain: DoubleVector


class _State(NamedTuple):
    """Merging under way.

    Attributes:
        done: (1,), how many merges of the history are made; it has room for all.
    """

    graph: Graph
    heap: Heap
    history: History
    done: IntVector
    sizes: Sizes
    least_gain: float


def merge_links(points: Points, links: Links, effort: Effort) -> History:
    """Merge *points* along *links*, as long as a merge gains enough.

    Raises:
        RequestError: 413, the effort's limits.
    """
    count = len(points.unit)
    state = _State(
        graph_of(points, 4 * len(links.first) + 64),
        empty_heap(2 * len(links.first) + 64),
        History(np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count)),
        np.zeros(1, np.int64),
        points.sizes,
        points.least_gain,
    )
    _link_points(state, links, np.argsort(links.second, kind="stable"))
    while True:
        effort.check_time()
        ended = _merge(state, min(int(state.done[0]) + STEPS, count))
        if ended == _ALL:
            done = int(state.done[0])
            first, second, gain = state.history
            return History(first[:done], second[:done], gain[:done])
        if ended == _GRAPH_FULL:
            effort.check_links(len(state.graph.nodes.other), count)
            state = state._replace(graph=roomier(state.graph))
        elif ended == _HEAP_FULL:
            effort.check_links(len(state.heap.gain), count)
            state = state._replace(heap=longer_heap(state.heap))


def faces_of(history: History, count: int) -> Merges:
    """The same merges with a face of each group, as index.counting.agglomeration gives them."""
    face = np.empty(count + len(history.first), np.int64)
    face[:count] = np.arange(count)
    for number, first in enumerate(history.first.tolist()):
        face[count + number] = face[first]
    return face[history.first], face[history.second], history.gain


@compiled
def _link_points(state: _State, links: Links, by_second: IntVector) -> None:
    """Fill the lists and the heap. Lists descend, so smaller numbers are prepended first."""
    size, parts = state.graph.groups.size, state.sizes.parts
    for link in by_second:
        one, other = links.first[link], links.second[link]
        weight = (size[one] / parts) * (size[other] / parts)
        prepend(state.graph, other, one, weight * links.dot[link])
    for link in range(len(links.first)):
        one, other, dot = links.first[link], links.second[link], links.dot[link]
        weight = (size[one] / parts) * (size[other] / parts)
        prepend(state.graph, one, other, weight * dot)
        gain = gain_of_lone(state.sizes, dot)
        if gain > state.least_gain:
            push(state.heap, gain, one, other)


@compiled
def _merge(state: _State, until: Number) -> Number:
    """Merge until *until* merges are done, room runs out, or nothing is left."""
    graph, groups, nodes = state.graph, state.graph.groups, state.graph.nodes
    heap, history = state.heap, state.history
    while heap.length[0] > 0:
        one, two = heap.first[0], heap.second[0]
        if not (groups.alive[one] and groups.alive[two]):
            pop(heap)
            continue
        done = state.done[0]
        if done == until:
            return _PAUSED
        most = groups.degree[one] + groups.degree[two]
        if not has_room(graph, 2 * most):
            return _GRAPH_FULL
        if heap.length[0] + most > len(heap.gain):
            return _HEAP_FULL
        new = len(graph.sums) + done
        history.first[done], history.second[done], history.gain[done] = one, two, heap.gain[0]
        state.done[0] += 1
        pop(heap)
        _make_group(graph, state.sizes, one, two, new)
        node = groups.head[new]
        while node >= 0:
            other = nodes.other[node]
            gain = gain_of(state.sizes, groups, new, other, nodes.dot[node])
            if gain > state.least_gain:
                push(heap, gain, other, new)
            node = nodes.next[node]
    return _ALL


@part
def _make_group(graph: Graph, sizes: Sizes, one: Number, two: Number, new: Number) -> None:
    groups, sums = graph.groups, graph.sums
    groups.alive[one] = groups.alive[two] = False
    between = join_lists(graph, one, two, new)
    size = groups.size[one] + groups.size[two]
    square = groups.square[one] + groups.square[two] + 2 * between
    groups.size[new], groups.square[new] = size, square
    groups.own[new] = sizes.scale[size] * square - sizes.term[size]
    groups.row[new], groups.alive[new] = groups.row[one], True
    kept, taken = groups.row[one], groups.row[two]
    for column in range(sums.shape[1]):
        sums[kept, column] += sums[taken, column]
