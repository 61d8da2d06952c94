"""Box geometry of MTCNN: arrays in, arrays out, no networks.

Boxes are (k, 4) float32 x1, y1, x2, y2 in pixels; *owners* (k,) int64 number the photos they lie
in. Each odd `+ 1` follows the original network's convention (inclusive corners). The networks were
trained with it, so it stays.
"""

import numpy as np
from numpy.typing import NDArray

from ingest.decoding.crops import is_padded
from ingest.networks.summed_area import FloatArray, IntArray

PNET_STRIDE = 2
PNET_CELL = 12
BLOCK = 64  # boxes compared with all others at once: bounds the memory


def window_boxes(rows: IntArray, columns: IntArray, scale: float) -> FloatArray:
    """Return the photo's box behind each cell of PNet's map at pyramid scale *scale*."""
    corner = np.stack([columns, rows], axis=1).astype(np.float32) * PNET_STRIDE
    first = np.floor((corner + 1) / np.float32(scale))
    last = np.floor((corner + PNET_CELL) / np.float32(scale))
    return np.concatenate([first, last], axis=1)


def move(boxes: FloatArray, shifts: FloatArray, *, inclusive: float = 1.0) -> FloatArray:
    """Shift each corner by its regression, given in units of the box's width and height."""
    size = boxes[:, 2:] - boxes[:, :2] + np.float32(inclusive)
    return boxes + shifts * np.tile(size, 2)


def square(boxes: FloatArray) -> FloatArray:
    """Grow the shorter side so that each box is square about its centre."""
    size = boxes[:, 2:] - boxes[:, :2]
    edge = size.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + size * np.float32(0.5) - edge * np.float32(0.5)
    return np.concatenate([corner, corner + edge], axis=1)


def clip_to_pixels(boxes: FloatArray, widths: IntArray, heights: IntArray) -> IntArray:
    """Return (k, 4) int64 half-open pixel boxes inside photos of the given (k,) sizes.

    A box that lies outside its photo comes back with x2 <= x1 or y2 <= y1.
    """
    pixels = np.trunc(boxes).astype(np.int64)
    pixels[:, :2] = np.maximum(pixels[:, :2], 1) - 1
    pixels[:, 2] = np.minimum(pixels[:, 2], widths)
    pixels[:, 3] = np.minimum(pixels[:, 3], heights)
    return pixels


def pixels_to_show(boxes: FloatArray, widths: IntArray, heights: IntArray) -> IntArray:
    """Return (k, 4) int64 half-open pixel boxes as the networks are to see them.

    They are inside their photos, except those that reach so far beyond that they are padded.
    """
    pixels = clip_to_pixels(boxes, widths, heights)
    padded = is_padded(boxes, np.stack([widths, heights], axis=1))
    whole = np.trunc(boxes[padded]).astype(np.int64)
    whole[:, :2] -= 1  # as clip_to_pixels does
    pixels[padded] = whole
    return pixels


def suppress(boxes: FloatArray, scores: FloatArray, owners: IntArray, overlap: float) -> IntArray:
    """Return the boxes kept by greedy suppression above *overlap* (intersection over union).

    Photo by photo, best first within a photo.
    """
    order = np.argsort(owners, kind="stable")
    ends = np.flatnonzero(np.diff(owners[order])) + 1
    kept = [np.empty(0, np.int64)]
    for rows in np.split(order, ends) if len(order) else ():
        best_first = rows[np.argsort(-scores[rows], kind="stable")]
        kept.append(best_first[_standing(boxes[best_first], overlap)])
    return np.concatenate(kept)


def _standing(boxes: FloatArray, overlap: float) -> IntArray:
    """The ranks that greedy suppression keeps, in order; *boxes* are sorted, best first.

    The same boxes as torchvision.ops.nms, to the last bit: its arithmetic in its order.
    """
    corners = np.ascontiguousarray(boxes.T)
    kept = [np.empty(0, np.int64)]
    ranks = np.arange(len(boxes))
    while len(ranks):
        block, ranks = ranks[:BLOCK], ranks[BLOCK:]
        block = block[_greedy(_sharing(corners[:, block], corners[:, block]) > overlap)]
        kept.append(block)
        if len(ranks):
            clash = _sharing(corners[:, block], corners[:, ranks]) > overlap
            ranks = ranks[~clash.any(axis=0)]
    return np.concatenate(kept)


def _sharing(some: FloatArray, others: FloatArray) -> FloatArray:
    """Return (k, m): the area two boxes share as a part of what they cover together.

    Boxes are columns here, (4, k) and (4, m): an axis at a time is several times as fast.
    """
    x1, y1, x2, y2 = some[:, :, None]
    left, top, right, bottom = others
    width = np.minimum(x2, right)
    width -= np.maximum(x1, left)
    height = np.minimum(y2, bottom)
    height -= np.maximum(y1, top)
    shared: FloatArray = np.maximum(width, 0, out=width)
    shared *= np.maximum(height, 0, out=height)
    together: FloatArray = (x2 - x1) * (y2 - y1) + (right - left) * (bottom - top)
    together -= shared
    with np.errstate(invalid="ignore", divide="ignore"):  # boxes without an area share nothing
        shared /= together
    return shared


def spread(boxes: FloatArray, levels: IntArray) -> FloatArray:
    """Move the boxes of each pyramid level apart, so that levels cannot overlap.

    This is exact in float32, because stage 1 gives whole pixels.
    """
    step = np.ceil(boxes.max(initial=0) - boxes.min(initial=0)) + 1
    moved: FloatArray = boxes + (levels * step).astype(np.float32)[:, None]
    return moved


def suppress_nested(
    boxes: FloatArray, scores: FloatArray, owners: IntArray, overlap: float
) -> IntArray:
    """Return the boxes kept by suppression above *overlap* (intersection over smaller area).

    Boxes cut off by the photo's edge can show the net the same pixels, and so score exactly the
    same. numpy's default sort breaks such ties, as it does in facenet-pytorch.
    """
    kept = [np.empty(0, np.int64)]
    for owner in np.unique(owners):
        rows = np.flatnonzero(owners == owner)
        rows = rows[np.argsort(scores[rows])[::-1]]
        kept.append(rows[_greedy(nesting(boxes[rows], boxes[rows]) > overlap)])
    return np.concatenate(kept)


def nesting(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """Return (k, m): the area that a box and another share, as a part of the smaller one's area."""
    first = np.maximum(boxes[:, None, :2], others[None, :, :2])
    last = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.maximum(last - first + 1, 0).prod(axis=2)
    areas = [(some[:, 2:] - some[:, :2] + 1).prod(axis=1) for some in (boxes, others)]
    parts: FloatArray = shared / np.minimum(areas[0][:, None], areas[1][None, :])
    return parts


def _greedy(clash: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Go down the ranks; each box still kept removes the lower ones that it clashes with."""
    standing = np.ones(len(clash), np.bool_)
    for rank in range(len(clash)):
        if standing[rank]:
            standing[rank + 1 :] &= ~clash[rank, rank + 1 :]
    return standing
