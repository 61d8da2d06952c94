"""Every way of counting gives a poor photo less weight: answers, explanations, rows, evaluation.

Six clear faces of a person, and one as far from them as a poor photo is. If it weighs as much as
they do, it is a person of its own; with an embedding of half their length it is not.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from index.base.choices import FaceChoice, Linkage
from index.counting.answer import answer_question
from index.counting.explanation import Explanation
from index.counting.judged import Judged
from index.counting.question import Question
from index.database.engine import Database
from index.database.queries.generations import create
from index.database.queries.stored_images import NewImage
from index.database.states import GenerationState
from index.evaluation.counted_people import CountedPeople
from index.evaluation.evaluation import evaluate
from index.evaluation.judged import judged_at
from index.library.row_grouping import group_rows
from index.vectors.space import Profile, Scatter, Space
from tests.index.builders import Matrix, face_row, index_file, new_face, unit

DIM, USUAL, POOR = 16, 70.0, 35.0
PROFILE = Profile((0.0,) * DIM, 0.4, scatter=Scatter(0.66, 0.3, 10.0, norm=USUAL))
SPACE = Space.calibrated(PROFILE)
PHOTOS = np.arange(7)
QUESTION = Question(("a.jpg",), "0.2", 0.2, FaceChoice.KEY, Linkage.EVIDENCE)


def faces() -> Matrix:
    rows = np.zeros((7, DIM))
    rows[:, 0] = 1.0
    rows[np.arange(6), np.arange(1, 7)] = 0.5
    rows[6, [0, 8]] = 0.35, 0.95
    return unit(rows)


def raw(last: float) -> Matrix:
    """Embeddings of the usual length, but for the poor face's."""
    return np.array(faces() * np.array([USUAL] * 6 + [last])[:, None], np.float32)


def answered(last: float, judged: Judged | None = None) -> int:
    norms = [USUAL] * 6 + [last]
    rows = [face_row(n + 1, image_id=n + 1, embedding_norm=norm) for n, norm in enumerate(norms)]
    return answer_question(QUESTION, rows, [], faces(), SPACE, judged).person_num


def answered_with_judgements(last: float) -> int:
    return answered(last, Judged(PHOTOS, np.array([0, 0, 2, 3, 4, 5, 6]), ()))


def explained(last: float) -> int:
    norms = [USUAL] * 6 + [last]
    rows = [face_row(n + 1, image_id=n + 1, embedding_norm=norm) for n, norm in enumerate(norms)]
    near = replace(QUESTION, threshold=0.15)
    answer = answer_question(near, rows, [], faces(), SPACE)
    return Explanation(near, answer, faces(), SPACE).count_at(0.2)


def calibrated(last: float) -> int:
    return CountedPeople.count(raw(last), PHOTOS, PROFILE).number


def of_judgements(last: float) -> int:
    (found,) = judged_at(raw(last), PHOTOS, [(0, 6)], [], SPACE, Linkage.EVIDENCE, [0.2])
    return 2 - found.same


def evaluated(last: float) -> int:
    """Another person, far from both, is drawn with them."""
    stranger = np.zeros((7, DIM), np.float32)
    stranger[:, 12] = USUAL
    stranger[:, 15] = np.arange(7)
    both = np.concatenate((raw(last), stranger))
    people = ["one"] * 7 + ["two"] * 7
    arguments = both, people, SPACE, Linkage.EVIDENCE, 0.2, [(2, 7)], 3, 0, lambda *_: None
    found = evaluate(*arguments, np.arange(len(both)))
    return 1 + round(found.sizes[0].at_threshold.bias)


@pytest.mark.parametrize(
    "count",
    [answered, answered_with_judgements, explained, calibrated, of_judgements, evaluated],
)
def test_a_poor_photo_joins_its_person(count: Callable[[float], int]) -> None:
    assert (count(USUAL), count(POOR)) == (2, 1)


@pytest.mark.engines
@pytest.mark.parametrize(("last", "persons"), [(USUAL, 2), (POOR, 1)])
def test_faces_in_rows_have_their_weights(database: Database, last: float, persons: int) -> None:
    with database.write() as connection:
        generation = create(
            connection,
            model_id="weighed",
            model="weighed",
            profile=PROFILE.to_json(),
            state=GenerationState.ACTIVE,
            now=0.0,
        )
    images = [
        index_file(
            database,
            generation.id,
            f"/{number}",
            NewImage(hashlib.sha256(bytes([number])).digest(), (640, 480), [new_face(vector)]),
        )
        for number, vector in enumerate(raw(last))
    ]
    with database.read() as connection:
        _, person_of = group_rows(
            connection, generation.id, SPACE, images, 0.2, Linkage.EVIDENCE, FaceChoice.KEY
        )
    assert int(person_of.max()) + 1 == persons
