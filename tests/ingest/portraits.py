"""Drawn people of whom there are photos, and how alike their vectors are."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demo.portraits import DEMO_IDENTITIES

Vectors = NDArray[np.float32]
PEOPLE = DEMO_IDENTITIES[:4]
PHOTOS = 3


def cosines(one: Vectors, other: Vectors) -> NDArray[np.float64]:
    """The cosine similarity of each pair of rows."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    similarities: NDArray[np.float64] = (one * other).sum(axis=1) / lengths
    return similarities


def flip(path: Path, at: int = -1000) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
