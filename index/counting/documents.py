"""The JSON documents that callers get. We promise them the keys and their order."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from index.counting.answer import Answer
from index.counting.explanation import EVERY, DoubtfulPair, Explanation, JoiningLink, Person
from index.counting.question import Question
from index.database.queries.faces import FaceRow
from index.vectors.space import Space

Document = dict[str, Any]


def count_document(question: Question, person_num: int) -> Document:
    """The answer of /person_count, exactly as the contract says."""
    return {
        "errcode": 1,
        "filepaths": list(question.filepaths),
        "threshold": question.threshold_text,
        "person_num": person_num,
    }


def error_document(status: int, sentence: str) -> Document:
    """Every error has this shape; the contract spells the key "cord"."""
    return {"cord": status, "error": sentence}


def explanation_document(
    question: Question,
    explanation: Explanation,
    answer: Answer,
    space: Space,
    names: dict[int, list[str]],
    judgements: Mapping[int, Sequence[int]],
    some: slice = EVERY,
) -> Document:
    """How the count came about. Distances are cosine, thresholds are on the caller's scale.

    Args:
        names: the caller's names of each image's files.
        judgements: the ids of those on each face that has any, by face id.
        some: the persons, and the left-out faces, to list.
    """
    low, high = explanation.interval()
    face_of = partial(face_of_question, names, judgements)
    return {
        "distance": space.distance(question.threshold),
        "cosine_cut": space.cut(question.threshold),
        **question.options,
        "interval": {"low": low, "high": high},
        "stable_range": _inward(*explanation.stable_range(), question.threshold),
        "beyond_measured": explanation.is_beyond_measured,
        "curve": [{"threshold": at, "person_num": count} for at, count in explanation.curve],
        "persons": [_person(person, space, face_of) for person in explanation.persons(some)],
        "left_out": [{**face_of(face), "reason": reason} for face, reason in answer.left_out[some]],
        "doubts": [_doubt(doubt, space) for doubt in explanation.doubts()],
    }


def _inward(low: float, high: float, here: float) -> list[float]:
    """Round a range around *here* to four decimals, inwards."""
    low = round(low + 0.5e-4, 4) if low > 0 else 0.0
    return [min(low, here), max(round(high - 0.5e-4, 4), here)]


def _person(person: Person, space: Space, face_of: Callable[[FaceRow], Document]) -> Document:
    links = [_link(link, space) for link in person.links]
    return {
        "faces": [face_of(face) for face in person.faces],
        "links": links,
        "weakest_link": None if not links or person.links[-1].is_said else links[-1],
        "spread": round(person.spread, 4),
        "warnings": list(person.warnings),
    }


def _doubt(doubt: DoubtfulPair, space: Space) -> Document:
    return {
        "faces": [doubt.first, doubt.second],
        "joined": doubt.is_joined,
        "threshold": round(space.threshold(doubt.height), 4),
    }


def _link(link: JoiningLink, space: Space) -> Document:
    # the rates were measured on faces of different photos; strangers in one photo are more alike
    rate = None if link.same_photo else space.false_match_rate(link.distance)
    return {
        "faces": [link.first, link.second],
        "distance": round(link.distance, 4),
        "threshold": round(space.threshold(link.distance), 4),
        "false_match_rate": None if rate is None else float(f"{rate:.6g}"),
        **({"judged": True} if link.is_said else {}),
    }


def face_of_question(
    names: Mapping[int, Sequence[str]], judgements: Mapping[int, Sequence[int]], face: FaceRow
) -> Document:
    """A face with the *names* of its image's files, and the judgements on it; see above."""
    return {
        **face_document(face, names[face.image_id]),
        **({"judgements": list(judgements[face.id])} if face.id in judgements else {}),
    }


def face_document(face: FaceRow, names: Sequence[str]) -> Document:
    """A face, and the *names* of the files that hold its photo."""
    return {
        "id": face.id,
        "filepaths": list(names),
        "box": [round(edge, 1) for edge in face.box],
        "probability": round(face.probability, 4),
        "sharpness": round(face.sharpness, 1),
    }
