"""Hierarchies: which groups of faces become one person, and at which distance.

A hierarchy does not depend on the threshold. So one computation gives the persons at every
threshold, and a higher threshold never gives more persons.
"""

import math
from dataclasses import dataclass
from http import HTTPStatus

import numpy as np

from index.base.arrays import DoubleVector, FloatMatrix, IntVector
from index.base.choices import Linkage
from index.base.errors import RequestError
from index.counting.effort import Effort
from index.counting.evidence import DENSE_FACES, LEADING, merge_by_evidence
from index.counting.face_set import FaceSet

Merges = tuple[IntVector, IntVector, DoubleVector]  # a face of each group, and the heights


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """The merges of n faces, nearest first.

    Attributes:
        count: n.
        first, second: (m,) faces whose groups are merged.
        heights: (m,) cosine distances, ascending; a merge happens at every cut above its height.
    """

    count: int
    first: IntVector
    second: IntVector
    heights: DoubleVector

    def merges_at(self, distance: float) -> int:
        """The number of merges strictly below *distance*."""
        return int(np.searchsorted(self.heights, distance, side="left"))

    def persons_at(self, distance: float) -> int:
        """The number of persons after all merges strictly below *distance*."""
        return self.count - self.merges_at(distance)

    def labels_at(self, distance: float) -> IntVector:
        """The person of each face after these merges: (n,) numbers from 0, by first appearance."""
        merged = int(np.searchsorted(self.heights, distance, side="left"))
        parent = list(range(self.count))

        def root(face: int) -> int:
            while parent[face] != face:
                parent[face] = parent[parent[face]]
                face = parent[face]
            return face

        first, second = self.first[:merged].tolist(), self.second[:merged].tolist()
        for one, other in zip(first, second, strict=True):
            parent[root(other)] = root(one)
        numbers: dict[int, int] = {}
        roots = map(root, range(self.count))
        return np.array([numbers.setdefault(face, len(numbers)) for face in roots], np.int64)


def by_appearance(labels: IntVector) -> IntVector:
    """The same groups, numbered from 0 in the order in which they appear."""
    _, first_seen, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first_seen), np.int64)
    rank[np.argsort(first_seen)] = np.arange(len(first_seen))
    return rank[inverse.reshape(-1)]


def content_order(vectors: FloatMatrix) -> IntVector:
    """An order of the rows that depends on their content alone.

    Computing in it makes results independent of the order in which files are named or arrived, to
    the last bit.
    """
    return np.lexsort(vectors[:, :LEADING].T)


def hierarchy(
    faces: FaceSet, linkage: Linkage, below: float = math.inf, effort: Effort | None = None
) -> Hierarchy:
    """The hierarchy of *faces* under a linkage other than supported.

    Memory grows with n² up to DENSE_FACES: 4 to 8 bytes a pair. Above, only evidence and single
    are computed, and memory grows with n.

    Args:
        below: merges at this distance or above may be left out, which saves time.
            More than DENSE_FACES need it: all their merges would take a matrix.
        effort: the limits, where evidence or single compare many faces.

    Raises:
        RequestError: 413, more than DENSE_FACES under another linkage, or beyond the effort.
    """
    count = len(faces)
    if count < 2:  # noqa: PLR2004 - nothing to merge
        none = np.empty(0, np.int64)
        return Hierarchy(count, none, none, np.empty(0))
    order = content_order(faces.vectors)
    if linkage is Linkage.EVIDENCE:
        first, second, heights = merge_by_evidence(faces[order], below, effort)
    else:
        first, second, heights = _by_scipy(faces.vectors[order], linkage, below, effort)
    return Hierarchy(count, order[first], order[second], heights)


def _by_scipy(
    vectors: FloatMatrix, linkage: Linkage, below: float, effort: Effort | None
) -> Merges:
    """The other linkages, whose modules import scipy: that takes a third of a second."""
    if linkage is Linkage.SINGLE and len(vectors) > DENSE_FACES:
        from index.counting.streamed_single import streamed_single  # noqa: PLC0415 - scipy

        return streamed_single(vectors, below, (effort or Effort()).check_time)
    refuse_many(len(vectors), linkage)
    from index.counting.matrix_linkages import agglomerate, single  # noqa: PLC0415 - scipy

    if linkage is Linkage.SINGLE:
        return single(vectors)
    return agglomerate(vectors, "average" if linkage is Linkage.AVERAGE else "complete")


def refuse_many(count: int, linkage: Linkage) -> None:
    """Raise 413 if so many faces need a matrix of all pairs, as all but evidence and single do."""
    if count > DENSE_FACES:
        raise RequestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"{count} faces are more than the {DENSE_FACES} that linkage={linkage} counts; "
            "ask about fewer photos, or use linkage=evidence or single",
        )
