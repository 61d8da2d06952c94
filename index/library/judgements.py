"""Reads, adds and undoes what people said about faces."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from sqlalchemy import Connection

from index.base.errors import RequestError, bad_request
from index.counting.judgements import Judgements
from index.database.queries import judgements
from index.database.queries.judgements import JudgementRow, NewJudgement
from index.database.states import Verdict

MAX_NOTE = 500  # characters


def faces_judged(verdict: Verdict) -> int:
    """How many faces a judgement is about."""
    return 1 if verdict is Verdict.NOT_A_PERSON else 2


def check_note(note: object) -> str:
    """Return *note* if it can be one.

    Raises:
        RequestError: 400, it cannot.
    """
    if not isinstance(note, str) or not note or len(note) > MAX_NOTE or "\0" in note:
        raise bad_request(f"a note is a text of 1 to {MAX_NOTE} characters")
    try:
        note.encode("utf-8")
    except UnicodeEncodeError as error:
        raise bad_request("a note is not valid Unicode") from error
    return note


def judgements_of(connection: Connection) -> Judgements:
    """All that hold; kept with the connection until one is added or erased."""
    version = judgements.version(connection)
    kept: tuple[tuple[int, int], Judgements] | None = connection.info.get(Judgements)
    if kept is None or kept[0] != version:
        rows = judgements.all_rows(connection) if version[1] else []
        kept = connection.info[Judgements] = version, Judgements.of(rows)
    return kept[1]


class ContradictionError(RequestError):
    """A judgement contradicts earlier ones.

    Attributes:
        chain: the ids of those, in the order of the argument.
    """

    def __init__(self, sentence: str, chain: Sequence[int]) -> None:
        super().__init__(HTTPStatus.CONFLICT, sentence)
        self.chain = tuple(chain)


def contradiction_sentence(new: NewJudgement, chain: Sequence[int]) -> str:
    """Why *new* cannot be added, in one sentence."""
    numbers = ", ".join(map(str, chain))
    earlier = f"judgement {numbers}" if len(chain) == 1 else f"judgements {numbers} together"
    says = {
        Verdict.SAME: "the faces are the same person",
        Verdict.DIFFERENT: "the faces are different persons",
        Verdict.NOT_A_PERSON: "the face is not a person",
    }[new.verdict]
    verb = "contradicts" if len(chain) == 1 else "contradict"
    return f"{earlier} {verb} that {says}; undo one of these first"


def record(
    connection: Connection, new: Sequence[NewJudgement], at: float, author: str
) -> list[JudgementRow]:
    """Add judgements, all or none, in a write transaction. One that is there already is kept.

    Returns: the rows, in order.

    Raises:
        ContradictionError: one contradicts earlier ones, perhaps of the same list.
    """
    held = Judgements.of(judgements.all_rows(connection))
    last = judgements.version(connection)[0]
    found: list[JudgementRow] = []
    for one in new:
        try:
            found.append(record_beside(held, connection, one, at, author))
        except ContradictionError as error:
            if max(error.chain) <= last:
                raise
            # those of the list will never have had an id
            places = {row.id: place for place, row in enumerate(found, 1) if row.id > last}
            raise ContradictionError(
                _sentence_in_list(len(found) + 1, error.chain, places), error.chain
            ) from error
    return found


def _sentence_in_list(place: int, chain: Sequence[int], places: Mapping[int, int]) -> str:
    others = [
        f"number {places[number]}" if number in places else f"judgement {number}"
        for number in chain
    ]
    return f"number {place} of the list contradicts {' and '.join(others)}"


def record_beside(
    held: Judgements, connection: Connection, new: NewJudgement, at: float, author: str
) -> JudgementRow:
    """Add one judgement to all that are stored, which are *held*, and to these; see record()."""
    faces = tuple(held.known(face) for face in new.faces)
    known = new._replace(faces=faces)
    row = held.equal_to(known)
    if row is None:
        if len(set(faces)) < len(faces):
            raise RequestError(
                HTTPStatus.BAD_REQUEST, "a judgement on two faces names one face twice"
            )
        if chain := held.contradiction(known):
            raise ContradictionError(contradiction_sentence(known, chain), chain)
        [row] = judgements.add(connection, [known], at, author)
        held.take(row)
    return row


def undo(connection: Connection, number: int, at: float, author: str) -> JudgementRow:
    """Take a judgement back, in a write transaction. Returns the entry that does.

    Raises:
        RequestError: 404, there is no such judgement; 409, it was undone already.
    """
    rows = {row.id: row for row in judgements.all_rows(connection)}
    row = rows.get(number)
    if row is None or row.verdict is Verdict.UNDO:
        raise RequestError(HTTPStatus.NOT_FOUND, f"there is no judgement {number}")
    if any(other.undoes == number for other in rows.values()):
        raise RequestError(HTTPStatus.CONFLICT, f"judgement {number} was undone already")
    new = NewJudgement(Verdict.UNDO, row.faces, undoes=number)
    return judgements.add(connection, [new], at, author)[0]
