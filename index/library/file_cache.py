"""All that an answer needs to know of files, kept as long as nobody commits.

What was looked up stays with the database connection it came from, together with SQLite's
data_version as it was then. The number is the same only if no other connection has committed
since, so what is kept is never older than what a new look-up would find. It does not tell of a
connection's own commits: this is for connections that only read.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from index.base.settings import FaceChoice
from index.counting.answer import Chosen, split_faces
from index.database.engine import data_version
from index.database.queries import generations
from index.database.queries.faces import FaceRow, whole_faces
from index.database.queries.files import FileRow, rows_of
from index.database.queries.generations import GenerationRow

MAX_KEPT = 10_000  # files and faces a connection; some 10 MiB


@dataclass(slots=True)
class AskedImage:
    """What one generation found in an image.

    Attributes:
        faces: by id.
        is_whole: whether the image was analysed, and as many faces are stored as were found in it.
    """

    faces: tuple[FaceRow, ...]
    is_whole: bool
    _chosen: dict[FaceChoice, Chosen] = field(default_factory=dict, compare=False)

    def chosen(self, choice: FaceChoice) -> Chosen:
        """Which of the faces count; worked out once, since others ask again."""
        found = self._chosen.get(choice)
        if found is None:
            found = self._chosen[choice] = split_faces(self.faces, choice)
        return found


@dataclass(slots=True)
class Asked:
    """What is known of files, at least of those that were asked for, at one data_version.

    Attributes:
        generation: the active one, which the faces are of.
        files: by path; without those that are unknown.
        images: by id, those of all files; none without a generation.
    """

    version: int
    generation: GenerationRow | None
    files: dict[str, FileRow] = field(default_factory=dict)
    images: dict[int, AskedImage] = field(default_factory=dict)
    size: int = 0  # files and faces

    def read(self, connection: Connection, paths: Sequence[str]) -> None:
        """Add the files of *paths*."""
        found = rows_of(connection, paths)
        if self.generation is not None:
            self._read_images(connection, self.generation, found.values())
        # last: a file that is here must have its image here, also when reading that failed
        self.files |= found
        self.size += len(found)

    def _read_images(
        self, connection: Connection, generation: GenerationRow, found: Collection[FileRow]
    ) -> None:
        wanted = {file.image_id for file in found if file.image_id is not None}
        new = sorted(wanted - self.images.keys())
        faces, damaged = whole_faces(connection, generation.id, new)
        of_image: dict[int, list[FaceRow]] = defaultdict(list)
        for face in faces:
            of_image[face.image_id].append(face)
        broken = set(damaged)
        for image in new:
            self.images[image] = AskedImage(tuple(of_image[image]), image not in broken)
        self.size += len(faces)


def asked_files(connection: Connection, paths: Sequence[str]) -> Asked:
    """What the database says of *paths*, and perhaps of others; good for this transaction."""
    version = data_version(connection)  # first, since it fixes what the transaction sees
    kept: Asked | None = connection.info.get(Asked)
    if kept is None or kept.version != version:
        kept = connection.info[Asked] = Asked(version, generations.active(connection))
    missing = [path for path in paths if path not in kept.files]
    if missing:
        kept.read(connection, missing)
        if kept.size > MAX_KEPT:
            del connection.info[Asked]  # the next look-up starts with nothing
    return kept
