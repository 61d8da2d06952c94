"""Groups faces into persons: by range search and connected components, or by a hierarchy. Pure.

Two faces are linked when their cosine similarity is strictly above the cut. `single` counts the
connected components of all links, `supported` those of the supported links only. The other linkages
are in index.counting.hierarchy. A link is supported when the closed neighbourhoods of its two faces
share at least SUPPORT of the smaller one (shared neighbours: R. A. Jarvis, E. A. Patrick,
"Clustering Using a Similarity Measure Based on Shared Near Neighbors", IEEE Trans. Computers
C-22(11), 1973).
"""

from dataclasses import dataclass
from itertools import pairwise

import faiss
import numpy as np
from numpy.typing import NDArray

from index.base.arrays import FloatMatrix, IntVector
from index.base.choices import Linkage
from index.counting.evidence import DENSE_FACES
from index.counting.face_set import FaceSet
from index.counting.hierarchy import by_appearance, content_order, hierarchy, refuse_many

BLOCK_ROWS = 256  # bounds the memory of a range search in which everything links to everything
DENSE_SHARE = 0.1  # of all pairs, above which the graph is treated as a full matrix
BEYOND = 2.0  # larger than any cosine similarity
BORDER = 1e-5  # FAISS's float32 kernels differ by less; nearer pairs are decided in float64
SUPPORT = 0.9  # least overlap of a supported link; measured in docs/accuracy.md


@dataclass(frozen=True, slots=True)
class Links:
    """Pairs of faces closer than the cut, each once, ordered by (first, second).

    Attributes:
        first, second: (m,) int64 row numbers, first < second.
        similarity: (m,) float32 cosine similarity.
    """

    first: IntVector
    second: IntVector
    similarity: NDArray[np.float32]

    def where(self, keep: NDArray[np.bool_]) -> "Links":
        """The links that the mask *keep* (m,) selects."""
        return Links(self.first[keep], self.second[keep], self.similarity[keep])


def find_links(vectors: FloatMatrix, cut: float, block_rows: int = BLOCK_ROWS) -> Links:
    """Every pair of rows whose cosine similarity is strictly above *cut*.

    Args:
        vectors: (n, d) float32, C-contiguous, rows of length 1. Not modified.
        cut: cosine similarity, exclusive; any number, also outside −1 to 1.
        block_rows: queries a FAISS call; changes memory, never the answer.
    """
    if len(vectors) == 0:
        empty = np.empty(0, np.int64)
        return Links(empty, empty, np.empty(0, np.float32))
    cut = min(max(cut, -BEYOND), BEYOND)  # FAISS takes a float32
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    parts = []
    for start in range(0, len(vectors), block_rows):
        limits, found, neighbour = index.range_search(
            vectors[start : start + block_rows], cut - BORDER
        )
        row = np.repeat(np.arange(start, start + len(limits) - 1), np.diff(limits).astype(np.int64))
        upper = row < neighbour  # each pair once, and no face with itself
        parts.append((row[upper], neighbour[upper], found[upper]))
    first, second, similarity = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((second, first))
    links = Links(first[order], second[order], similarity[order])
    return links.where(above(vectors, links, cut))


def above(vectors: FloatMatrix, links: Links, cut: float) -> NDArray[np.bool_]:
    """Which *links* are above *cut*, (m,). Near the cut FAISS is not exact: float64 decides."""
    keep = links.similarity > cut
    near = np.flatnonzero(np.abs(links.similarity - cut) <= BORDER)
    for start in range(0, len(near), BLOCK_ROWS * BLOCK_ROWS):
        some = near[start : start + BLOCK_ROWS * BLOCK_ROWS]
        left = vectors[links.first[some]].astype(np.float64)
        right = vectors[links.second[some]].astype(np.float64)
        # the product of a vector with its copy may exceed 1 in the last bit
        keep[some] = np.minimum(np.einsum("ij,ij->i", left, right), 1.0) > cut
    return keep


def supported(links: Links, count: int) -> NDArray[np.bool_]:
    """Which links are supported: |N(a) ∩ N(b)| ≥ SUPPORT × min(|N(a)|, |N(b)|).

    Args:
        links: among *count* faces; N(a) is a and every face linked to it.
    """
    if len(links.first) == 0:
        return np.empty(0, np.bool_)
    from scipy.sparse import coo_array  # noqa: PLC0415 - takes a fifth of a second

    here = np.arange(count)
    rows = np.concatenate((links.first, links.second, here))
    columns = np.concatenate((links.second, links.first, here))
    graph = coo_array((np.ones(len(rows), np.float32), (rows, columns)), (count, count)).tocsr()
    sizes = np.diff(graph.indptr)
    # if many photos show the same person, BLAS is far quicker than sparse products
    dense = graph.toarray() if graph.nnz > DENSE_SHARE * count**2 else None
    shared = np.empty(len(links.first), np.float32)
    # links are ordered by their first face, so those of a block of faces are one run
    ends = np.searchsorted(links.first, np.arange(0, count + BLOCK_ROWS, BLOCK_ROWS))
    for block, (start, stop) in enumerate(pairwise(ends)):
        if start < stop:
            origin = block * BLOCK_ROWS
            some = graph[origin : origin + BLOCK_ROWS]
            both = (some @ graph).toarray() if dense is None else some.toarray() @ dense
            run = slice(start, stop)
            shared[run] = both[links.first[run] - origin, links.second[run]]
    smaller = np.minimum(sizes[links.first], sizes[links.second])
    # the left side is a whole number: BORDER absorbs the rounding of SUPPORT
    kept: NDArray[np.bool_] = shared >= SUPPORT * smaller - BORDER
    return kept


def joining_links(links: Links, count: int, linkage: Linkage) -> Links:
    """The links that join faces into persons under *linkage*."""
    return links if linkage is Linkage.SINGLE else links.where(supported(links, count))


def components(links: Links, count: int) -> IntVector:
    """The person of each face: (count,) numbers from 0, by first appearance."""
    from scipy.sparse import coo_array  # noqa: PLC0415 - takes a fifth of a second
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    graph = coo_array(
        (np.ones(len(links.first), np.int8), (links.first, links.second)), (count, count)
    )
    _, labels = connected_components(graph, directed=False)
    return by_appearance(labels.astype(np.int64))


def persons(faces: FaceSet, cut: float, linkage: Linkage) -> IntVector:
    """The person of each of *faces*: (n,) numbers from 0.

    Args:
        cut: see find_links().
    """
    count = len(faces)
    if count == 0:
        return np.empty(0, np.int64)
    if linkage is Linkage.SUPPORTED:
        refuse_many(count, linkage)
    elif linkage is not Linkage.SINGLE or count > DENSE_FACES:
        distance = 1.0 - cut
        return hierarchy(faces, linkage, distance).labels_at(distance)
    order = content_order(faces.vectors)
    links = find_links(np.ascontiguousarray(faces.vectors[order]), cut)
    labels = np.empty(count, np.int64)
    labels[order] = components(joining_links(links, count, linkage), count)
    return by_appearance(labels)
