"""Compares two lists of photos: who is in both, and who only in one of them.

All faces are grouped at once, as in a question about both lists. So a person is one person in both,
and the numbers agree: in_a = only_a + in_both, and person_num = only_a + in_both + only_b.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from index.base.errors import bad_request
from index.base.parameters import check_known
from index.base.paths import on_one_line
from index.base.plurals import counted
from index.counting.answer import Answer
from index.counting.documents import Document, face_of_question
from index.counting.explanation import BEYOND, is_beyond_measured
from index.counting.question import FILEPATH, PARAMETERS, Question, build_question

if TYPE_CHECKING:
    from index.base.settings import Settings

BOTH, ONLY_A, ONLY_B = "both", "a", "b"
SIDES = (BOTH, ONLY_A, ONLY_B)

Names = Mapping[int, Sequence[str]]  # of the files in one list that hold an image, by image


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two lists of files and folders, and the question about both."""

    a: tuple[str, ...]
    b: tuple[str, ...]
    question: Question


def build_comparison(
    a: Sequence[str], b: Sequence[str], given: Mapping[str, Sequence[str]], settings: "Settings"
) -> Comparison:
    """Check two lists, and the parameters of the question about both, each with all its values.

    Raises:
        RequestError: 400 or 413; its text names the mistake.
    """
    check_known(given, [parameter.name for parameter in PARAMETERS])
    for name, files in (("a", a), ("b", b)):
        if not files:
            raise bad_request(f"the list {name} is empty; name a file or a folder in it")
    question = build_question({FILEPATH: [*a, *b], **given}, settings, in_json=True)
    return Comparison(tuple(a), tuple(b), question)


def comparison_document(
    comparison: Comparison,
    answer: Answer,
    images: Sequence[tuple[str, int]],
    folders: Mapping[str, Sequence[str]],
    judgements: Mapping[int, Sequence[int]],
) -> Document:
    """How many persons are in each list and in both, and who; those in both come first.

    Args:
        images: the name and the image of every file of the question.
        folders: the names of the files in each folder that is in a list.
        judgements: the ids of those on each face that has any, by face id.
    """
    names = [_names_by_image(given, images, folders) for given in (comparison.a, comparison.b)]
    persons = []
    for faces in answer.persons():
        a, b = (
            [face_of_question(some, judgements, face) for face in faces if face.image_id in some]
            for some in names
        )
        persons.append({"in": BOTH if a and b else ONLY_A if a else ONLY_B, "a": a, "b": b})
    persons.sort(key=lambda person: SIDES.index(person["in"]))
    number = Counter(person["in"] for person in persons)
    return {
        "a": list(comparison.a),
        "b": list(comparison.b),
        "threshold": comparison.question.threshold_text,
        "person_num": answer.person_num,
        "in_a": number[BOTH] + number[ONLY_A],
        "in_b": number[BOTH] + number[ONLY_B],
        "in_both": number[BOTH],
        "only_a": number[ONLY_A],
        "only_b": number[ONLY_B],
        **comparison.question.options,
        "beyond_measured": is_beyond_measured(len(answer.faces), answer.person_num),
        "persons": persons,
    }


def _names_by_image(
    given: Sequence[str], images: Sequence[tuple[str, int]], folders: Mapping[str, Sequence[str]]
) -> Names:
    """The names of each image's files in the list *given*; see comparison_document()."""
    inside = {file for name in given for file in folders.get(name, (name,))}
    found: dict[int, list[str]] = {}
    for name, image in images:
        if name in inside:
            found.setdefault(image, []).append(name)
    return found


def comparison_lines(document: Document) -> list[str]:
    """The document as text for a terminal."""
    where = {BOTH: "in both", ONLY_A: "only in the first", ONLY_B: "only in the second"}
    lines = [
        f"{counted(document['person_num'], 'person')} at threshold {document['threshold']}",
        f"in both: {document['in_both']}",
        f"only in the first: {document['only_a']}, of {document['in_a']} there",
        f"only in the second: {document['only_b']}, of {document['in_b']} there",
        *([BEYOND] if document["beyond_measured"] else []),
    ]
    for number, person in enumerate(document["persons"], start=1):
        files = dict.fromkeys(
            name for side in ("a", "b") for face in person[side] for name in face["filepaths"]
        )
        lines.append(
            f"person {number}, {where[person['in']]}: {', '.join(map(on_one_line, files))}"
        )
    return lines
