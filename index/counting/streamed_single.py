"""Single linkage of many faces: links are streamed, and only a spanning forest of them is kept."""

from collections.abc import Callable

import faiss
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from index.base.arrays import DoubleVector, FloatMatrix, IntVector

BLOCK_ROWS = 256  # of a range search; bounds the memory where everything links to everything
KEPT_LINKS = 2_000_000  # more are reduced to a minimum spanning forest before the search goes on
BLOCK_PAIRS = 1 << 16
BORDER = 1e-5  # FAISS's float32 kernels are off by less
FARTHEST = 2.0

Found = tuple[IntVector, IntVector, DoubleVector]


def streamed_single(vectors: FloatMatrix, below: float, check: Callable[[], None]) -> Found:
    """The merges of single linkage below a cosine distance, nearest first.

    A minimum spanning forest of some links joined with more links has the same minimum spanning
    forest as all of them. So the links need not be in memory at once.

    Args:
        vectors: (n, d) float32, C-contiguous, rows of length 1.
        check: called between two blocks; it may raise to end the search.

    Returns: faces whose groups are merged, and cosine distances, ascending; (m,) each.
    """
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    cut = 1.0 - min(below, FARTHEST) - BORDER
    none = np.empty(0, np.int64)
    parts: list[Found] = [(none, none, np.empty(0))]
    for start in range(0, len(vectors), BLOCK_ROWS):
        check()
        row, neighbour = _search(index, vectors, start, cut)
        upper = row < neighbour
        distances = _distances(vectors, row[upper], neighbour[upper])
        parts.append((row[upper], neighbour[upper], distances))
        if sum(len(part[0]) for part in parts) > KEPT_LINKS:
            parts = [_forest(len(vectors), parts)]
    first, second, distance = _forest(len(vectors), parts)
    order = np.argsort(distance, kind="stable")
    order = order[distance[order] < below]
    return first[order], second[order], distance[order]


def _search(
    index: faiss.IndexFlatIP, vectors: FloatMatrix, start: int, cut: float
) -> tuple[IntVector, IntVector]:
    limits, _, neighbour = index.range_search(vectors[start : start + BLOCK_ROWS], cut)
    counts = np.diff(limits).astype(np.int64)
    return np.repeat(np.arange(start, start + len(counts)), counts), neighbour


def _distances(vectors: FloatMatrix, first: IntVector, second: IntVector) -> DoubleVector:
    """Cosine distances of pairs, in float64."""
    found = np.empty(len(first))
    for start in range(0, len(first), BLOCK_PAIRS):
        some = slice(start, start + BLOCK_PAIRS)
        left = vectors[first[some]].astype(np.float64)
        found[some] = 1.0 - np.einsum("ij,ij->i", left, vectors[second[some]])
    return np.clip(found, 0.0, FARTHEST)


def _forest(count: int, parts: list[Found]) -> Found:
    """A minimum spanning forest of all links in *parts*."""
    first, second, distance = (np.concatenate(column) for column in zip(*parts, strict=True))
    # to scipy a zero is a missing edge
    graph = coo_array((distance + 1.0, (first, second)), (count, count)).tocsr()
    tree = minimum_spanning_tree(graph, overwrite=True).tocoo()
    return tree.row.astype(np.int64), tree.col.astype(np.int64), tree.data - 1.0
