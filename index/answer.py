"""The answer to a question: from stored faces and their vectors to persons."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import numpy as np
from numpy.typing import NDArray

from index import people
from index.errors import RequestError
from index.prominence import why_left_out
from index.question import Question
from index.space import Space
from index.store.library import FaceRow

FloatMatrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Answer:
    """The persons in the asked-for files.

    Attributes:
        faces: those that count, by ascending id.
        person_of: (n,) the person of each of them, numbered from 0 by first appearance.
        left_out: the other faces, each with the reason.
    """

    faces: tuple[FaceRow, ...]
    person_of: NDArray[np.int64]
    left_out: tuple[tuple[FaceRow, str], ...]

    @property
    def person_num(self) -> int:
        """How many different persons there are."""
        return int(self.person_of.max()) + 1 if len(self.person_of) else 0

    def persons(self) -> list[list[FaceRow]]:
        """The faces of each person."""
        groups: list[list[FaceRow]] = [[] for _ in range(self.person_num)]
        for face, person in zip(self.faces, self.person_of, strict=True):
            groups[person].append(face)
        return groups


def choose_faces(
    faces: Sequence[FaceRow], question: Question, max_faces: int
) -> tuple[list[FaceRow], list[tuple[FaceRow, str]]]:
    """Split *faces* into those that count and those left out, with reasons.

    Raises:
        RequestError: 413, more than *max_faces* count.
    """
    reasons = why_left_out(faces, question.faces)
    counted = [face for face in faces if face.id not in reasons]
    if len(counted) > max_faces:
        raise RequestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"{len(counted)} faces are more than the {max_faces} allowed; ask about fewer files",
        )
    return counted, [(face, reasons[face.id]) for face in faces if face.id in reasons]


def answer_question(
    question: Question,
    counted: Sequence[FaceRow],
    left_out: Sequence[tuple[FaceRow, str]],
    vectors: FloatMatrix,
    space: Space,
) -> Answer:
    """Group the *counted* faces into persons.

    Args:
        vectors: (n, d) unit vectors of *counted*, in order.
    """
    photos = np.array([face.image_id for face in counted], np.int64)
    labels = people.persons(vectors, space.cut(question.threshold), question.linkage, photos)
    return Answer(tuple(counted), labels, tuple(left_out))
