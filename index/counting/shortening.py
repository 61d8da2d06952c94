"""Shorter vectors, whose dot products bound those of the vectors that they stand for from above.

Networks use few of their dimensions: 96 of FaceNet's 512 hold all but a ten-thousandth of the
squared lengths. So a vector is replaced by its coordinates p on the principal axes, and the length
r of the rest. By Cauchy and Schwarz a·b ≤ p_a·p_b + r_a r_b, which is the dot product of the
shorter vectors. Pairs for which even that is too small need no look at all 512 numbers.
"""

import numpy as np

from index.base.arrays import FloatMatrix

LEFT = 1e-3  # of the squared lengths, on average, that the axes may leave out
SAMPLE = 10_000  # rows that the axes are computed from
STEP = 8  # axes, so that rows fill the processor's registers


class Shortening:
    """The principal axes of some *vectors* (n, d) float32, as many as leave out at most LEFT.

    Where that would save nothing, vectors stay as they are.
    """

    def __init__(self, vectors: FloatMatrix) -> None:
        some = vectors[:: 1 + len(vectors) // SAMPLE]
        lengths, axes = np.linalg.eigh((some.T @ some).astype(np.float64))
        left = np.cumsum(lengths)  # without the axes from the next one on
        dropped = int(np.searchsorted(left, LEFT * left[-1], side="right"))
        kept = -(-(len(lengths) - dropped) // STEP) * STEP
        self._axes: FloatMatrix | None = None
        if kept + 1 < vectors.shape[1]:
            self._axes = np.ascontiguousarray(axes[:, -kept:], np.float32)

    def __call__(self, vectors: FloatMatrix) -> FloatMatrix:
        """The shorter vectors of *vectors* (m, d), float32: (m, e) with e at most d.

        The dot product of two is that of the long ones or larger, but for float32's rounding.
        """
        if self._axes is None:
            return vectors
        short = np.empty((len(vectors), self._axes.shape[1] + 1), np.float32)
        np.matmul(vectors, self._axes, out=short[:, :-1])
        square = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
        square -= np.einsum("ij,ij->i", short[:, :-1], short[:, :-1], dtype=np.float64)
        short[:, -1] = np.sqrt(np.maximum(square, 0.0))
        return short
