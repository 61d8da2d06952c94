"""Resize photos and parts of photos by area, all from one summed-area table.

MTCNN shrinks the photo for each level of a pyramid and cuts out every candidate. It always uses
torch's `interpolate(mode="area")`, which is adaptive average pooling: output cell i of n over m
pixels is the mean of pixels floor(i*m/n) .. ceil((i+1)*m/n). A summed-area table gives any such
mean with four look-ups. So each photo is read once, and a few numpy calls cut thousands of
candidates from photos of any size.
"""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ingest.decoding.crops import GREY
from ingest.interfaces import RgbImage

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

_LOCAL = threading.local()  # each thread's scratch buffers
CELL_INTS = 4  # three channels and one idle: 16 bytes, numpy's fastest `take`


@dataclass(frozen=True, slots=True)
class SizeGroup:
    """Photos of one size: `members` are their numbers, `table` is (n, H+1, W+1, 4) uint32."""

    members: IntArray
    height: int
    width: int
    table: NDArray[np.uint32]


def bin_edges(pixels: NDArray[np.int64], cells: int) -> tuple[IntArray, IntArray]:
    """Return the first and the one-past-last pixel of each of *cells* adaptive bins.

    Args:
        pixels: any shape, lengths in pixels, at least 1.
        cells: number of bins, the new last axis.
    Returns: two int64 arrays of shape (*pixels.shape, cells).
    """
    steps = np.arange(cells + 1, dtype=np.int64) * np.asarray(pixels)[..., None]
    return steps[..., :-1] // cells, -(-steps[..., 1:] // cells)


def _bins_inside(
    first: IntArray, last: IntArray, limits: IntArray, cells: int
) -> tuple[IntArray, IntArray, FloatArray]:
    """The parts inside photos of the bins of boxes, and one over the bins' lengths.

    Args:
        first, last: (k,) ends of the boxes on one axis, the last exclusive.
        limits: (k,) lengths of the photos on it.
    Returns: first and one-past-last pixel, (k, cells) int64; weights, (k, cells) float32.
    """
    starts, ends = bin_edges(last - first, cells)
    weights = np.reciprocal((ends - starts).astype(np.float32))
    most = limits[:, None]
    starts, ends = first[:, None] + starts, first[:, None] + ends
    return np.clip(starts, 0, most), np.clip(ends, 0, most), weights


class IntegralImages:
    """Summed-area tables of many photos in one flat buffer.

    Sums are uint32 and may wrap around. A difference of sums is right modulo 2**32, so every mean
    over fewer than 16 million pixels is exact.
    """

    def __init__(self, images: Sequence[RgbImage]) -> None:
        """Build the tables, 16 bytes a pixel. *images*: (H, W, 3) uint8, any sizes."""
        sizes: dict[tuple[int, int], list[int]] = {}
        for number, image in enumerate(images):
            sizes.setdefault((image.shape[0], image.shape[1]), []).append(number)
        self.heights = np.array([image.shape[0] for image in images], np.int64)
        self.widths = np.array([image.shape[1] for image in images], np.int64)
        cells = (self.heights + 1) * (self.widths + 1)
        self._flat = np.empty((int(cells.sum()), CELL_INTS), np.uint32)
        self._offsets = np.zeros(len(images), np.int64)
        self.groups: list[SizeGroup] = []
        start = 0
        for (height, width), members in sizes.items():
            numbers = np.array(members, np.int64)
            size = (height + 1) * (width + 1)
            self._offsets[numbers] = start + size * np.arange(len(members))
            stop = start + size * len(members)
            table = self._flat[start:stop].reshape(-1, height + 1, width + 1, CELL_INTS)
            _fill(table, [images[number] for number in members])
            self.groups.append(SizeGroup(numbers, height, width, table))
            start = stop

    def crop(self, owners: IntArray, boxes: IntArray, edge: int) -> FloatArray:
        """Cut boxes out of their photos and shrink or stretch them to *edge* x *edge*.

        Args:
            owners: (k,) number of the photo that each box lies in.
            boxes: (k, 4) x1, y1, x2, y2 with exclusive ends, at least 1 px wide. What lies beyond
                the photo is GREY.
            edge: side of the result in pixels.
        Returns: (k, edge, edge, 3) float32, 0..255.
        """
        left, right, wide = _bins_inside(boxes[:, 0], boxes[:, 2], self.widths[owners], edge)
        top, bottom, tall = _bins_inside(boxes[:, 1], boxes[:, 3], self.heights[owners], edge)
        stride = (self.widths[owners] + 1)[:, None]
        corner = self._offsets[owners][:, None]
        upper = (corner + top * stride)[:, :, None]
        lower = (corner + bottom * stride)[:, :, None]
        shape = (len(boxes), edge, edge)
        sums = scratch("sums", (*shape, CELL_INTS), np.uint32)
        other = scratch("other", (*shape, CELL_INTS), np.uint32)
        places = scratch("places", shape, np.int64)
        self._take(lower, right, places, sums)
        for rows, columns, join in (
            (upper, right, np.subtract),
            (lower, left, np.subtract),
            (upper, left, np.add),
        ):
            self._take(rows, columns, places, other)
            join(sums, other, out=sums)
        means = np.empty((*shape, 3), np.float32)
        _weigh(sums, tall[:, :, None] * wide[:, None, :], means)
        for row in np.flatnonzero(self._reaching_out(owners, boxes)):
            rows, columns = (bottom - top)[row] * tall[row], (right - left)[row] * wide[row]
            means[row] += np.float32(GREY) * (1 - np.outer(rows, columns))[:, :, None]
        return means

    def _reaching_out(self, owners: IntArray, boxes: IntArray) -> NDArray[np.bool_]:
        limits = np.stack([self.widths[owners], self.heights[owners]], axis=1)
        beyond = (boxes[:, :2] < 0) | (boxes[:, 2:] > limits)
        reaching: NDArray[np.bool_] = beyond[:, 0] | beyond[:, 1]
        return reaching

    def _take(
        self, rows: IntArray, columns: IntArray, places: IntArray, out: NDArray[np.uint32]
    ) -> None:
        """Look up cells (k, n, 1) + (k, n) of the flat buffer into *out* (k, n, n, 4)."""
        np.add(rows, columns[:, None, :], out=places)
        target = out.view(np.complex128)[..., 0]
        self._flat.view(np.complex128)[:, 0].take(places, out=target, mode="clip")


def shrink(group: SizeGroup, height: int, width: int) -> FloatArray:
    """Resize every photo of *group* by area: (n, height, width, 3) float32, 0..255."""
    top, bottom = bin_edges(np.array(group.height), height)
    left, right = bin_edges(np.array(group.width), width)
    weight = np.reciprocal(((bottom - top)[:, None] * (right - left)).astype(np.float32))
    small = np.empty((len(group.table), height, width, 3), np.float32)
    bands = scratch("bands", (height, group.width + 1, CELL_INTS), np.uint32)
    other = scratch("other", bands.shape, np.uint32)
    sums = scratch("sums", (height, width, CELL_INTS), np.uint32)
    for table, page in zip(group.table, small, strict=True):  # one photo's bands fit the cache
        table.take(bottom, axis=0, out=bands, mode="clip")
        np.subtract(bands, table.take(top, axis=0, out=other, mode="clip"), out=bands)
        cells = bands.view(np.complex128)[..., 0]
        cells.take(right, axis=1, out=sums.view(np.complex128)[..., 0], mode="clip")
        rest = scratch("other", sums.shape, np.uint32)
        cells.take(left, axis=1, out=rest.view(np.complex128)[..., 0], mode="clip")
        np.subtract(sums, rest, out=sums)
        _weigh(sums, weight, page)
    return small


def _weigh(sums: NDArray[np.uint32], weight: FloatArray, out: FloatArray) -> None:
    """Write *sums* (..., 4) times *weight* (...) to *out* (..., 3), in float32."""
    for channel in range(3):  # one by one: numpy's loops over an axis of three are slow
        np.multiply(sums[..., channel], weight, out=out[..., channel], dtype=np.float32)


def scratch(name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an uninitialised array out of this thread's reusable buffer *name*.

    It is valid until the same thread asks for *name* again. Fresh arrays of this size would cost
    more in page faults than the arithmetic on them.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    buffer: NDArray[np.uint8] | None = getattr(_LOCAL, name, None)
    if buffer is None or buffer.nbytes < size:
        buffer = np.empty(size, np.uint8)
        setattr(_LOCAL, name, buffer)
    return buffer[:size].view(dtype).reshape(shape)


def _fill(table: NDArray[np.uint32], images: Sequence[RgbImage]) -> None:
    """Write the summed-area tables of equal-sized *images* into *table* (n, H+1, W+1, 4)."""
    table[:, 0] = 0
    table[:, :, 0] = 0
    table[..., 3] = 0
    for page, image in zip(table, images, strict=True):
        np.cumsum(image, axis=1, dtype=np.uint32, out=page[1:, 1:, :3])
    rows = table.reshape(table.shape[0], table.shape[1], -1)
    for row in range(2, rows.shape[1]):  # row by row stays in the cache; np.cumsum(axis=0) does not
        np.add(rows[:, row], rows[:, row - 1], out=rows[:, row])
