"""What a second model says of the faces of an answer: where it parts a person, where it joins two.

Two networks err on different photos, so an answer on which they agree is more often right. The
figures are in docs/accuracy.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from index.base.arrays import IntVector
from index.counting.answer import Answer
from index.counting.evidence import DENSE_FACES
from index.counting.judgements import match
from index.counting.often_seen import NOBODY, seen_often
from index.counting.question import Question
from index.database.queries import analyses, generations
from index.database.queries.faces import FaceRow
from index.database.queries.generations import GenerationRow
from index.library.row_grouping import group_rows
from index.vectors.space import Space, stored_space

TOO_MANY = f"more than {DENSE_FACES:,} faces are too many for a second opinion"


# faces of the answer, by id, that one model takes for one person, as the other parts them; the
# largest part first
Parts = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """The second model's count of the same photos.

    Attributes:
        person_num: its count; None if there is none, and *reason* says why.
        photos_missing: how many photos it has not analysed yet; it counts without them.
        parted: persons of the answer whom it takes for several.
        joined: persons of the answer whom it takes for one.
    """

    model_id: str
    person_num: int | None
    photos_missing: int = 0
    parted: tuple[Parts, ...] = ()
    joined: tuple[Parts, ...] = ()
    reason: str = ""


def second_opinion(
    connection: Connection, question: Question, answer: Answer, model_id: str, space: Space
) -> SecondOpinion | None:
    """Count the photos of an answer with the second model; None if the library has none.

    Args:
        model_id: of the model that gave the answer.
        space: its space; the second model's has the same scale.

    Raises:
        StoreError: a row is damaged.
    """
    second = generations.beside(connection)
    if second is None or second.model_id == model_id:
        return None
    images = sorted({face.image_id for face in (*answer.faces, *(f for f, _ in answer.left_out))})
    if len(answer.faces) > DENSE_FACES:
        return SecondOpinion(second.model_id, None, reason=TOO_MANY)
    analysed = analyses.face_counts(connection, second.id, images)
    faces, labels = _group(connection, second, space, question, images)
    photos = np.array([face.image_id for face in faces], np.int64)
    theirs = seen_often(labels, photos, question.min_photos)
    pairs = _pairs(answer, faces, theirs)
    return SecondOpinion(
        second.model_id,
        int(theirs.max(initial=NOBODY)) + 1,
        len(images) - len(analysed),
        parted=_differences(pairs, by=0),
        joined=_differences(pairs, by=1),
    )


def _group(
    connection: Connection,
    second: GenerationRow,
    space: Space,
    question: Question,
    images: Sequence[int],
) -> tuple[list[FaceRow], IntVector]:
    return group_rows(
        connection,
        second.id,
        stored_space(second.profile, space.scale),
        images,
        question.threshold,
        question.linkage,
        question.faces,
    )


Pair = tuple[int, int, int]  # the answer's person, the second model's, the answer's face


def _pairs(answer: Answer, faces: Sequence[FaceRow], theirs: IntVector) -> list[Pair]:
    """The faces that both models count, by their places in the photos."""
    mine = _by_image(answer.faces, answer.person_of)
    other = _by_image(faces, theirs)
    found: list[Pair] = []
    for image, here in mine.items():
        there = other.get(image, [])
        places = match([face.box for face, _ in here], [face.box for face, _ in there])
        for row, column in places.items():
            face, person = here[row]
            found.append((person, there[column][1], face.id))
    return sorted(found)


def _by_image(
    faces: Sequence[FaceRow], persons: IntVector
) -> Mapping[int, list[tuple[FaceRow, int]]]:
    found: dict[int, list[tuple[FaceRow, int]]] = {}
    for face, person in zip(faces, persons.tolist(), strict=True):
        if person != NOBODY:
            found.setdefault(face.image_id, []).append((face, person))
    return found


def _differences(pairs: Sequence[Pair], by: int) -> tuple[Parts, ...]:
    """The groups of one model that the other parts.

    Args:
        by: 0 for the answer's groups, 1 for the second model's.
    """
    groups: dict[int, dict[int, list[int]]] = {}
    for pair in pairs:
        groups.setdefault(pair[by], {}).setdefault(pair[1 - by], []).append(pair[2])
    parted = [
        tuple(sorted(map(tuple, parts.values()), key=lambda part: (-len(part), part)))
        for parts in groups.values()
        if len(parts) > 1
    ]
    return tuple(sorted(parted))
