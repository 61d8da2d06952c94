"""A heap of pairs of groups by their gain, compiled."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.base.arrays import DoubleVector, IntVector
from index.counting.compiling import longer, part

# numba knows these types; the type checker does not
Number = Any


class Heap(NamedTuple):
    """Pairs that may merge, the largest gain on top; of equal gains the smaller numbers.

    Attributes:
        length: (1,), how many pairs wait; the other arrays have room for more.
    """

    gain: DoubleVector
    first: NDArray[np.int32]
    second: NDArray[np.int32]
    length: IntVector


def empty_heap(room: int) -> Heap:
    """A heap for *room* pairs."""
    first, second = np.empty(room, np.int32), np.empty(room, np.int32)
    return Heap(np.empty(room), first, second, np.zeros(1, np.int64))


def longer_heap(heap: Heap) -> Heap:
    """The same pairs, with room for twice as many."""
    return Heap(longer(heap.gain), longer(heap.first), longer(heap.second), heap.length)


@part
def push(heap: Heap, gain: Number, one: Number, other: Number) -> None:
    """Add a pair, for which there must be room."""
    place = heap.length[0]
    heap.length[0] += 1
    heap.gain[place], heap.first[place], heap.second[place] = gain, one, other
    while place > 0:
        parent = (place - 1) >> 1
        if not _is_above(heap, place, parent):
            return
        _swap(heap, place, parent)
        place = parent


@part
def pop(heap: Heap) -> None:
    """Take the pair on top away."""
    heap.length[0] -= 1
    last = heap.length[0]
    _swap(heap, 0, last)
    _sink(heap, last, 0)


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
