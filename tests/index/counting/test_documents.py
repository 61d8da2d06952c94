import json

import numpy as np

from index.base.choices import FaceChoice, Linkage
from index.counting.answer import Answer
from index.counting.documents import Document, count_document, error_document, explanation_document
from index.counting.explanation import Explanation, explanation_lines
from index.counting.question import Question
from index.vectors.match_rates import FALSE_MATCH_RATES, FalseMatchRates
from index.vectors.space import Profile, Space
from tests.index.builders import face_row


def question(*filepaths: str, threshold: str = "0.2") -> Question:
    return Question(filepaths, threshold, float(threshold), FaceChoice.KEY, Linkage.SINGLE)


def as_sent(document: Document) -> str:
    """The text that goes over the wire; see service.handlers.routes.BaseHandler.send."""
    return json.dumps(document, ensure_ascii=False)


def test_the_answer_is_the_contracts_to_the_letter() -> None:
    document = count_document(question("a.jpg", "b.jpg"), 2)
    expected = (
        '{"errcode": 1, "filepaths": ["a.jpg", "b.jpg"], "threshold": "0.2", "person_num": 2}'
    )
    assert as_sent(document) == expected


def test_an_error_is_the_contracts_to_the_letter() -> None:
    document = error_document(404, "File does not exist")
    assert as_sent(document) == '{"cord": 404, "error": "File does not exist"}'


def test_names_and_threshold_are_given_back_as_they_came() -> None:
    asked = question("人 +.jpg", "b.jpg", "人 +.jpg", '"quoted"\\', threshold="2e-1")
    document = count_document(asked, 0)
    assert as_sent(document) == (
        '{"errcode": 1, "filepaths": ["人 +.jpg", "b.jpg", "人 +.jpg", "\\"quoted\\"\\\\"], '
        '"threshold": "2e-1", "person_num": 0}'
    )
    assert json.loads(as_sent(document))["filepaths"] == list(asked.filepaths)


def test_numbers_are_numbers_and_the_threshold_is_text() -> None:
    document = count_document(question("a.jpg"), 3)
    types = [type(value) for value in document.values()]
    assert types == [int, list, str, int]


def explained(
    asked: Question,
    answer: Answer,
    vectors: np.ndarray,
    names: dict[int, list[str]],
    measured: dict[str, object] | None = None,
) -> Document:
    space = Space.calibrated(Profile((0.0, 0.0), 0.5, measured or {}))
    explanation = Explanation(asked, answer, vectors, space)
    return explanation_document(asked, explanation, answer, space, names, {7: [3, 5]})


def test_an_explanation_lists_persons_with_faces_and_links_and_what_was_left_out() -> None:
    faces = (
        face_row(7, image_id=1, box=(1.04, 2.06, 30.25, 40), probability=0.98765),
        face_row(8, image_id=2),
        face_row(9, image_id=3),
    )
    vectors = np.array([[1, 0], [0, 1], [0.96, 0.28]], np.float32)
    small = face_row(10, image_id=1, box=(0, 0, 5, 5))
    answer = Answer(faces, np.array([0, 1, 0]), ((small, "small"),))
    names = {1: ["a.jpg", "copy of a.jpg"], 2: ["b.jpg"], 3: ["c.jpg"]}
    document = explained(question("a.jpg", threshold="0.1"), answer, vectors, names)
    assert (document["distance"], document["cosine_cut"]) == (0.25, 0.75)
    assert (document["faces"], document["linkage"]) == ("key", "single")
    first, second = document["persons"]
    assert [face["id"] for face in first["faces"]] == [7, 9]
    assert [face["id"] for face in second["faces"]] == [8]
    assert first["faces"][0] == {
        "id": 7,
        "filepaths": ["a.jpg", "copy of a.jpg"],
        "box": [1.0, 2.1, 30.2, 40],
        "probability": 0.9877,
        "sharpness": 1.0,
        "judgements": [3, 5],
    }
    link = {"faces": [7, 9], "distance": 0.04, "threshold": 0.016, "false_match_rate": None}
    assert (first["links"], first["weakest_link"]) == ([link], link)
    assert (second["links"], second["weakest_link"]) == ([], None)
    [left_out] = document["left_out"]
    assert (left_out["id"], left_out["reason"]) == (10, "small")
    assert json.loads(as_sent(document))["persons"] == document["persons"]


def test_a_link_says_how_often_strangers_are_as_near() -> None:
    table = FalseMatchRates(9, 30_000, (0.01, 0.02), (20, 500))
    answer = Answer((face_row(7), face_row(9, image_id=3)), np.array([0, 0]), ())
    vectors = np.array([[1, 0], [0.96, 0.28]], np.float32)
    names, measured = {1: ["a.jpg"], 3: ["c.jpg"]}, {FALSE_MATCH_RATES: table.to_document()}
    document = explained(question("a.jpg"), answer, vectors, names, measured)
    [person] = document["persons"]
    assert person["weakest_link"]["false_match_rate"] == 0.0166667
    document |= {"person_num": 1, "threshold": "0.2"}
    assert (
        "weakest link at 0.016 (false match rate 0.017 at most)" in explanation_lines(document)[3]
    )


def test_an_explanation_has_the_count_at_every_threshold() -> None:
    faces = (face_row(7), face_row(8, image_id=2))
    vectors = np.array([[1, 0], [0.6, 0.8]], np.float32)
    answer = Answer(faces, np.array([0, 0]), ())
    document = explained(question("a.jpg"), answer, vectors[:, :2], {1: ["a"], 2: ["b"]})
    counts = {point["threshold"]: point["person_num"] for point in document["curve"]}
    assert counts[0.0] == counts[0.1] == 2
    assert counts[0.2] == counts[0.4] == 1
    assert list(counts) == sorted(counts)


def test_an_explanation_of_nothing_is_empty() -> None:
    answer = Answer((), np.empty(0, np.int64), ())
    document = explained(question("a.jpg"), answer, np.empty((0, 2), np.float32), {})
    assert (document["persons"], document["left_out"]) == ([], [])
    assert document["interval"] == {"low": 0, "high": 0}
    json.loads(as_sent(document))
