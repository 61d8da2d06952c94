"""The linkages that scipy computes from a matrix of all distances: single, average and complete."""

from typing import Literal

import numpy as np
from scipy.cluster.hierarchy import linkage as scipy_linkage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import squareform

from index.base.arrays import DoubleVector, FloatMatrix, IntVector

Merges = tuple[IntVector, IntVector, DoubleVector]  # a face of each group, and the heights


def single(vectors: FloatMatrix) -> Merges:
    """Single linkage of unit *vectors* by a minimum spanning tree (J. Gower, G. Ross, 1969)."""
    distances = _distances(vectors)
    distances += 1.0  # to scipy a zero is a missing edge
    tree = minimum_spanning_tree(csr_array(distances), overwrite=True).tocoo()
    order = np.argsort(tree.data, kind="stable")
    return (
        tree.row[order].astype(np.int64),
        tree.col[order].astype(np.int64),
        np.sort(tree.data) - 1.0,
    )


def agglomerate(vectors: FloatMatrix, method: Literal["average", "complete"]) -> Merges:
    """Average or complete linkage of unit *vectors*; a group is named by one of its faces."""
    distances = _distances(vectors)
    np.fill_diagonal(distances, 0.0)
    merges = scipy_linkage(squareform(distances, checks=False), method)
    count = len(vectors)
    member = np.arange(count + len(merges))
    for number, row in enumerate(merges):
        member[count + number] = member[int(row[0])]
    return (
        member[merges[:, 0].astype(np.int64)],
        member[merges[:, 1].astype(np.int64)],
        np.maximum.accumulate(merges[:, 2]),
    )


def _distances(vectors: FloatMatrix) -> DoubleVector:
    wide = vectors.astype(np.float64)
    return np.clip(1.0 - wide @ wide.T, 0.0, 2.0)
