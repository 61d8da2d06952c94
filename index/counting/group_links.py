"""Groups of points and the links between them, compiled.

Lone points are the groups 0 to m − 1; merge number t makes group m + t, which is linked to whatever
one of its two parts was linked to. Each group has a list of its links, by descending number of the
other group. So two lists are joined by going through both at once.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.base.arrays import DoubleVector, FloatMatrix, IntVector
from index.counting.compiling import compiled, longer, part, sum_part
from index.counting.points import Points

# numba knows these types; the type checker does not
Number = Any
NONE = -1
_USED, _FREE = 0, 1


class Groups(NamedTuple):
    """(2 m,) each, by number of the group.

    Attributes:
        size, square, own: as in index.counting.agglomeration; size is in parts.
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
    """Each group's links: nodes of a list.

    Attributes:
        other: the other group.
        dot: of the two groups' sums.
        next: the next node of the list, or NONE.
        places: (2,), how many nodes were ever used, and the first that is free again, or NONE.
    """

    other: NDArray[np.int32]
    dot: DoubleVector
    next: NDArray[np.int32]
    places: IntVector


class Graph(NamedTuple):
    """The groups, their links, and the weighted sum of each group's points: (m, d) float32."""

    groups: Groups
    nodes: Nodes
    sums: FloatMatrix


def graph_of(points: Points, room: int) -> Graph:
    """A graph of *points* without links, with room for *room* nodes."""
    count, weights, sizes = len(points.unit), points.weights, points.sizes
    alive = np.zeros(2 * count, np.bool_)
    alive[:count] = True
    size = np.zeros(2 * count, np.int32)
    square, own = np.zeros(2 * count), np.zeros(2 * count)
    size[:count] = weights
    square[:count] = (weights / sizes.parts) ** 2
    own[:count] = sizes.scale[weights] * square[:count] - sizes.term[weights]
    groups = Groups(
        size,
        square,
        own,
        alive,
        np.arange(2 * count, dtype=np.int32),
        np.full(2 * count, NONE, np.int32),
        np.zeros(2 * count, np.int32),
    )
    other, following = np.empty(room, np.int32), np.empty(room, np.int32)
    nodes = Nodes(other, np.empty(room), following, np.array([0, NONE], np.int64))
    return Graph(groups, nodes, points.weighted.copy())


def roomier(graph: Graph) -> Graph:
    """The same graph, with room for twice as many nodes."""
    other, dot, following, places = graph.nodes
    nodes = Nodes(longer(other), longer(dot), longer(following), places)
    return graph._replace(nodes=nodes)


@part
def has_room(graph: Graph, nodes: Number) -> Number:
    """Whether there is room for so many more nodes."""
    return graph.nodes.places[_USED] + nodes <= len(graph.nodes.other)


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
def _new_node(nodes: Nodes) -> Number:
    node = nodes.places[_FREE]
    if node >= 0:
        nodes.places[_FREE] = nodes.next[node]
    else:
        node = nodes.places[_USED]
        nodes.places[_USED] += 1
    return node


@part
def _unlink(nodes: Nodes, node: Number) -> Number:
    """Free a node. Returns the next one of its list."""
    following = nodes.next[node]
    nodes.next[node] = nodes.places[_FREE]
    nodes.places[_FREE] = node
    return following


@part
def prepend(graph: Graph, group: Number, other: Number, dot: Number) -> None:
    """Put a link at the head of a group's list."""
    groups, nodes = graph.groups, graph.nodes
    node = _new_node(nodes)
    nodes.other[node], nodes.dot[node], nodes.next[node] = other, dot, groups.head[group]
    groups.head[group] = node
    groups.degree[group] += 1


@part
def _append(graph: Graph, group: Number, tail: Number, other: Number, dot: Number) -> Number:
    """Put a link behind the node *tail* of a group's list. Returns its node."""
    groups, nodes = graph.groups, graph.nodes
    node = _new_node(nodes)
    nodes.other[node], nodes.dot[node], nodes.next[node] = other, dot, NONE
    if tail < 0:
        groups.head[group] = node
    else:
        nodes.next[tail] = node
    groups.degree[group] += 1
    return node


@part
def join_lists(graph: Graph, one: Number, two: Number, new: Number) -> Number:
    """Link *new* to all that *one* or *two* is linked to. Returns the dot product of these two."""
    groups, nodes, sums = graph.groups, graph.nodes, graph.sums
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
            left = _unlink(nodes, left)
        elif is_alive:
            dot += _dot(sums, groups.row[one], groups.row[other])
        if far == other:
            dot += nodes.dot[right]
            right = _unlink(nodes, right)
        elif is_alive:
            dot += _dot(sums, groups.row[two], groups.row[other])
        if is_alive:
            prepend(graph, other, new, dot)
            tail = _append(graph, new, tail, other, dot)
    groups.head[one] = groups.head[two] = NONE
    return between
