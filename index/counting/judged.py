"""Groups faces into persons as the linkage does, but keeps to what people said. Pure.

Faces that are the same person are one group before anything is compared; the linkage then sees a
group of that size. Groups that hold different persons are never merged, neither directly nor
through others: the search takes the closest pair that may be merged. Equal distances are decided by
the content of the faces, so that the order in which files arrived changes nothing.

Questions that no judgement touches do not come here; see index.counting.answer.
"""

import math
from dataclasses import dataclass
from http import HTTPStatus

import numpy as np
from numpy.typing import NDArray

from index.base.arrays import DoubleVector, FloatMatrix, IntVector
from index.base.choices import Linkage
from index.base.errors import RequestError
from index.counting.barred_merging import BARRED, DistanceGroups, EvidenceGroups, closest_first
from index.counting.evidence import DENSE_FACES, heaviest, photo_mates, similarities
from index.counting.face_set import FaceSet
from index.counting.formula import formula_of
from index.counting.grouping import Links, find_links, supported
from index.counting.hierarchy import Hierarchy
from index.counting.partition import Partition

SAID = -1.0  # the height at which people's own merges happen: below every distance
_UNLINKED = -9.0  # the closeness of groups without a link: below that of any link


@dataclass(frozen=True, slots=True)
class Judged:
    """What people said about the n faces of a question.

    Attributes:
        rank: (n,) int64; the faces' places in an order of their content.
        group: (n,) int64; faces with the same number are one person.
        apart: pairs of such numbers, each of faces that are different persons.
    """

    rank: IntVector
    group: IntVector
    apart: tuple[tuple[int, int], ...]


def judged_persons(faces: FaceSet, cut: float, linkage: Linkage, judged: Judged) -> IntVector:
    """The person of each of *faces*; the other arguments are those of grouping.persons().

    Raises:
        RequestError: 413, there are more than DENSE_FACES.
    """
    if len(faces) > DENSE_FACES:
        raise RequestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"people judged some of these {len(faces)} faces; then only {DENSE_FACES} are "
            "allowed; ask about fewer files",
        )
    if linkage is Linkage.SUPPORTED:
        return _Search(faces, judged).supported(cut).labels_at(math.inf)
    return judged_hierarchy(faces, linkage, judged).labels_at(1.0 - cut)


def judged_hierarchy(faces: FaceSet, linkage: Linkage, judged: Judged) -> Hierarchy:
    """The hierarchy of *faces* under a linkage other than supported.

    The merges that people asked for have the height SAID, and those that they forbade are missing.
    Memory grows with n² as in index.counting.hierarchy.
    """
    search = _Search(faces, judged)
    return search.by_evidence() if linkage is Linkage.EVIDENCE else search.by_distance(linkage)


class _Search:
    """The merges of one question's faces, which are numbered by their places in *rank*."""

    def __init__(self, faces: FaceSet, judged: Judged) -> None:
        """Begin with the merges that people asked for."""
        self._order = np.argsort(judged.rank)
        self._faces = faces[self._order]
        self._sets = Partition(len(faces))
        self._merges: list[tuple[int, int, float]] = []  # two faces and a height
        first_of: dict[int, int] = {}
        for face, number in enumerate(judged.group[self._order].tolist()):
            self._join(first_of.setdefault(number, face), face, SAID)
        for one, other in judged.apart:
            self._sets.keep_apart(first_of[one], first_of[other])

    def _join(self, one: int, other: int, height: float) -> None:
        if self._sets.join(one, other):
            self._merges.append((one, other, height))

    def _roots(self) -> IntVector:
        return np.array([self._sets.root(face) for face in range(len(self._order))], np.int64)

    def by_distance(self, linkage: Linkage) -> Hierarchy:
        """Single, complete or average linkage."""
        roots, wide = self._roots(), self._faces.vectors.astype(np.float64)
        close = -np.clip(1.0 - wide @ wide.T, 0.0, 2.0)
        ascending = np.argsort(roots, kind="stable")
        numbers, starts, sizes = np.unique(roots[ascending], return_index=True, return_counts=True)
        if len(numbers) < len(roots):
            close = _of_groups(close[np.ix_(ascending, ascending)], starts, sizes, linkage)
        self._bar(close, numbers)
        for kept, taken, gain in closest_first(DistanceGroups(close, sizes, linkage)):
            self._join(int(numbers[kept]), int(numbers[taken]), -gain)
        return self._hierarchy()

    def supported(self, cut: float) -> Hierarchy:
        """The merges by supported links at one cut; see index.counting.grouping."""
        roots = self._roots()
        links = self._said(find_links(self._faces.vectors, cut), roots)
        links = links.where(supported(links, len(roots)))
        numbers, sizes = np.unique(roots, return_counts=True)
        close = np.full((len(numbers), len(numbers)), _UNLINKED)
        one, other = (np.searchsorted(numbers, roots[face]) for face in (links.first, links.second))
        np.maximum.at(close, (one, other), links.similarity.astype(np.float64) - 1.0)
        np.maximum(close, close.T, out=close)
        self._bar(close, numbers)
        groups = DistanceGroups(close, sizes, Linkage.SINGLE)
        for kept, taken, gain in closest_first(groups, _UNLINKED):
            self._join(int(numbers[kept]), int(numbers[taken]), -gain)
        return self._hierarchy()

    def _said(self, links: Links, roots: IntVector) -> Links:
        """*links* with every pair of one person, and without the pairs of different persons."""
        count = len(roots)
        ascending = np.argsort(roots, kind="stable")
        starts = np.flatnonzero(np.diff(roots[ascending])) + 1
        pairs = [
            np.stack([group[side] for side in np.triu_indices(len(group), 1)])
            for group in np.split(ascending, starts)
        ]
        said = np.concatenate(pairs, axis=1)
        first = np.concatenate((said[0], links.first))
        second = np.concatenate((said[1], links.second))
        similarity = np.concatenate((np.ones(said.shape[1], np.float32), links.similarity))
        # supported() wants them sorted; np.unique keeps the first of two alike: what people said
        _, kept = np.unique(first * count + second, return_index=True)
        all_links = Links(first[kept], second[kept], similarity[kept])
        low, high = np.sort(np.stack((roots[all_links.first], roots[all_links.second])), axis=0)
        barred = np.array([one * count + other for one, other in self._sets.apart()], np.int64)
        return all_links.where(~np.isin(low * count + high, barred))

    def by_evidence(self) -> Hierarchy:
        """The default linkage; see index.counting.evidence."""
        formula, weights = formula_of(self._faces.scatter), self._faces.weights
        copy_of = self._join_copies()
        roots = self._roots()
        # copies within a group are no further evidence: each different vector counts once
        members, number = np.unique(np.stack((roots, copy_of)), axis=1, return_inverse=True)
        number = number.reshape(-1)
        points = self._faces.vectors[members[1]]
        shares = np.ones(len(points))
        if weights is not None:
            shares = heaviest(weights, number, len(points)) / formula.parts
        dots = similarities(points, photo_mates(self._faces.photos, number))
        numbers, starts, faces = np.unique(members[0], return_index=True, return_counts=True)
        sums = np.add.reduceat(points.astype(np.float64) * shares[:, None], starts, axis=0)
        lone = faces == 1
        if not lone.all():
            dots = _of_weighted_groups(dots, shares, starts, lone)
        self._bar(dots, numbers)
        sizes, squares = np.add.reduceat(shares, starts), np.einsum("ij,ij->i", sums, sums)
        groups = EvidenceGroups(dots, sizes, squares, lone, formula)
        merges = list(closest_first(groups))
        heights = formula.heights_of(np.array([gain for _, _, gain in merges])).tolist()
        for (kept, taken, _), height in zip(merges, heights, strict=True):
            self._join(int(numbers[kept]), int(numbers[taken]), height)
        return self._hierarchy()

    def _join_copies(self) -> IntVector:
        """Merge faces with equal vectors at height 0, where they may be.

        Returns: (n,) for each face the first one with its vector.
        """
        _, first, number = np.unique(
            self._faces.vectors, axis=0, return_index=True, return_inverse=True
        )
        copy_of: IntVector = first[number.reshape(-1)]
        earlier: dict[int, list[int]] = {}
        for face, copy in enumerate(copy_of.tolist()):
            for other in earlier.setdefault(copy, []):
                self._join(other, face, 0.0)
            earlier[copy].append(face)
        return copy_of

    def _bar(self, close: NDArray[np.floating], numbers: IntVector) -> None:
        """Forbid the merges that people forbade, and those of a group with itself."""
        np.fill_diagonal(close, BARRED)
        for pair in self._sets.apart():
            one, other = np.searchsorted(numbers, pair)
            close[one, other] = close[other, one] = BARRED

    def _hierarchy(self) -> Hierarchy:
        first, second = (
            self._order[np.array([merge[side] for merge in self._merges], np.int64)]
            for side in (0, 1)
        )
        heights: DoubleVector = np.array([height for _, _, height in self._merges], np.float64)
        return Hierarchy(len(self._order), first, second, np.maximum.accumulate(heights))


def _of_weighted_groups(
    dots: FloatMatrix, shares: DoubleVector, starts: IntVector, lone: NDArray[np.bool_]
) -> FloatMatrix:
    """The dot products of the sums of groups, as EvidenceGroups wants them.

    Args:
        dots: (n, n) of faces that are ordered by group; overwritten.
        shares: (n,) their weights.
        starts: (m,) the first face of each group.
        lone: (m,) whether it is the only one.
    """
    singles = starts[lone]
    plain = dots[np.ix_(singles, singles)]
    dots *= np.outer(shares, shares).astype(np.float32)
    found: FloatMatrix = np.add.reduceat(np.add.reduceat(dots, starts, axis=0), starts, axis=1)
    found[np.ix_(lone, lone)] = plain
    return found


def _of_groups(
    close: NDArray[np.float64], starts: IntVector, sizes: IntVector, linkage: Linkage
) -> NDArray[np.float64]:
    """The closeness of groups, of faces that are ordered by group."""
    reduce = {Linkage.SINGLE: np.maximum, Linkage.COMPLETE: np.minimum}.get(linkage, np.add)
    found: NDArray[np.float64] = reduce.reduceat(reduce.reduceat(close, starts, axis=0), starts, 1)
    return found / np.outer(sizes, sizes) if linkage is Linkage.AVERAGE else found
