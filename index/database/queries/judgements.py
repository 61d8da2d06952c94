"""Judgements: stores what people said about faces. Rows are only added, but for erasures."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, or_, select

from index.database.engines.statements import fetch_all
from index.database.queries.lookup import in_lists
from index.database.schema import Face as FaceTable
from index.database.schema import Generation, Image, Judgement, table
from index.database.states import GenerationState, Verdict

Box = tuple[float, float, float, float]


class JudgedFace(NamedTuple):
    """A face by its content: the same in every library, generation and folder.

    Attributes:
        sha256: of the image.
        box: x1, y1, x2, y2 in pixels of the upright image, as it was when it was first judged.
    """

    sha256: bytes
    box: Box


class JudgementRow(NamedTuple):
    """A stored judgement, or the entry that takes one back.

    Attributes:
        faces: two, or the one that is no person.
        undoes: the id of the entry that this one takes back.
        at: seconds since 1970.
        author: the name of the token that sent it.
    """

    id: int
    verdict: Verdict
    faces: tuple[JudgedFace, ...]
    undoes: int | None
    at: float
    author: str
    note: str | None


class NewJudgement(NamedTuple):
    """A judgement about to be stored; see JudgementRow."""

    verdict: Verdict
    faces: tuple[JudgedFace, ...]
    note: str | None = None
    undoes: int | None = None


_NAMES = ("sha256", "x1", "y1", "x2", "y2")
_OTHER = tuple(f"other_{name}" for name in _NAMES)
_ALL = select(Judgement.__table__).order_by(Judgement.id)
_UNDONE = select(Judgement.undoes).where(Judgement.undoes.is_not(None))


def version(connection: Connection) -> tuple[int, int]:
    """Two numbers that are others after any change; cheap."""
    last, count = fetch_all(connection, "SELECT max(id), count(*) FROM judgements")[0]
    return last or 0, count


def add(
    connection: Connection, new: Iterable[NewJudgement], at: float, author: str
) -> list[JudgementRow]:
    """Store judgements in order."""
    found = []
    for one in new:
        number = connection.scalar(
            insert(table(Judgement)).returning(Judgement.id), _values(one, at, author)
        )
        found.append(
            JudgementRow(number or 0, one.verdict, one.faces, one.undoes, at, author, one.note)
        )
    return found


def _values(one: NewJudgement, at: float, author: str) -> dict[str, Any]:
    first, *others = one.faces
    values: dict[str, Any] = {"verdict": one.verdict, "undoes": one.undoes, "note": one.note}
    values |= {"at": at, "author": author}
    values |= dict(zip(_NAMES, (first.sha256, *first.box), strict=True))
    for other in others:
        values |= dict(zip(_OTHER, (other.sha256, *other.box), strict=True))
    return values


def all_rows(connection: Connection) -> list[JudgementRow]:
    """Every entry, the oldest first."""
    return [_row(row) for row in connection.execute(_ALL).mappings()]


def page(
    connection: Connection,
    limit: int,
    *,
    before: int | None = None,
    content: bytes | None = None,
    undone: bool = False,
) -> list[JudgementRow]:
    """Judgements, the newest first, without the entries that undo others.

    Args:
        before: only those with smaller ids.
        content: only those on the image with this SHA-256.
        undone: those that were undone, instead of those that hold.
    """
    chosen = select(Judgement.__table__).where(
        Judgement.verdict != Verdict.UNDO,
        Judgement.id.in_(_UNDONE) if undone else Judgement.id.not_in(_UNDONE),
    )
    if before is not None:
        chosen = chosen.where(Judgement.id < before)
    if content is not None:
        chosen = chosen.where(or_(Judgement.sha256 == content, Judgement.other_sha256 == content))
    rows = connection.execute(chosen.order_by(Judgement.id.desc()).limit(limit))
    return [_row(row) for row in rows.mappings()]


def undoing(connection: Connection, ids: Sequence[int]) -> dict[int, JudgementRow]:
    """The entries that undo those of the judgements *ids* that were undone, by id of the latter."""
    found: dict[int, JudgementRow] = {}
    for some in in_lists(ids):
        chosen = select(Judgement.__table__).where(Judgement.undoes.in_(some))
        for row in map(_row, connection.execute(chosen).mappings()):
            if row.undoes is not None:
                found[row.undoes] = row
    return found


def _row(row: Any) -> JudgementRow:  # noqa: ANN401 - sqlalchemy's
    faces = [JudgedFace(row["sha256"], tuple(row[name] for name in _NAMES[1:]))]
    if row["other_sha256"] is not None:
        box = tuple(row[name] for name in _OTHER[1:])
        faces.append(JudgedFace(row["other_sha256"], box))
    return JudgementRow(
        row["id"],
        Verdict(row["verdict"]),
        tuple(faces),
        row["undoes"],
        row["at"],
        row["author"],
        row["note"],
    )


def faces_by_id(connection: Connection, ids: Sequence[int]) -> dict[int, JudgedFace]:
    """The faces *ids* of the active generation by their content; unknown ones are missing."""
    found: dict[int, JudgedFace] = {}
    face = FaceTable
    for some in in_lists(ids):
        rows = connection.execute(
            select(face.id, Image.sha256, face.x1, face.y1, face.x2, face.y2)
            .join(Image, Image.id == face.image_id)
            .join(Generation, Generation.id == face.generation_id)
            .where(face.id.in_(some), Generation.state == GenerationState.ACTIVE)
        )
        found |= {row[0]: JudgedFace(row[1], (row[2], row[3], row[4], row[5])) for row in rows}
    return found


def contents(connection: Connection) -> set[bytes]:
    """The SHA-256 of every image that an entry names."""
    rows = connection.execute(select(Judgement.sha256, Judgement.other_sha256))
    return {digest for row in rows for digest in row if digest is not None}


def erase(connection: Connection, sha256s: Collection[bytes]) -> int:
    """Remove every entry on images with these digests. Returns how many."""
    gone = 0
    for some in in_lists(list(sha256s)):
        found = connection.execute(
            delete(Judgement).where(
                or_(Judgement.sha256.in_(some), Judgement.other_sha256.in_(some))
            )
        )
        gone += found.rowcount
    return gone
