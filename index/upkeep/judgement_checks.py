"""Checks what people said about faces: every entry by itself, and all of them together."""

from collections.abc import Iterator, Sequence

from index.counting.judgements import Judgements, that_hold
from index.database.queries.judgements import JudgedFace, JudgementRow, NewJudgement
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
    """The ids of those that hold and contradict earlier ones."""
    held = Judgements()
    for row in that_hold(rows):
        if held.contradiction(NewJudgement(row.verdict, row.faces)):
            yield row.id
        else:
            held.take(row)
