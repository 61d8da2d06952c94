"""The persons of the whole library: what they are counted from, and a page of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from itertools import pairwise

import numpy as np
from sqlalchemy import Connection

from index.base.arrays import IntVector
from index.base.choices import DEFAULT_THRESHOLD
from index.base.errors import RequestError
from index.base.paths import Roots
from index.base.settings import Settings
from index.counting.answer import Chosen, join_faces
from index.counting.documents import Document, face_document
from index.counting.judged import Judged
from index.counting.question import Question, parse_threshold
from index.database.queries import changelog, judgements, people
from index.database.queries.faces import FaceRow, faces_by_id, faces_of
from index.database.queries.generations import GenerationRow
from index.database.queries.people import PeopleRow
from index.library.judged_faces import choose_faces
from index.library.similar_faces import FaceNames

FACES_SHOWN = 12  # of one person, from different photos where there are as many
EVERYTHING = "."
LEFT_OUT_FACTOR = 2  # at most so many faces are stored for each one that counts


class PeopleState(StrEnum):
    """What the service does about the persons of the library."""

    OFF = "off"  # setting library_people
    WAITING = "waiting"  # for photos to be read, or for more urgent work to end
    COUNTING = "counting"
    CURRENT = "current"  # the newest persons are known
    REFUSED = "refused"  # it cannot be counted exactly


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything that counts in the library.

    Attributes:
        photos: how many different photos there are.
        chosen: the faces that count, by id, and the others.
        judged: what people said about them.
    """

    photos: int
    chosen: Chosen
    judged: Judged | None

    @property
    def counted(self) -> Sequence[FaceRow]:
        """The faces that count."""
        return self.chosen[0]


def question_of_all(settings: Settings) -> Question:
    """The question about everything, as the settings want it counted."""
    value = parse_threshold(DEFAULT_THRESHOLD)
    return Question(
        (EVERYTHING,), DEFAULT_THRESHOLD, value, settings.counted_faces, settings.linkage
    )


def version_of(connection: Connection, generation: GenerationRow, question: Question) -> str:
    """What the persons are counted from and how: another text, another count."""
    return json.dumps(
        [
            generation.id,
            generation.profile,
            changelog.newest_change(connection, generation.id),
            judgements.version(connection),
            people.held_version(connection),
            question.threshold_text,
            question.faces,
            question.linkage,
        ]
    )


def is_of(row: PeopleRow, generation: GenerationRow) -> bool:
    """Whether the persons in *row* were counted from faces of *generation*."""
    return bool(json.loads(row.version)[0] == generation.id)


def gather(
    connection: Connection, generation: GenerationRow, question: Question, max_faces: int
) -> Gathered:
    """Every photo's faces.

    Raises:
        RequestError: 413, more than *max_faces* count, or far more are stored.
    """
    stored = people.stored_faces(connection, generation.id)
    if stored > LEFT_OUT_FACTOR * max_faces:  # reading them would take too much memory
        raise RequestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the library has {stored} faces, and {max_faces} of them may be counted at once",
        )
    images = people.held_images(connection)
    faces = faces_of(connection, generation.id, images)
    chosen, judged = choose_faces(connection, faces, question.faces)
    return Gathered(len(images), join_faces([chosen], max_faces), judged)


def people_page(
    connection: Connection,
    roots: Roots,
    generation: GenerationRow,
    row: PeopleRow,
    some: range,
) -> list[Document]:
    """The persons with the numbers *some*, each with FACES_SHOWN faces at most.

    The numbers of photos and faces are as they were counted; photos that are gone or were changed
    since are not shown.
    """
    order = np.argsort(row.persons, kind="stable")
    ends = np.searchsorted(row.persons[order], np.arange(some.start, some.stop + 1))
    rows_of = [order[start:end] for start, end in pairwise(ends)]
    shown = [_of_different_photos(row, rows) for rows in rows_of]
    wanted = sorted(number for ids in shown for number in ids)
    faces = {face.id: face for face in faces_by_id(connection, generation.id, wanted)}
    names = FaceNames(connection, roots).of(faces.values())
    return [
        {
            "photos": len(np.unique(row.images[rows])),
            "face_num": len(rows),
            "faces": [
                face_document(faces[number], names[number])
                for number in ids
                if number in faces and names[number]
            ],
        }
        for rows, ids in zip(rows_of, shown, strict=True)
    ]


def _of_different_photos(row: PeopleRow, rows: IntVector) -> list[int]:
    """FACES_SHOWN ids of the faces *rows*, one of each photo before a second one of any."""
    _, first = np.unique(row.images[rows], return_index=True)
    others = np.setdiff1d(np.arange(len(rows)), first)
    chosen = np.concatenate((np.sort(first), others))[:FACES_SHOWN]
    return [int(number) for number in row.faces[rows[chosen]]]
