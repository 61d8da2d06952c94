"""Explains a count: the links that join each person, the count's stability, and its warnings."""

import math
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any

import numpy as np

from index.base.arrays import FloatMatrix, IntVector
from index.base.choices import Linkage
from index.base.errors import RequestError
from index.base.plurals import counted
from index.counting.answer import INTERVAL_SHARE, Answer
from index.counting.doubts import doubts
from index.counting.evidence import DENSE_FACES
from index.counting.face_set import FaceSet
from index.counting.grouping import persons
from index.counting.hierarchy import Hierarchy, hierarchy
from index.counting.judged import judged_hierarchy, judged_persons
from index.counting.often_seen import NOBODY, counts_by_merges, seen_often
from index.counting.question import Question
from index.database.queries.faces import FaceRow
from index.vectors.space import Space

CURVE_STEP = 0.005  # of the threshold; fine enough for a slider, coarse enough to compute
CURVE_END = 0.4  # twice the default: beyond it nearly all faces are one person
MEASURED_FACES, MEASURED_PERSONS = 500, 50  # the largest questions judged: docs/accuracy.md
CHAIN_FACTOR = 1.5  # a person whose faces are farther apart than this times the cut is doubtful
EVERY = slice(None)
BEYOND = (
    f"counts were never judged beyond {MEASURED_FACES} faces or {MEASURED_PERSONS} persons: "
    "expect larger errors here"
)
_DOUBTS = {
    "chained": "some of its faces are far apart",
    "same_photo": "two of its faces are in one photo",
}


@dataclass(frozen=True, slots=True)
class JoiningLink:
    """Two faces of one person that are neighbours in its minimum spanning tree."""

    first: int  # face ids
    second: int
    distance: float  # cosine distance
    same_photo: bool  # both faces are in one
    is_said: bool = False  # people said that they are one person


@dataclass(frozen=True, slots=True)
class Person:
    """One counted person.

    Attributes:
        faces: by ascending id.
        links: its minimum spanning tree; len(faces) − 1 of them. Those that people said come
            first, then the others, nearest first.
        spread: the largest distance of any two of its faces, 0 for a single face.
        warnings: "chained" when two of its faces are far beyond the cut; "same_photo" when two are
            in one photo (a mirror or a collage, or two people taken for one). People may have said
            of two faces that they are one person: those are in no doubt.
    """

    faces: tuple[FaceRow, ...]
    links: tuple[JoiningLink, ...]
    spread: float
    warnings: tuple[str, ...]


def is_beyond_measured(faces: int, persons: int) -> bool:
    """Whether so many are more than were in the questions on which counting was judged."""
    return faces > MEASURED_FACES or persons > MEASURED_PERSONS


@dataclass(frozen=True, slots=True)
class DoubtfulPair:
    """Two faces that people should look at: their groups are one person, or two, by a little.

    Attributes:
        is_joined: the count takes them for one person.
        height: the cosine distance at which their groups are merged.
    """

    first: int  # face ids
    second: int
    is_joined: bool
    height: float


class Explanation:
    """An answer with the reasons for it.

    Args:
        vectors: (n, d) unit vectors of the answer's faces, in order.
    """

    def __init__(
        self, question: Question, answer: Answer, vectors: FloatMatrix, space: Space
    ) -> None:
        self._question = question
        self._answer = answer
        self._vectors = vectors
        self._space = space

    @cached_property
    def _faces(self) -> FaceSet:
        return FaceSet.of_rows(self._answer.faces, self._vectors, self._space)

    @cached_property
    def _hierarchy(self) -> Hierarchy | None:
        if self._question.linkage is Linkage.SUPPORTED:
            return None  # its groups are not nested: a higher threshold may split again
        return self._answer.tree or self._tree(self._question.linkage)

    def _tree(self, linkage: Linkage) -> Hierarchy:
        judged = self._answer.judged
        if judged is not None:
            return judged_hierarchy(self._faces, linkage, judged)
        return hierarchy(self._faces, linkage)

    @cached_property
    def _counts(self) -> IntVector:
        """The number of persons after each number of merges of the hierarchy."""
        if self._hierarchy is None:
            return np.empty(0, np.int64)
        return counts_by_merges(self._hierarchy, self._faces.photos, self._question.min_photos)

    def _merges_at(self, threshold: float) -> int:
        """The number of merges of the hierarchy at a threshold."""
        distance = 1.0 - self._space.cut(threshold)
        return 0 if self._hierarchy is None else self._hierarchy.merges_at(distance)

    def count_at(self, threshold: float) -> int:
        """The number of persons at a threshold.

        At the question's own threshold it is the answer's: computing it in another way can differ
        in a distance's last bit, and so in the count.
        """
        if threshold == self._question.threshold:
            return self._answer.person_num
        if self._hierarchy is not None:
            return int(self._counts[self._merges_at(threshold)])
        labels = self._labels_at(self._space.cut(threshold))
        labels = seen_often(labels, self._faces.photos, self._question.min_photos)
        return int(labels.max()) + 1 if len(labels) else 0

    def _labels_at(self, cut: float) -> IntVector:
        linkage, judged = self._question.linkage, self._answer.judged
        if judged is None:
            return persons(self._faces, cut, linkage)
        return judged_persons(self._faces, cut, linkage, judged)

    @property
    def is_beyond_measured(self) -> bool:
        """Whether the question is larger than those on which counting was ever judged."""
        return is_beyond_measured(len(self._answer.faces), self._answer.person_num)

    @property
    def _known_upto(self) -> float:
        """The highest threshold whose merges are known."""
        if self._answer.tree is None:
            return math.inf
        return self._question.threshold * (1 + INTERVAL_SHARE)

    @cached_property
    def curve(self) -> list[tuple[float, int]]:
        """The count at thresholds from 0 to CURVE_END, CURVE_STEP apart.

        Of more than DENSE_FACES it ends where the merges are no longer known.
        """
        steps = round(CURVE_END / CURVE_STEP)
        thresholds = [round(step * CURVE_STEP, 3) for step in range(steps + 1)]
        known = [threshold for threshold in thresholds if threshold <= self._known_upto]
        return [(threshold, self.count_at(threshold)) for threshold in known]

    def stable_range(self) -> tuple[float, float]:
        """The widest range of thresholds around the question's with the same count.

        For hierarchies it is exact, with the lower end excluded unless it is 0. For supported it
        ends at steps of the curve; the count between the steps is not known.
        """
        here, number = self._question.threshold, self._answer.person_num
        if self._hierarchy is not None:
            heights = [self._space.threshold(height) for height in self._hierarchy.heights]
            first, last = self._same_count(number)
            end = min(self._space.threshold(2.0), self._known_upto)
            low = heights[first - 1] if first else -1.0
            if low == 0 and self._answer.judged is not None:
                low = min(
                    math.ulp(0.0), here
                )  # what merges there is still apart at the threshold 0
            high = heights[last] if last < len(heights) else end
            return max(low, 0.0), max(high, here)
        others = [at for at, count in self.curve if count != number]
        below = max((at for at in others if at < here), default=-1.0)
        above = min((at for at in others if at > here), default=math.inf)
        same = [here, *(at for at, _ in self.curve if below < at < above)]
        return min(same), max(same)

    def _same_count(self, number: int) -> tuple[int, int]:
        """The fewest and the most merges around the question's threshold with *number* persons."""
        if self._question.min_photos == 1:  # the answer tells, to the last bit of a distance
            return (len(self._answer.faces) - number,) * 2
        first = last = self._merges_at(self._question.threshold)
        while first > 0 and self._counts[first - 1] == number:
            first -= 1
        while last + 1 < len(self._counts) and self._counts[last + 1] == number:
            last += 1
        return first, last

    def interval(self) -> tuple[int, int]:
        """The least and the most persons at thresholds within INTERVAL_SHARE of the question's.

        For supported only some thresholds are tried: both ends, the question's own, and the steps
        of the curve between them.
        """
        here = self._question.threshold
        low, high = here * (1 - INTERVAL_SHARE), here * (1 + INTERVAL_SHARE)
        counts = [self.count_at(threshold) for threshold in (low, here, high)]
        if self._hierarchy is None:
            counts += [count for threshold, count in self.curve if low <= threshold <= high]
        elif self._question.min_photos > 1:  # it may rise and fall in between
            counts += self._counts[self._merges_at(low) : self._merges_at(high) + 1].tolist()
        return min(counts), max(counts)

    def doubts(self) -> list[DoubtfulPair]:
        """Where the count is least sure, the most doubtful first; see index.counting.doubts.

        Groups of supported linkage are not nested. Those of single linkage stand for them.
        """
        tree, cut = self._hierarchy, self._space.cut(self._question.threshold)
        labels = self._labels_at(cut) if tree is None else tree.labels_at(1.0 - cut)
        faces = self._answer.faces
        return [
            DoubtfulPair(
                faces[one.first].id,
                faces[one.second].id,
                bool(labels[one.first] == labels[one.second]),
                one.height,
            )
            for one in doubts(tree or self._tree(Linkage.SINGLE), self._vectors, 1.0 - cut)
        ]

    def persons(self, some: slice = EVERY) -> list[Person]:
        """The counted persons, or *some* of them, in the answer's order.

        Raises:
            RequestError: 413, one has more than DENSE_FACES faces.
        """
        rows: list[list[int]] = [[] for _ in range(self._answer.person_num)]
        for row, person in enumerate(self._answer.person_of):
            if person != NOBODY:
                rows[person].append(row)
        return [self._person(mine) for mine in rows[some]]

    def _person(self, rows: list[int]) -> Person:
        if len(rows) > DENSE_FACES:
            raise RequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"one person has {len(rows)} faces, more than the {DENSE_FACES} whose links can be "
                "listed; ask for the count alone (/person_count), or about fewer photos",
            )
        faces = tuple(self._answer.faces[row] for row in rows)
        wide = self._vectors[rows].astype(np.float64)
        distances = np.clip(1.0 - wide @ wide.T, 0.0, 2.0)
        spread = float(distances.max()) if len(rows) > 1 else 0.0
        judged = self._answer.judged
        groups = np.arange(len(rows)) if judged is None else judged.group[rows]
        said = groups[:, None] == groups
        from scipy.sparse import csr_array  # noqa: PLC0415 - takes a fifth of a second
        from scipy.sparse.csgraph import minimum_spanning_tree  # noqa: PLC0415

        # 0 is no edge for scipy; what people said is lighter than any distance
        edges = np.where(said, 0.5 + distances / 8, distances + 1.0)
        tree = minimum_spanning_tree(csr_array(edges)).tocoo()
        links = sorted(
            (
                JoiningLink(
                    faces[one].id,
                    faces[other].id,
                    float(distances[one, other]),
                    faces[one].image_id == faces[other].image_id,
                    bool(said[one, other]),
                )
                for one, other in zip(tree.row, tree.col, strict=True)
            ),
            key=lambda link: (not link.is_said, link.distance),
        )
        warnings = []
        doubtful = float(np.where(said, 0.0, distances).max())
        if doubtful > CHAIN_FACTOR * self._space.distance(self._question.threshold):
            warnings.append("chained")
        photos = [face.image_id for face in faces]
        if len(set(photos)) < len(set(zip(photos, groups.tolist(), strict=True))):
            warnings.append("same_photo")
        return Person(faces, tuple(links), spread, tuple(warnings))


def explanation_lines(document: dict[str, Any]) -> list[str]:
    """The explanation document (index.counting.documents) as text for a terminal."""
    lines = [
        f"{counted(document['person_num'], 'person')} at threshold {document['threshold']}",
        *_how_stable(document),
        *([BEYOND] if document["beyond_measured"] else []),
        *([doubt["advice"]] if (doubt := document.get("profile_doubt")) else []),
    ]
    for number, person in enumerate(document["persons"], start=1):
        weakest = person["weakest_link"]
        how = f", weakest link at {link_text(weakest)}" if weakest else ""
        doubts = "".join(f", {_DOUBTS[warning]}" for warning in person["warnings"])
        lines.append(f"person {number}: {counted(len(person['faces']), 'face')}{how}{doubts}")
        lines += [f"    {_place(face)}" for face in person["faces"]]
        said = sum(link.get("judged", False) for link in person["links"])
        lines += [f"    {counted(said, 'link')} by people's judgement"] if said else []
    lines += [f"left out ({face['reason']}): {_place(face)}" for face in document["left_out"]]
    return lines


def _how_stable(document: dict[str, Any]) -> list[str]:
    low, high = document["interval"]["low"], document["interval"]["high"]
    start, end = document["stable_range"]
    if not document["persons"]:
        return []  # without a face every threshold gives 0
    return [
        "a threshold a tenth lower or higher gives the same count"
        if low == high
        else f"thresholds up to a tenth lower or higher give {low} to {high} persons",
        f"every threshold from {start:.4f} to {end:.4f} gives the same count",
    ]


def link_text(link: dict[str, Any]) -> str:
    """The threshold of a link, or of a similar face, and how often strangers are as near."""
    rate = link["false_match_rate"]
    known = "" if rate is None else f" (false match rate {rate:.2g} at most)"
    return f"{link['threshold']:.3f}{known}"


def _place(face: dict[str, Any]) -> str:
    box = ", ".join(f"{edge:.0f}" for edge in face["box"])
    return f"{face['filepaths'][0]} at {box}"
