"""How much the evidence gains when two groups of faces become one person: the model's formula.

Model: a person is a point, and the person's photos scatter around it (a two-level spherical
Gaussian; S. Ioffe, "Probabilistic Linear Discriminant Analysis", 2006, with one parameter). RHO is
the share of a vector's variance that belongs to the person. For a group of n faces whose unit
vectors sum to s, the log evidence that one person explains them all has a closed form,

    f(n, q) = k q / (1 + r n) − log(1 + r n),    q = |s|²,  r = RHO / (1 − RHO),  k = r / (1 − RHO)

so groups a and b speak for being one person with

    gain(a, b) = f(na + nb, |sa + sb|²) − f(na, |sa|²) − f(nb, |sb|²) + STRAY |log(na / nb)|.

The last term is a prior: a stray face joins a person more readily than two persons become one.
Between two lone faces the gain falls linearly with their cosine distance, so every gain can be read
back as a height: the distance at which two lone faces would give the same evidence.

Constants and figures: docs/accuracy.md.
"""

import math

import numpy as np
from numpy.typing import NDArray

FloatVector = NDArray[np.float32]

RHO = 0.42
STRAY = 0.09
R = RHO / (1 - RHO)
K = R / (1 - RHO)
# two lone faces of cosine similarity c gain SLOPE c + OFFSET
SLOPE = 2 * K / (1 + 2 * R)
OFFSET = SLOPE - 2 * K / (1 + R) - math.log1p(2 * R) + 2 * math.log1p(R)


class Gain:
    """The formula for groups of at most *count* faces together; squares are given times k."""

    k = K

    def __init__(self, count: int) -> None:
        sizes = np.arange(2 * count + 1)
        self._count = count
        # by size, so that no gain computes a quotient or a logarithm
        self._scale = (1 / (1 + R * sizes)).astype(np.float32)
        self._log_term = np.log1p(R * sizes).astype(np.float32)
        self._log_size = np.log(np.maximum(np.arange(count + 1), 1)).astype(np.float32)
        self._by_size: dict[int, tuple[FloatVector, FloatVector]] = {}

    def evidence(self, square: float, size: int) -> float:
        """The evidence f of one group."""
        return square / (1 + R * size) - math.log1p(R * size)

    def of_size(self, size: int) -> tuple[FloatVector, FloatVector]:
        """For a group of *size* with one of each size: what k q is multiplied by, and the rest.

        The rest is the logarithm and the prior; both groups' own evidence is still to be taken off.
        """
        if size not in self._by_size:
            reach = slice(size, size + self._count + 1)
            prior = np.float32(STRAY) * np.abs(self._log_size - self._log_size[size])
            self._by_size[size] = self._scale[reach], prior - self._log_term[reach]
        return self._by_size[size]

    def of_lone_pairs(self, doubled: FloatVector) -> FloatVector:
        """The gains of pairs of lone faces whose dot products, times 2 k, are *doubled*."""
        gains: FloatVector = doubled * np.float32(SLOPE / (2 * K)) + np.float32(OFFSET)
        return gains

    def height(self, gain: float) -> float:
        """The cosine distance at which two lone faces gain as much."""
        return 1 - (gain - OFFSET) / SLOPE
