"""Agglomeration by the weight of evidence: the default linkage.

Model: a person is a point, and the person's photos scatter around it (a two-level spherical
Gaussian; S. Ioffe, "Probabilistic Linear Discriminant Analysis", 2006, with one parameter). RHO is
the share of a vector's variance that belongs to the person; it, STRAY and RATIO are the model's own
and come with its profile. For a group of n faces whose unit
vectors sum to s, the log evidence that one person explains them all has a closed form,

    f(n, q) = k q / (1 + r n) − log(1 + r n),    q = |s|²,  r = RHO / (1 − RHO),  k = r / (1 − RHO)

Where the model's vectors tell how poor a face is, faces have weights (index.counting.weights): s is
the weighted sum, and n the sum of the weights. That is as if the photos of poor faces scattered
more. So the evidence that groups a and b are one person is

    gain(a, b) = f(na + nb, |sa + sb|²) − f(na, |sa|²) − f(nb, |sb|²)
                 + STRAY min(|log(na / nb)|, log RATIO).

The last term is a prior: a stray face joins a person more readily than two persons become one. It
has a bound, or a person with a thousand photos would take in everybody.
The search starts with one group for each face, and merges the pair of groups with the largest gain,
again and again. Two lone faces weigh as usual ones do. Between them the gain falls linearly with
their cosine distance, so every gain can be read as a height: the distance at which two lone faces
would give the same evidence. A lone pair is therefore one person exactly when its distance is below
the cut, as with every other linkage. Larger groups need less similarity, the more faces support the
merge.

Two faces in one photo are evidence against one person: their distance counts SAME_PHOTO times.
Strangers in one photo stay apart, while a mirror image or a collage, nearly identical, stays
together.

Figures: docs/accuracy.md.
"""

import math

import numpy as np

from index.base.arrays import DoubleVector, FloatMatrix, IntVector
from index.counting.agglomeration import merges_of
from index.counting.effort import Effort
from index.counting.face_set import FaceSet
from index.counting.formula import SAME_PHOTO, formula_of

DENSE_FACES = 10_000  # of more, no matrix holds all pairs: 400 MB do for these
LEADING = 8  # rows that agree in their first 8 numbers are copies, or nearly
BLOCK_ROWS = 256  # of dot products; a thread copies them across the diagonal from its cache
SPARE = 1e-9  # of a gain; the search goes that much further, and the caller compares the heights


def merge_by_evidence(
    faces: FaceSet, below: float = math.inf, effort: Effort | None = None
) -> tuple[IntVector, IntVector, DoubleVector]:
    """Merge *faces* until one group is left.

    Copies of a vector are no further evidence: they merge at height 0 and then count once.

    Args:
        faces: ordered by the LEADING numbers of their vectors, so that copies are neighbours.
        below: merges at this height or above are not needed; the search ends close to it.
        effort: the limits, and the threads; merging up to DENSE_FACES looks at the time only while
            it compares all pairs.

    Returns: for each of up to n − 1 merges a face of the one group, a face of the other, and the
        height; heights ascend.

    Raises:
        RequestError: 413, the faces cannot be merged exactly within the effort.
    """
    points, kept, copy_of = _distinct(faces.vectors)
    mates = photo_mates(faces.photos, copy_of)
    weights = faces.weights
    if weights is not None:
        weights = heaviest(weights, copy_of, len(points))
    formula = formula_of(faces.scatter)
    least_gain = formula.gain_of_lone(1 - below) - SPARE
    if len(points) > DENSE_FACES:
        from index.counting.sparse_evidence import sparse_merges_of  # noqa: PLC0415 - numba

        points = np.ascontiguousarray(points)
        first, second, gains = sparse_merges_of(
            points, mates, weights, formula, least_gain, effort or Effort()
        )
    else:
        dots = similarities(points, mates, effort)
        first, second, gains = merges_of(dots, formula, least_gain, weights)
    heights = np.maximum.accumulate(formula.heights_of(gains))
    if len(points) == len(faces):  # no copies, as is usual
        return first, second, heights
    copies = np.flatnonzero(kept[copy_of] != np.arange(len(faces)))
    return (
        np.concatenate((kept[copy_of[copies]], kept[first])),
        np.concatenate((copies, kept[second])),
        np.concatenate((np.zeros(len(copies)), heights)),
    )


def heaviest(weights: IntVector, copy_of: IntVector, count: int) -> IntVector:
    """The weight of each of *count* points: the largest one of its copies, whatever their order.

    Args:
        weights: (n,) of the faces.
        copy_of: (n,) the point of each.
    """
    found = np.zeros(count, np.int64)
    np.maximum.at(found, copy_of, weights)
    return found


def _distinct(vectors: FloatMatrix) -> tuple[FloatMatrix, IntVector, IntVector]:
    """Like np.unique(axis=0) with both indices, but the points keep their order.

    Copies agree in their leading numbers, and so are in one run of rows that do. np.unique sorts
    only the rows in runs: for all it would take longer than the count.
    """
    rows = np.arange(len(vectors))
    leading = vectors[:, :LEADING]
    begins = (leading[1:] != leading[:-1]).any(axis=1)  # whether a row begins a run
    if begins.all():
        return vectors, rows, rows
    run = np.concatenate(([0], np.cumsum(begins)))
    alike = np.flatnonzero(np.bincount(run)[run] > 1)
    # rows as bytes: np.unique makes a type of d fields for rows of numbers, which takes longer
    some = vectors[alike] + np.float32(0)  # no zero has a sign, so that equal rows have equal bytes
    whole = some.view(np.dtype((np.void, some.itemsize * some.shape[1]))).ravel()
    _, first, copy_of = np.unique(whole, return_index=True, return_inverse=True)
    original = rows.copy()
    original[alike] = alike[first[copy_of]]
    kept = np.flatnonzero(original == rows)
    rank = np.empty(len(rows), np.int64)
    rank[kept] = np.arange(len(kept))
    return vectors[kept], kept, rank[original]


def photo_mates(photos: IntVector, points: IntVector) -> list[IntVector]:
    """The different *points* of every photo that has more than one; a point may be in several."""
    if len(set(photos.tolist())) == len(photos):  # one face a photo, as is usual
        return []
    pairs = np.unique(np.stack((photos, points), axis=1), axis=0)
    ends = np.flatnonzero(np.diff(pairs[:, 0])) + 1
    return [mates for mates in np.split(pairs[:, 1], ends) if len(mates) > 1]


def similarities(
    points: FloatMatrix, photo_mates: list[IntVector], effort: Effort | None = None
) -> FloatMatrix:
    """Every dot product, (n, n), with faces of one photo moved apart. Exactly symmetric.

    Args:
        effort: its threads share the work.

    Raises:
        RequestError: 413, the effort's limits.
    """
    dots = _products(points, effort)
    blocks = [np.ix_(mates, mates) for mates in photo_mates]
    # all of them before any changes: a point may be in several photos
    apart = [1 - np.float32(SAME_PHOTO) * (1 - dots[block]) for block in blocks]
    for block, moved in zip(blocks, apart, strict=True):
        dots[block] = moved
    return dots


def _products(points: FloatMatrix, effort: Effort | None) -> FloatMatrix:
    """The product of *points* (n, d) and their transpose, exactly symmetric.

    That is so because numpy multiplies a matrix by its own transpose with a routine that computes
    one triangle and copies it. Between two blocks, this function copies.
    """
    count = len(points)
    if count <= BLOCK_ROWS:
        few: FloatMatrix = points @ points.T
        return few
    dots: FloatMatrix = np.empty((count, count), np.float32)

    def multiply(start: int, stop: int) -> None:
        some, here, later = points[start:stop], slice(start, stop), slice(stop, count)
        dots[here, here] = some @ some.T
        np.matmul(some, points[stop:].T, out=dots[here, later])
        dots[later, here] = dots[here, later].T

    (effort or Effort()).in_blocks(multiply, count, BLOCK_ROWS)
    return dots
