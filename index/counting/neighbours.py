"""The nearest vectors of each of many vectors, by FAISS."""

from typing import NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from index.base.arrays import FloatMatrix, IntVector
from index.counting.effort import Effort

BLOCK_ROWS = 4096  # queries a FAISS call; between two calls the caller may give up


class Search(NamedTuple):
    """What is searched: (n, d) float32 vectors, for so many of the nearest of each."""

    vectors: FloatMatrix
    wanted: int


def nearest(
    vectors: FloatMatrix, count: int, effort: Effort
) -> tuple[IntVector, IntVector, NDArray[np.float32]]:
    """The *count* other rows of each row with the largest dot products.

    Args:
        vectors: (n, d) float32, C-contiguous, n at least 2. Not modified.

    Returns: a row and a neighbour for each pair found, (m,) each, in no promised order and most
        pairs from both sides; and for each row a dot product (n,) that no row outside its
        neighbours exceeds, −2 where every row is among them.

    Raises:
        RequestError: 413, the effort's limits.
    """
    rows = len(vectors)
    wanted = min(count + 1, rows)  # a row usually finds itself
    blocks = effort.pure_blocks(nearest_of_some, Search(vectors, wanted), rows, BLOCK_ROWS)
    neighbours = np.concatenate([found for found, _ in blocks]).reshape(-1).astype(np.int64)
    beyond = np.concatenate([last for _, last in blocks])
    if wanted == rows:
        beyond = np.full(rows, -2.0, np.float32)
    row = np.repeat(np.arange(rows, dtype=np.int64), wanted)
    other = row != neighbours
    return row[other], neighbours[other], beyond


def nearest_of_some(
    search: Search, start: int, stop: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The nearest rows of the rows *start* to *stop*, (b, wanted), and the last dot products."""
    some, every = search.vectors[start:stop], search.vectors
    dots, found = faiss.knn(some, every, search.wanted, metric=faiss.METRIC_INNER_PRODUCT)
    return found.astype(np.int32), dots[:, -1].copy()
