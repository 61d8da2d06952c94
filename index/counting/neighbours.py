"""The nearest vectors of each of many vectors, by FAISS."""

import faiss
import numpy as np
from numpy.typing import NDArray

from index.base.arrays import FloatMatrix, IntVector
from index.counting.effort import Effort

BLOCK_ROWS = 4096  # queries a FAISS call; between two calls the caller may give up


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
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    found = np.empty((rows, wanted), np.int32)
    beyond = np.full(rows, -2.0, np.float32)

    def search(start: int, stop: int) -> None:
        dots, found[start:stop] = index.search(vectors[start:stop], wanted)
        if wanted < rows:
            beyond[start:stop] = dots[:, -1]

    effort.in_blocks(search, rows, BLOCK_ROWS)
    row = np.repeat(np.arange(rows, dtype=np.int64), wanted)
    neighbours = found.reshape(-1).astype(np.int64)
    other = row != neighbours
    return row[other], neighbours[other], beyond
