"""Libraries of synthetic faces: the rows that ingest would write, without running a network.

Every file holds one face and every person has PHOTOS_EACH files, spread evenly over the library.
Vectors are drawn from only SPREAD directions. So strangers are not nearly orthogonal, but as
similar as FaceNet finds them: about 1 pair in 1,000 has a cosine above 0.49.
"""

import hashlib
import os
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, insert

from index.base.arrays import FloatMatrix, length
from index.base.paths import signature_of
from index.base.settings import Settings
from index.database.engine import Database
from index.database.migration import migrate
from index.database.queries import generations
from index.database.queries.generations import GenerationRow
from index.database.schema import Analysis, Change, Face, File, Image
from index.database.states import FileState, GenerationState
from index.vectors.space import unmeasured

DIM = 512  # of a vector

PHOTOS_EACH = 10
SPREAD = 40  # a deviation of 1 / sqrt(40) = 0.16 between strangers
ALIKE = 0.7  # cosine similarity of two photos of one person, on average
NOISES = 99_991  # a prime, so that no two photos of one person have the same noise
BATCH = 5_000


def settings_in(folder: Path) -> Settings:
    """Settings with everything in *folder*."""
    made = Settings(
        inbox=folder / "inbox", data=folder / "data", settle_seconds=0.0, port=0, wait_seconds=5.0
    )
    made.inbox.mkdir(parents=True, exist_ok=True)
    made.data.mkdir(parents=True, exist_ok=True)
    return made


class Library:
    """Draws the faces of a library of *count* files; they are the same every time."""

    def __init__(self, count: int, seed: int = 0, dim: int = DIM) -> None:
        self.count = count
        self.people = max(1, count // PHOTOS_EACH)
        self._seed = seed
        rng = np.random.default_rng(seed)
        self._axes = np.linalg.qr(rng.normal(size=(dim, SPREAD)))[0].T.astype(np.float32)
        self._noise = rng.normal(size=(NOISES, SPREAD)).astype(np.float32)
        self._people = rng.normal(size=(self.people, SPREAD)).astype(np.float32)

    def vectors(self, first: int, count: int) -> FloatMatrix:
        """The raw embeddings of the faces from *first* on, (n, d)."""
        return self.vectors_of(range(first, first + count))

    def vectors_of(self, numbers: Sequence[int]) -> FloatMatrix:
        """The raw embeddings of the faces called *numbers*, (n, d)."""
        person = np.asarray(numbers) % self.people
        noise = self._noise[np.asarray(numbers) % NOISES]
        small = np.sqrt(ALIKE) * self._people[person] + np.sqrt(1 - ALIKE) * noise
        return np.ascontiguousarray(small @ self._axes, np.float32)

    def name(self, number: int) -> str:
        """The name of a file, as callers write it."""
        return f"{number // 1000:04d}/photo-{number:07d}.jpg"

    def question(self, files: int, seed: int) -> list[str]:
        """The names of *files* different files: all photos of some people, chosen by *seed*."""
        return [self.name(number) for number in self.chosen(files, seed)]

    def chosen(self, files: int, seed: int) -> list[int]:
        """The numbers of the files of question()."""
        return self._shuffled(files, seed)[:files]

    def disjoint(self, files: int, most: int) -> list[list[int]]:
        """Up to *most* questions about *files* files each; no file is in two of them."""
        numbers = self._shuffled(files, 0)
        count = min(most, self.count // files)
        return [numbers[start * files : (start + 1) * files] for start in range(count)]

    def _shuffled(self, files: int, seed: int) -> list[int]:
        """All files, ordered by person."""
        rng = np.random.default_rng([self._seed, files, seed])
        people = rng.permutation(self.people)
        numbers = (people + self.people * np.arange(PHOTOS_EACH)[:, None]).T.reshape(-1)
        return [int(number) for number in numbers]


def fill(settings: Settings, library: Library, on_disk: Sequence[int] | None = None) -> float:
    """Make a database that holds *library*. Returns the seconds that the commits took.

    Args:
        on_disk: the files to make on disk; None makes all. Other rows have no file.
    """
    migrate(settings.database_path)
    seconds = 0.0
    real = None if on_disk is None else set(on_disk)
    with Database(settings.database_path) as database:
        with database.write() as connection:
            generation = generation_in(connection)
        for first, numbers in _batches(library.count):
            rows = _rows(settings, library, generation, first, numbers, real)
            start = time.perf_counter()
            with database.write() as connection:
                for table, values in rows:
                    connection.execute(insert(table), values)
            seconds += time.perf_counter() - start
    return seconds


def generation_in(connection: Connection, dim: int = DIM) -> GenerationRow:
    """An active generation of a model that does not exist."""
    return generations.create(
        connection,
        model_id="synthetic",
        model="synthetic",
        profile=unmeasured(dim).to_json(),
        state=GenerationState.ACTIVE,
        now=0.0,
    )


def _batches(count: int) -> Iterator[tuple[int, range]]:
    for first in range(0, count, BATCH):
        yield first, range(first, min(first + BATCH, count))


Rows = list[tuple[type, list[dict[str, object]]]]


def _rows(
    settings: Settings,
    library: Library,
    generation: GenerationRow,
    first: int,
    numbers: range,
    real: set[int] | None,
) -> Rows:
    """The rows of some files; their ids are their numbers plus one, as in a new database."""
    vectors = library.vectors(first, len(numbers))
    inbox = os.path.realpath(settings.inbox)
    landmarks = bytes(40)
    images: list[dict[str, object]] = []
    files: list[dict[str, object]] = []
    analyses: list[dict[str, object]] = []
    faces: list[dict[str, object]] = []
    changes: list[dict[str, object]] = []
    for number, vector in zip(numbers, vectors, strict=True):
        key = number + 1
        path = os.path.join(inbox, library.name(number))
        blob = vector.tobytes()
        digest = hashlib.sha256(str(number).encode()).digest()
        images.append({"id": key, "sha256": digest, "width": 250, "height": 250})
        analyses.append({"image_id": key, "generation_id": generation.id, "face_count": 1})
        face = {"x1": 80.0, "y1": 80.0, "x2": 170.0, "y2": 200.0, "probability": 0.99}
        face |= {"landmarks": landmarks, "sharpness": 100.0, "dim": DIM, "embedding": blob}
        face |= {"id": key, "image_id": key, "generation_id": generation.id}
        faces.append(face | {"crc32": zlib.crc32(blob), "embedding_norm": length(vector)})
        changes.append({"generation_id": generation.id, "face_id": key, "added": True})
        file = _signature(path, exists=real is None or number in real)
        file |= {"path": path, "state": FileState.INDEXED, "image_id": key}
        files.append(file | {"attempts": 0, "error": None, "priority": 0, "ready_at": None})
    return [(Image, images), (File, files), (Analysis, analyses), (Face, faces), (Change, changes)]


def _signature(path: str, *, exists: bool) -> dict[str, object]:
    if not exists:
        return {"size": 1, "mtime_ns": 1, "ctime_ns": 1, "inode": "1"}
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as stream:
        stream.write(b"x")
    found = signature_of(os.lstat(path))
    return {
        "size": found.size,
        "mtime_ns": found.mtime_ns,
        "ctime_ns": found.ctime_ns,
        "inode": found.inode,
    }
