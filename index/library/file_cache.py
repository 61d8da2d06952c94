"""Caches the rows that answers need, until another connection commits.

A cache belongs to one database connection. It keeps SQLite's data_version, a number that changes
when another connection commits. While the number is the same, the cache is as new as a new look-up
would be. The number does not change when the connection itself commits, so use the cache only on
connections that read.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from index.base.choices import FaceChoice
from index.counting.answer import Chosen
from index.counting.judgements import Judgements
from index.database.engine import data_version
from index.database.queries import generations
from index.database.queries.embeddings import StoredVectors
from index.database.queries.faces import FaceRow, whole_faces
from index.database.queries.files import FileRow, rows_of
from index.database.queries.generations import GenerationRow
from index.library.judged_faces import UNJUDGED, JudgedImage, judged_images, split_judged
from index.library.judgements import judgements_of

MAX_KEPT = 10_000  # files and faces per connection; some 10 MiB


@dataclass(slots=True)
class CachedImage:
    """The faces that one generation found in an image.

    Attributes:
        faces: by id.
        is_whole: the image was analysed, and as many faces are stored as were found in it.
        judged: what people said about its faces; nothing while there are no judgements.
    """

    faces: tuple[FaceRow, ...]
    is_whole: bool
    judged: JudgedImage = UNJUDGED
    _chosen: dict[FaceChoice, Chosen] = field(default_factory=dict, compare=False)

    def chosen(self, choice: FaceChoice) -> Chosen:
        """The faces that count and the others; worked out once for each choice."""
        found = self._chosen.get(choice)
        if found is None:
            found = self._chosen[choice] = split_judged(self.faces, self.judged.no_person, choice)
        return found


@dataclass(slots=True)
class FileCache:
    """The rows of files at one data_version.

    Attributes:
        generation: the active one; it found the faces.
        files: by path; unknown files are missing.
        images: the images of all files, by id; empty without a generation.
        judgements: those that hold.
    """

    version: int
    generation: GenerationRow | None
    judgements: Judgements = field(default_factory=Judgements)
    files: dict[str, FileRow] = field(default_factory=dict)
    images: dict[int, CachedImage] = field(default_factory=dict)
    size: int = 0  # files and faces

    def read(
        self, connection: Connection, paths: Sequence[str], vectors: StoredVectors | None = None
    ) -> None:
        """Add the files of *paths*, and to *vectors* what whole_faces() does."""
        found = rows_of(connection, paths)
        if self.generation is not None:
            self._read_images(connection, self.generation, found.values(), vectors)
        # last: if reading an image fails, no file may be here without its image
        self.files |= found
        self.size += len(found)

    def _read_images(
        self,
        connection: Connection,
        generation: GenerationRow,
        found: Collection[FileRow],
        vectors: StoredVectors | None,
    ) -> None:
        wanted = {file.image_id for file in found if file.image_id is not None}
        new = sorted(wanted - self.images.keys())
        faces, damaged = whole_faces(connection, generation.id, new, vectors)
        of_image: dict[int, list[FaceRow]] = defaultdict(list)
        for face in faces:
            of_image[face.image_id].append(face)
        broken = set(damaged)
        for image in new:
            self.images[image] = CachedImage(tuple(of_image[image]), image not in broken)
        self.size += len(faces)
        if self.judgements:
            for image, judged in judged_images(connection, self.judgements, faces).items():
                self.images[image].judged = judged


def cached_files(
    connection: Connection, paths: Sequence[str], vectors: StoredVectors | None = None
) -> FileCache:
    """The cache, with the rows of *paths* and perhaps of others; valid in this transaction.

    Args:
        vectors: it is given vectors of faces that are read now, see whole_faces(). They are not
            kept here; None: none is read.
    """
    version = data_version(connection)  # first: it starts the transaction's view
    kept: FileCache | None = connection.info.get(FileCache)
    if kept is None or kept.version != version:
        kept = connection.info[FileCache] = FileCache(
            version, generations.active(connection), judgements_of(connection)
        )
    missing = [path for path in paths if path not in kept.files]
    if missing:
        kept.read(connection, missing, vectors)
        if kept.size > MAX_KEPT:
            del connection.info[FileCache]  # the next look-up starts with nothing
    return kept
