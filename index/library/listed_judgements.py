"""Lists what people said about faces, with the faces of the library that it is about."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from index.counting.judgements import Judgements, match
from index.database.engine import Database
from index.database.queries import faces, generations, judgements, stored_images
from index.database.queries.faces import FaceRow
from index.database.queries.judgements import JudgedFace, JudgementRow
from index.library.judged_faces import JudgedImage
from index.library.judgements import judgements_of

STEP = 500  # judgements that are read at a time


class JudgementState(StrEnum):
    """What a judgement does at present."""

    HOLDS = "holds"
    LOST = "lost"  # it holds, but a face of it is not in the library, or no longer found
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class ListedJudgement:
    """A judgement as the list shows it.

    Attributes:
        faces: those of the active generation that it is about, in its order; None: not there.
        undone: the entry that took it back.
    """

    row: JudgementRow
    state: JudgementState
    faces: tuple[FaceRow | None, ...]
    undone: JudgementRow | None = None


def lost(connection: Connection, held: Judgements) -> list[int]:
    """The ids of judgements on a face that the active generation did not find, or does not have."""
    there = _found(connection, held, held.of_face)
    return [row.id for row in held.rows.values() if not there.keys() >= {*row.faces}]


def lost_now(database: Database) -> set[int]:
    """The same of a library as it is now."""
    with database.read() as connection:
        return set(lost(connection, judgements_of(connection)))


def list_judgements(
    connection: Connection,
    limit: int,
    state: JudgementState | None = None,
    before: int | None = None,
    content: bytes | None = None,
) -> list[ListedJudgement]:
    """Judgements, the newest first.

    Args:
        state: only those in this state; None: those that hold, lost or not.
        before: only those with smaller ids.
        content: only those on the image with this SHA-256.
    """
    listed: list[ListedJudgement] = []
    while len(listed) < limit:
        undone = state is JudgementState.UNDONE
        step = limit if undone or state is None else max(limit, STEP)  # some are in another state
        rows = judgements.page(connection, step, before=before, content=content, undone=undone)
        some = listed_judgements(connection, rows)
        listed += [one for one in some if state in (None, one.state)]
        if len(rows) < step:
            break
        before = rows[-1].id
    return listed[:limit]


def listed_judgements(
    connection: Connection, rows: Sequence[JudgementRow]
) -> list[ListedJudgement]:
    """The judgements *rows*, none of which undoes another, with their states and faces."""
    there = _found(connection, judgements_of(connection), {f for row in rows for f in row.faces})
    undone = judgements.undoing(connection, [row.id for row in rows])
    return [_listed(row, there, undone.get(row.id)) for row in rows]


def _listed(
    row: JudgementRow, there: dict[JudgedFace, FaceRow], undone: JudgementRow | None
) -> ListedJudgement:
    found = tuple(there.get(face) for face in row.faces)
    state = JudgementState.LOST if None in found else JudgementState.HOLDS
    return ListedJudgement(row, JudgementState.UNDONE if undone else state, found, undone)


def _found(
    connection: Connection, held: Judgements, judged: Collection[JudgedFace]
) -> dict[JudgedFace, FaceRow]:
    """The faces of the active generation that are those of *judged*."""
    generation = generations.active(connection)
    if generation is None:
        return {}
    digests = {face.sha256 for face in judged}
    images = stored_images.image_ids(connection, digests)
    in_image: dict[int, dict[int, FaceRow]] = {}
    for row in faces.faces_of(connection, generation.id, sorted(images.values())):
        in_image.setdefault(row.image_id, {})[row.id] = row
    there: dict[JudgedFace, FaceRow] = {}
    for digest, image in images.items():
        rows = in_image.get(image, {})
        found = JudgedImage.of(held, digest, {number: row.box for number, row in rows.items()})
        there |= {face: rows[number] for number, face in found.judged.items()}
    # nothing holds any more on these: they compete with none
    rest = (face for face in judged if face not in held.of_face and face.sha256 in images)
    return there | _found_alone(rest, {digest: in_image.get(n, {}) for digest, n in images.items()})


def _found_alone(
    judged: Iterable[JudgedFace], rows_of: dict[bytes, dict[int, FaceRow]]
) -> dict[JudgedFace, FaceRow]:
    there = {}
    for face in judged:
        rows = list(rows_of[face.sha256].values())
        place = match([face.box], [row.box for row in rows])
        if place:
            there[face] = rows[place[0]]
    return there
