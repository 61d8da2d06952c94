from http import HTTPStatus

import numpy as np
import pytest

from index.base.choices import FaceChoice, Linkage
from index.base.errors import RequestError
from index.counting.answer import Answer, answer_question
from index.counting.question import Question
from index.vectors.space import Profile, Space
from tests.index.builders import choose_faces, face_row

SPACE = Space.calibrated(Profile((0.0,) * 4, 0.4))
ALIKE = np.array([[1, 0, 0, 0], [0.8, 0.6, 0, 0]], np.float32)  # at a distance of 0.2


def question(
    threshold: str = "0.2",
    faces: FaceChoice = FaceChoice.KEY,
    linkage: Linkage = Linkage.EVIDENCE,
) -> Question:
    return Question(("a.jpg",), threshold, float(threshold), faces, linkage)


def two_photos() -> list[object]:
    """A large and a small face in photo 1; a pattern and a face in photo 2."""
    return [
        face_row(1, image_id=1, box=(100, 100, 300, 300)),
        face_row(2, image_id=1, box=(500, 400, 530, 430)),
        face_row(3, image_id=2, box=(0, 0, 400, 400), probability=0.7),
        face_row(4, image_id=2, box=(300, 200, 340, 280)),
    ]


@pytest.mark.parametrize(
    ("choice", "counted", "reasons"),
    [
        (FaceChoice.KEY, [1, 4], {2: "small", 3: "improbable"}),
        (FaceChoice.ALL, [1, 2, 3, 4], {}),
        (
            FaceChoice.ONE,
            [1, 3],
            {2: "not the most prominent face", 4: "not the most prominent face"},
        ),
    ],
)
def test_faces_are_counted_or_left_out_with_a_reason(
    choice: FaceChoice, counted: list[int], reasons: dict[int, str]
) -> None:
    chosen, left_out = choose_faces(two_photos(), question(faces=choice), 10)
    assert [face.id for face in chosen] == counted
    assert {face.id: reason for face, reason in left_out} == reasons


def test_more_faces_than_allowed_are_refused_with_both_numbers() -> None:
    chosen, _ = choose_faces(two_photos(), question(), 2)  # those left out do not weigh
    assert len(chosen) == 2
    with pytest.raises(RequestError, match=r"^2 faces are more than the 1 allowed") as refused:
        choose_faces(two_photos(), question(), 1)
    assert refused.value.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.parametrize("linkage", Linkage)
def test_the_threshold_is_the_models_and_exclusive(linkage: Linkage) -> None:
    faces = [face_row(1, image_id=1), face_row(2, image_id=2)]
    for threshold, number in (("0.099", 2), ("0.101", 1), ("0", 2), ("1", 1)):
        answer = answer_question(question(threshold, linkage=linkage), faces, [], ALIKE, SPACE)
        assert answer.person_num == number


def test_faces_of_one_photo_are_told_apart_only_by_evidence() -> None:
    together = [face_row(1, image_id=7), face_row(2, image_id=7)]
    counts = {
        linkage: answer_question(question(linkage=linkage), together, [], ALIKE, SPACE).person_num
        for linkage in Linkage
    }
    assert counts.pop(Linkage.EVIDENCE) == 2
    assert set(counts.values()) == {1}


@pytest.mark.parametrize("linkage", Linkage)
def test_persons_hold_every_face_once_by_first_appearance(linkage: Linkage) -> None:
    vectors = np.eye(4, dtype=np.float32)[[2, 0, 2, 1, 0]]
    faces = [face_row(number, image_id=number) for number in (3, 5, 8, 9, 11)]
    left_out = [(face_row(6, image_id=5), "small")]
    answer = answer_question(question(linkage=linkage), faces, left_out, vectors, SPACE)
    assert answer.person_of.tolist() == [0, 1, 0, 2, 1]
    assert [[face.id for face in group] for group in answer.persons()] == [[3, 8], [5, 11], [9]]
    assert answer.left_out == tuple(left_out)
    assert answer.person_num == 3


@pytest.mark.parametrize("linkage", Linkage)
def test_no_faces_are_nobody(linkage: Linkage) -> None:
    nothing = np.empty((0, 4), np.float32)
    answer = answer_question(question(linkage=linkage), [], [], nothing, SPACE)
    assert (answer.person_num, answer.persons()) == (0, [])


def test_an_answer_without_faces_counts_none() -> None:
    assert Answer((), np.empty(0, np.int64), ()).person_num == 0
