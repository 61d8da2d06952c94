"""The nearest vectors of each of many vectors, by FAISS."""

from collections.abc import Callable

import faiss
import numpy as np
from numpy.typing import NDArray

from index.base.arrays import FloatMatrix, IntVector

BLOCK_ROWS = 4096  # queries a FAISS call; between two calls the caller may give up


def nearest(
    vectors: FloatMatrix, count: int, check: Callable[[], None]
) -> tuple[IntVector, IntVector, NDArray[np.float32]]:
    """The *count* nearest other rows of each row, by dot product.

    Args:
        vectors: (n, d) float32, C-contiguous, rows of length 1, n at least 2. Not modified.
        check: called between two blocks; it may raise to end the search.

    Returns: a row and a neighbour for each pair found, (m,) each, in no promised order and most
        pairs from both sides; and for each row a similarity (n,) that no row outside its
        neighbours exceeds, −2 where every row is among them.
    """
    rows = len(vectors)
    wanted = min(count + 1, rows)  # a row usually finds itself
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    found = np.empty((rows, wanted), np.int32)
    beyond = np.full(rows, -2.0, np.float32)
    for start in range(0, rows, BLOCK_ROWS):
        check()
        stop = min(start + BLOCK_ROWS, rows)
        similarity, neighbour = index.search(vectors[start:stop], wanted)
        found[start:stop] = neighbour
        if wanted < rows:
            beyond[start:stop] = similarity[:, -1]
    row = np.repeat(np.arange(rows, dtype=np.int64), wanted)
    neighbours = found.reshape(-1).astype(np.int64)
    other = row != neighbours
    return row[other], neighbours[other], beyond
