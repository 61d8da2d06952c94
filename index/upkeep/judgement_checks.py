"""Checks what people said about faces: every entry by itself, and all of them together."""

from collections.abc import Iterator, Sequence

from index.counting.partition import Partition
from index.database.queries.judgements import JudgedFace, JudgementRow
from index.database.states import Verdict

_FACES = {Verdict.SAME: (2,), Verdict.DIFFERENT: (2,), Verdict.NOT_A_PERSON: (1,)}
_SHA256_BYTES = 32


def inconsistencies(rows: Sequence[JudgementRow]) -> list[str]:
    """One sentence for each entry that is malformed or contradicts the others."""
    by_id = {row.id: row for row in rows}
    problems = [f"judgement {row.id} {fault}" for row in rows for fault in _faults(row, by_id)]
    return problems or [f"judgement {number} contradicts earlier ones" for number in _wrong(rows)]


def _faults(row: JudgementRow, by_id: dict[int, JudgementRow]) -> Iterator[str]:
    if not all(_is_face(face) for face in row.faces):
        yield "names no face: its digest or box is malformed"
    if row.verdict is Verdict.UNDO:
        undone = by_id.get(row.undoes or 0)
        if undone is None or undone.id >= row.id or undone.faces != row.faces:
            yield "undoes an entry that is not there"
    elif len(row.faces) not in _FACES[row.verdict] or row.undoes is not None:
        yield f"is no judgement {row.verdict}"


def _is_face(face: JudgedFace) -> bool:
    x1, y1, x2, y2 = face.box
    return len(face.sha256) == _SHA256_BYTES and x1 < x2 and y1 < y2


def _wrong(rows: Sequence[JudgementRow]) -> Iterator[int]:
    """The ids of those that contradict earlier ones that hold."""
    undone = {row.undoes for row in rows}
    held = [row for row in rows if row.verdict is not Verdict.UNDO and row.id not in undone]
    number: dict[JudgedFace, int] = {}
    sets = Partition()
    joined, no_person = set[JudgedFace](), set[JudgedFace]()
    for row in held:
        one, *others = (number.setdefault(face, len(number)) for face in row.faces)
        while sets.count < len(number):
            sets.add()
        if row.verdict is Verdict.NOT_A_PERSON:
            is_wrong = not joined.isdisjoint(row.faces)
            no_person.update(row.faces)
        elif row.verdict is Verdict.SAME:
            is_wrong = not (sets.may_join(one, others[0]) and no_person.isdisjoint(row.faces))
            sets.join(one, others[0])
            joined.update(row.faces)
        else:
            is_wrong = sets.root(one) == sets.root(others[0])
            sets.keep_apart(one, others[0])
        if is_wrong:
            yield row.id
