"""Weights of faces: how much evidence each is, for models whose vectors tell.

Some networks give a clear face a longer vector than a poor one: S. Meng and others train for that
("MagFace", CVPR 2021), and MobileFaceNet does so by itself (docs/accuracy.md). There a face weighs
as much as its raw embedding is long. The profile says how long that of a usual face is.
"""

from collections.abc import Sequence

import numpy as np

from index.base.arrays import DoubleVector, IntVector
from index.vectors.space import Scatter

STEPS = 16  # parts of a usual face's weight: whole numbers index the tables of terms
_LEAST, _MOST = STEPS // 4, 2 * STEPS  # no embedding is nothing, and none outweighs many others


def weights_of(norms: Sequence[float] | DoubleVector, scatter: Scatter) -> IntVector | None:
    """The weight of each face in parts of a usual face's, of which STEPS are one.

    Args:
        norms: (n,) lengths of raw embeddings; 0 where the length is not known.

    Returns: (n,); None if all faces of the model weigh the same.
    """
    if scatter.norm is None:
        return None
    lengths = np.asarray(norms, np.float64)
    parts = np.rint(np.where(lengths > 0, lengths / scatter.norm, 1.0) * STEPS)
    weights: IntVector = np.clip(parts, _LEAST, _MOST).astype(np.int64)
    return weights
