"""Turns stored faces and their vectors into the answer to a question: persons."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from operator import attrgetter

from index.base.arrays import FloatMatrix, IntVector
from index.base.choices import FaceChoice
from index.base.errors import RequestError
from index.counting import grouping
from index.counting.effort import Effort
from index.counting.evidence import DENSE_FACES
from index.counting.face_set import FaceSet
from index.counting.hierarchy import Hierarchy, hierarchy
from index.counting.judged import Judged, judged_persons
from index.counting.key_faces import why_left_out
from index.counting.often_seen import NOBODY, TOO_FEW, seen_often
from index.counting.question import Question
from index.database.queries.faces import FaceRow
from index.vectors.space import Space

INTERVAL_SHARE = 0.1  # of the threshold, up and down; its coverage is measured in docs/accuracy.md


@dataclass(frozen=True, slots=True)
class Answer:
    """The persons in the asked-for files.

    Attributes:
        faces: those that were grouped, by ascending id.
        person_of: (n,) the person of each of them, numbered from 0 by first appearance; NOBODY if
            its person is in too few photos to count.
        left_out: the faces that count for no person, each with the reason, by ascending id.
        judged: what people said about *faces*; None if nothing touches the count.
        tree: of more than DENSE_FACES, the merges that were proved: those of thresholds up to
            INTERVAL_SHARE above the question's. None for fewer.
    """

    faces: tuple[FaceRow, ...]
    person_of: IntVector
    left_out: tuple[tuple[FaceRow, str], ...]
    judged: Judged | None = None
    tree: Hierarchy | None = None

    @property
    def person_num(self) -> int:
        """How many different persons there are."""
        return int(self.person_of.max()) + 1 if len(self.person_of) else 0

    def persons(self) -> list[list[FaceRow]]:
        """The faces of each person."""
        groups: list[list[FaceRow]] = [[] for _ in range(self.person_num)]
        for face, person in zip(self.faces, self.person_of, strict=True):
            if person != NOBODY:
                groups[person].append(face)
        return groups


Chosen = tuple[list[FaceRow], list[tuple[FaceRow, str]]]


def split_faces(faces: Sequence[FaceRow], choice: FaceChoice) -> Chosen:
    """The *faces* that count under *choice*, and the others with reasons; both in order."""
    reasons = why_left_out(faces, choice)
    if not reasons:
        return list(faces), []
    counted = [face for face in faces if face.id not in reasons]
    return counted, [(face, reasons[face.id]) for face in faces if face.id in reasons]


def join_faces(chosen: Iterable[Chosen], max_faces: int) -> Chosen:
    """Join the results of split_faces() for several images, by id.

    Raises:
        RequestError: 413, more than *max_faces* count.
    """
    counted: list[FaceRow] = []
    left_out: list[tuple[FaceRow, str]] = []
    for some, others in chosen:
        counted += some
        left_out += others
    if len(counted) > max_faces:
        raise RequestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"{len(counted)} faces are more than the {max_faces} allowed; ask about fewer files",
        )
    counted.sort(key=attrgetter("id"))
    left_out.sort(key=lambda pair: pair[0].id)
    return counted, left_out


def answer_question(
    question: Question,
    counted: Sequence[FaceRow],
    left_out: Sequence[tuple[FaceRow, str]],
    vectors: FloatMatrix,
    space: Space,
    judged: Judged | None = None,
    effort: Effort | None = None,
) -> Answer:
    """Group the *counted* faces into persons.

    Args:
        vectors: (n, d) unit vectors of *counted*, in order.
        judged: what people said about *counted*; None if nothing touches the count.
        effort: the limits of counting more than DENSE_FACES.

    Raises:
        RequestError: 413, they cannot be counted exactly within the effort, or by this linkage.
    """
    faces, tree = FaceSet.of_rows(counted, vectors, space), None
    cut = space.cut(question.threshold)
    if judged is not None:
        labels = judged_persons(faces, cut, question.linkage, judged)
    elif len(counted) > DENSE_FACES:
        below = 1.0 - space.cut(question.threshold * (1 + INTERVAL_SHARE))
        tree = hierarchy(faces, question.linkage, below, effort)
        labels = tree.labels_at(1.0 - cut)
    else:
        labels = grouping.persons(faces, cut, question.linkage)
    person_of = seen_often(labels, faces.photos, question.min_photos)
    if question.min_photos > 1 and NOBODY in person_of:
        rare = [
            (face, TOO_FEW) for face, who in zip(counted, person_of, strict=True) if who == NOBODY
        ]
        left_out = sorted([*left_out, *rare], key=lambda pair: pair[0].id)
    return Answer(tuple(counted), person_of, tuple(left_out), judged, tree)
