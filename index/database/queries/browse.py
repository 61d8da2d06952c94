"""Queries for the page: the list of files, and the place of a face in its photo."""

import unicodedata
from dataclasses import dataclass

import numpy as np
from sqlalchemy import ColumnElement, Connection, case, func, or_, select

from index.base.turns import quarter_turns
from index.database.engines import engine_of
from index.database.schema import Face, File, Generation, Image
from index.database.states import FileState, GenerationState

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Filter:
    """Chooses the files of the list.

    Attributes:
        roots: real paths; files below the first one have names relative to it.
        search: a part of the name, upper or lower case; empty: any.
        state: only files in this state; None: all but those that are no photos.
        before: only files with a smaller id, so first seen earlier; None: all.
    """

    roots: tuple[str, ...]
    search: str = ""
    state: FileState | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file as the list shows it.

    Attributes:
        name: as a caller would write it.
        reason: why it failed or is no photo, else None.
        image_id: its content; None: not known yet.
        note: what is wrong with a file that was read all the same, else None.
    """

    id: int
    name: str
    state: FileState
    reason: str | None
    image_id: int | None
    note: str | None


def list_files(connection: Connection, chosen: Filter, limit: int) -> list[ListedFile]:
    """List files, the newest (first seen last) first.

    The conditions on paths and on the state indexed are written so that SQLite cannot use an index
    for them. With one it would sort a million rows to show fifty of them.
    """
    name = _name(chosen.roots[0])
    note = select(Image.note).where(Image.id == File.image_id).scalar_subquery()
    some = select(File.id, name, File.state, File.error, File.image_id, note)
    some = some.where(or_(*[_is_below(root) for root in chosen.roots]))
    if chosen.before is not None:
        some = some.where(File.id < chosen.before)
    if chosen.search:
        some = some.where(_contains(connection, name, chosen.search))
    if chosen.state is FileState.INDEXED:
        some = some.where(func.coalesce(File.state, "") == chosen.state)
    elif chosen.state is None:  # questions need no files that are no photos
        some = some.where(func.coalesce(File.state, "") != FileState.NO_PHOTO)
    else:
        some = some.where(File.state == chosen.state)  # few rows: an index is welcome
    rows = connection.execute(some.order_by(File.id.desc()).limit(limit)).all()
    return [ListedFile(row[0], row[1], FileState(row[2]), *row[3:]) for row in rows]


def _is_below(root: str) -> ColumnElement[bool]:
    prefix = root.rstrip("/") + "/"
    return func.substr(File.path, 1, len(prefix)) == prefix


def _name(inbox: str) -> ColumnElement[str]:
    start = len(inbox.rstrip("/")) + 2
    return case((_is_below(inbox), func.substr(File.path, start)), else_=File.path)


def _contains(connection: Connection, name: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Whether *name* holds *text*, in upper or lower case.

    Both Unicode forms are tried: in names from some systems é is an e and an accent.
    """
    forms = dict.fromkeys(unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    holds_text = engine_of(connection).holds_text
    return or_(*[holds_text(name, list(map(_cases, form))) for form in forms])


def _cases(char: str) -> str:
    """A character in all cases that are one character."""
    return "".join(sorted({form for form in (char, char.lower(), char.upper()) if len(form) == 1}))


@dataclass(frozen=True, slots=True)
class FacePlace:
    """The photo of a face, and its box in the photo.

    Attributes:
        box: x1, y1, x2, y2 in pixels of the upright photo.
        size: width and height of the upright photo in pixels.
        turn: the quarter turns anticlockwise that bring the face upright in it, 0 to 3.
    """

    image_id: int
    sha256: bytes
    box: Box
    size: tuple[int, int]
    turn: int


def face_place(connection: Connection, face_id: int) -> FacePlace | None:
    """The place of a face of the active generation, or None if there is no such face."""
    row = connection.execute(
        select(
            Face.image_id,
            Image.sha256,
            Face.x1,
            Face.y1,
            Face.x2,
            Face.y2,
            Image.width,
            Image.height,
            Face.landmarks,
        )
        .join(Image, Image.id == Face.image_id)
        .join(Generation, Generation.id == Face.generation_id)
        .where(Face.id == face_id, Generation.state == GenerationState.ACTIVE)
    ).one_or_none()
    if row is None:
        return None
    (turn,) = quarter_turns(np.frombuffer(row[8], "<f4")).tolist()
    return FacePlace(row[0], row[1], (row[2], row[3], row[4], row[5]), (row[6], row[7]), turn)
