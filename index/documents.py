"""The JSON documents that callers get; their keys and order are promised to them."""

from typing import Any

from index.answer import Answer
from index.question import Question
from index.space import Space
from index.store.library import FaceRow

Document = dict[str, Any]


def count_document(question: Question, person_num: int) -> Document:
    """The answer of /person_count, to the contract's letter."""
    return {
        "errcode": 1,
        "filepaths": list(question.filepaths),
        "threshold": question.threshold_text,
        "person_num": person_num,
    }


def error_document(status: int, sentence: str) -> Document:
    """Every error has this shape; the contract spells the key "cord"."""
    return {"cord": status, "error": sentence}


def explanation(
    question: Question, answer: Answer, space: Space, model_id: str, names: dict[int, list[str]]
) -> Document:
    """How the count came about.

    Args:
        names: the caller's names of each image's files.
    """
    return {
        "model": model_id,
        "distance": space.distance(question.threshold),
        "cosine_cut": space.cut(question.threshold),
        "faces": question.faces,
        "linkage": question.linkage,
        "persons": [
            {"faces": [_face(face, names) for face in faces]} for faces in answer.persons()
        ],
        "left_out": [{**_face(face, names), "reason": reason} for face, reason in answer.left_out],
    }


def _face(face: FaceRow, names: dict[int, list[str]]) -> Document:
    return {
        "id": face.id,
        "filepaths": names[face.image_id],
        "box": [round(edge, 1) for edge in face.box],
        "probability": round(face.probability, 4),
    }
