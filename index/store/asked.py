"""All that an answer needs to know of files, in one look-up that is kept while nobody commits.

What was looked up stays with the database connection it came from, together with SQLite's
data_version as it was then. The number is the same only if nobody has committed since, so what is
kept is never older than what a new look-up would find.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, select

from index.database import data_version
from index.schema import Analysis, Face, File, FileState, Image
from index.store import generations
from index.store.faces import FACE_COLUMNS, FaceRow, face_rows
from index.store.files import FILE_COLUMNS, Signature, file_row
from index.store.generations import GenerationRow
from index.store.lookup import Lookup

MAX_KEPT = 10_000  # files and faces a connection; some 10 MiB


class AskedFile(NamedTuple):
    """A file as files.FileRow has it, and what one generation found in its image.

    Attributes:
        faces: by id.
        is_whole: whether the image was analysed, and as many faces are stored as were found in it.
        memo: what readers work out from the faces, as long as they are kept.
    """

    path: str
    signature: Signature
    state: FileState
    image_id: int | None
    error: str | None
    priority: int
    faces: tuple[FaceRow, ...]
    is_whole: bool
    memo: dict[str, Any]


_NO_GENERATION = 0  # ids start at 1
_BY_PATH = Lookup(
    File.path,
    select(*FILE_COLUMNS, Analysis.face_count, *FACE_COLUMNS)
    .outerjoin(
        Analysis,
        and_(
            Analysis.image_id == File.image_id,
            Analysis.generation_id == bindparam("generation"),
        ),
    )
    .outerjoin(Image, Image.id == Analysis.image_id)
    .outerjoin(
        Face,
        and_(
            Face.image_id == Analysis.image_id,
            Face.generation_id == Analysis.generation_id,
        ),
    ),
)
_FACE_COUNT = len(FILE_COLUMNS)
_FACE = _FACE_COUNT + 1


class _Kept:
    """What one connection has looked up since the last commit."""

    def __init__(self, version: int, generation: GenerationRow | None) -> None:
        self.version = version
        self.generation = generation
        self.files: dict[str, AskedFile] = {}
        self._room = MAX_KEPT

    def keep(self, found: dict[str, AskedFile]) -> None:
        """Keep *found*, instead of everything else if that becomes too much."""
        size = len(found) + sum(len(file.faces) for file in found.values())
        if size > self._room:
            self.files, self._room = {}, MAX_KEPT
        if size <= self._room:
            self.files |= found
            self._room -= size


def asked_files(
    connection: Connection, paths: Sequence[str]
) -> tuple[GenerationRow | None, dict[str, AskedFile]]:
    """The active generation, and by path what it knows of *paths* and perhaps of others.

    Paths that are unknown are left out.
    """
    version = data_version(connection)  # first, since it fixes what the transaction sees
    kept: _Kept | None = connection.info.get(_Kept)
    if kept is None or kept.version != version:
        kept = connection.info[_Kept] = _Kept(version, generations.active(connection))
    known = kept.files
    missing = [path for path in paths if path not in known]
    if not missing:
        return kept.generation, known
    found = _look_up(connection, kept.generation, missing)
    answer = {path: known[path] for path in paths if path in known} | found
    kept.keep(found)
    return kept.generation, answer


def _look_up(
    connection: Connection, generation: GenerationRow | None, paths: Sequence[str]
) -> dict[str, AskedFile]:
    number = generation.id if generation else _NO_GENERATION
    rows = _BY_PATH.rows(connection, paths, generation=number)
    # a file has a row for each face, and several files may hold one image
    faces = {row[_FACE]: row[_FACE:] for row in rows if row[_FACE] is not None}
    of_image: dict[int, list[FaceRow]] = defaultdict(list)
    for face in face_rows(list(faces.values())):
        of_image[face.image_id].append(face)
    found: dict[str, AskedFile] = {}
    for row in rows:
        file = file_row(row[:_FACE_COUNT])
        own = tuple(of_image.get(file.image_id or 0, ()))
        found[file.path] = AskedFile(*file, own, row[_FACE_COUNT] == len(own), {})
    return found
