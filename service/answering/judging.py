"""Records, lists and undoes judgements for callers. It blocks: use a thread."""

import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import NamedTuple

from sqlalchemy import Connection

from index.base.errors import RequestError
from index.base.paths import Finder, Roots
from index.counting.documents import Document
from index.database.engine import Database
from index.database.queries import judgements, stored_images
from index.database.queries.faces import FaceRow
from index.database.queries.files import files_of
from index.database.queries.judgements import JudgedFace, JudgementRow, NewJudgement
from index.database.states import Verdict
from index.library.holders import names_of_holders
from index.library.judgements import record, undo
from index.library.known_files import FileStatus, look_up
from index.library.listed_judgements import (
    JudgementState,
    ListedJudgement,
    list_judgements,
    listed_judgements,
)

NOBODY = "without token"  # no token's name: those have no space


class Said(NamedTuple):
    """A judgement as a caller gives it: on the faces with these ids."""

    verdict: Verdict
    faces: tuple[int, ...]
    note: str | None


class Judging:
    """What callers say about faces."""

    def __init__(self, database: Database, roots: Roots) -> None:
        self._database = database
        self._roots = roots

    def record(self, said: Sequence[Said], author: str | None) -> Document:
        """Add judgements, all or none, and answer with them. Those that are there are kept.

        Args:
            author: the name of the caller's token.

        Raises:
            RequestError: 404, there is no such face; 409, one contradicts earlier ones.
        """
        wanted = sorted({face for one in said for face in one.faces})
        with self._database.write() as connection:
            faces = judgements.faces_by_id(connection, wanted)
            if missing := [face for face in wanted if face not in faces]:
                raise RequestError(HTTPStatus.NOT_FOUND, f"there is no face {missing[0]}")
            new = [
                NewJudgement(one.verdict, tuple(faces[face] for face in one.faces), one.note)
                for one in said
            ]
            rows = record(connection, new, time.time(), author or NOBODY)
            return {"judgements": self._documents(connection, rows)}

    def undo(self, number: int, author: str | None) -> Document:
        """Take a judgement back, and answer with it.

        Raises:
            RequestError: 404, there is no such judgement; 409, it was undone already.
        """
        with self._database.write() as connection:
            undo(connection, number, time.time(), author or NOBODY)
            rows = judgements.page(connection, 1, before=number + 1, undone=True)
            return self._documents(connection, rows)[0]

    def page(
        self,
        limit: int,
        state: JudgementState | None,
        before: int | None,
        name: str | None,
    ) -> Document:
        """A page of the list, the newest first, and where the next one begins.

        Args:
            name: only judgements on the photo in this file.

        Raises:
            RequestError: 404, 422 or 503 because of the file.
        """
        content = None if name is None else self._content(name)
        with self._database.read() as connection:
            found = list_judgements(connection, limit + 1, state, before, content)
            shown = self._shown(connection, found[:limit])
        return {
            "judgements": shown,
            "next": str(found[limit - 1].row.id) if len(found) > limit else None,
        }

    def _content(self, name: str) -> bytes:
        """The SHA-256 of the photo in a file."""
        [file], _ = look_up(self._database, self._roots, [name])
        if file.status is FileStatus.UNKNOWN:
            raise RequestError(HTTPStatus.NOT_FOUND, "File does not exist")
        if file.status is FileStatus.PENDING:
            raise RequestError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the file is still being indexed; ask again later",
                retry_after_seconds=5,
            )
        with self._database.read() as connection:
            images = [] if file.image_id is None else [file.image_id]
            digests = stored_images.digests_of(connection, images)
        return next(iter(digests.values()), b"")

    def _documents(self, connection: Connection, rows: Sequence[JudgementRow]) -> list[Document]:
        return self._shown(connection, listed_judgements(connection, rows))

    def _shown(self, connection: Connection, listed: Sequence[ListedJudgement]) -> list[Document]:
        finder = Finder(self._roots)
        images = {face.image_id for one in listed for face in one.faces if face is not None}
        names = {
            image: names_of_holders(self._roots, finder, files_of(connection, image))
            for image in images
        }
        return [_document(one, names) for one in listed]


def _document(one: ListedJudgement, names: dict[int, list[str]]) -> Document:
    row, undone = one.row, one.undone
    return {
        "id": row.id,
        "verdict": row.verdict,
        "state": one.state,
        "faces": [
            _face(judged, face, names) for judged, face in zip(row.faces, one.faces, strict=True)
        ],
        "at": row.at,
        "author": row.author,
        **({"note": row.note} if row.note else {}),
        **({"undone": {"at": undone.at, "author": undone.author}} if undone else {}),
    }


def _face(judged: JudgedFace, face: FaceRow | None, names: dict[int, list[str]]) -> Document:
    return {
        "id": None if face is None else face.id,
        "filepaths": [] if face is None else names[face.image_id],
        "sha256": judged.sha256.hex(),
        "box": [round(edge, 1) for edge in judged.box],
    }
