"""Finds which way up a face lies in its photo: scans and messengers lose the orientation tag."""

import numpy as np

from index.base.arrays import FloatMatrix, IntVector


def quarter_turns(landmarks: FloatMatrix) -> IntVector:
    """The quarter turns anticlockwise, 0 to 3, that bring each face upright; `numpy.rot90`'s *k*.

    It is the turn after which the mouth is more below the eyes than beside or above them.

    Args:
        landmarks: (n, 5, 2) x, y in pixels: both eyes, the nose, both corners of the mouth.

    Returns: (n,) int64.
    """
    points = np.asarray(landmarks, np.float64).reshape(-1, 5, 2)
    down = points[:, 3:].mean(axis=1) - points[:, :2].mean(axis=1)
    angles = np.arctan2(down[:, 0], down[:, 1])  # 0: straight down; a quarter: to the right
    turns: IntVector = -np.rint(angles / (np.pi / 2)).astype(np.int64) % 4
    return turns
