"""A scanner and a worker of fake models over one database, driven step by step."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from index.base.paths import display
from index.base.settings import Settings
from index.counting.answer import answer_question
from index.counting.question import build_question
from index.database.engine import Database
from index.database.queries import changelog, embeddings, generations, stored_images
from index.database.queries.faces import faces_of
from index.database.queries.files import FileRow, rows_of, signatures_below
from index.database.queries.generations import GenerationRow
from index.database.schema import File
from index.database.states import FileState
from index.upkeep.verify import verify
from index.vectors.space import stored_space
from index.vectors.vector_index import VectorIndex
from ingest.jobs.worker import Worker
from ingest.networks.models import Models
from ingest.watching.scan import Scanner
from tests.fakes import (
    DECODERS,
    BusyDetector,
    FakeDetector,
    FakeEncoder,
    fake_models,
    save_picture,
)
from tests.index.builders import choose_faces

Names = Callable[[], set[str]]  # what a table knows


class Clock:
    """A clock that only the test moves; it starts now, since files have real times."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Ingest:
    """What the ingest process does, one step at a time."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        generation: GenerationRow,
        models: Models | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.database = database
        self.settings = settings
        self.inbox = settings.inbox
        self.generation = generation
        self.models = models or fake_models()
        self.clock = clock or Clock()
        self.scanner = Scanner(
            database, settings.resolve_roots(), settings.settle_seconds, self.clock
        )
        self.worker = Worker(database, settings, generation, self.models, self.clock)

    @property
    def images_seen(self) -> int:
        """How many images the detector was given so far."""
        assert isinstance(self.models.detector, FakeDetector)
        return self.models.detector.images_seen

    def drop(self, name: str, *people: int, seed: int = 0) -> Path:
        """Put a picture of *people* into the drop folder."""
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return save_picture(path, *people, seed=seed)

    def drain(self) -> int:
        """Work until nothing is ready. Returns how many files were handed out."""
        handed_out = 0
        while files := self.worker.step():
            handed_out += files
            assert handed_out < 10_000, "the worker goes round in circles"
        return handed_out

    def index(self) -> int:
        """Scan, then work until nothing is ready."""
        self.scanner.scan()
        return self.drain()

    def rows(self) -> dict[str, FileRow]:
        """The rows of all files below the inbox, by relative name."""
        with self.database.read() as connection:
            paths = list(signatures_below(connection, str(self.inbox)))
            found = rows_of(connection, paths)
        return {path[len(str(self.inbox)) + 1 :]: row for path, row in found.items()}

    def row(self, name: str) -> FileRow:
        return self.rows()[display(name)]

    def states(self) -> dict[str, str]:
        return {name: row.state.value for name, row in self.rows().items()}

    def reason(self, name: str) -> str:
        row = self.row(name)
        assert row.state is FileState.FAILED
        assert row.error is not None
        return row.error

    def retry_at(self, name: str) -> float | None:
        """When a file will be tried next."""
        with self.database.read() as connection:
            return connection.execute(
                select(File.ready_at).where(File.path == str(self.inbox / name))
            ).scalar_one()

    def active(self) -> GenerationRow:
        with self.database.read() as connection:
            found = generations.active(connection)
        assert found is not None
        return found

    def vectors(self, name: str) -> NDArray[np.float32]:
        """The stored raw vectors of a file's faces, (n, d), by face id."""
        image = self.row(name).image_id
        assert image is not None
        with self.database.read() as connection:
            faces = faces_of(connection, self.active().id, [image])
            return embeddings.embeddings_of(
                connection, self.active().id, [face.id for face in faces]
            )[1]

    def changes(self) -> list[tuple[int, bool]]:
        """The changelog of the active generation: (face id, added)."""
        with self.database.read() as connection:
            found = changelog.changes_since(connection, self.active().id, 0)
        return [(face, added) for _, face, added in found]

    def orphans(self) -> set[int]:
        """Images that no file holds."""
        with self.database.read() as connection:
            rows = connection.exec_driver_sql(
                "SELECT id FROM images WHERE orphaned_at IS NOT NULL"
            ).all()
        return {row[0] for row in rows}

    def drop_orphans(self) -> int:
        with self.database.write() as connection:
            return stored_images.drop_orphans(connection, self.clock())

    def persons(self, *names: str) -> int:
        """How many persons the indexed files show, computed as the service does."""
        question = build_question({"filepath": names}, self.settings)
        images = {self.row(name).image_id for name in names}
        generation = self.active()
        space = stored_space(generation.profile, self.settings.distance)
        index = VectorIndex(generation.id, space)
        with self.database.read() as connection:
            index.open(connection)
            faces = faces_of(connection, generation.id, sorted(i for i in images if i is not None))
        counted, left_out = choose_faces(faces, question, self.settings.max_request_faces)
        vectors = index.vectors([face.id for face in counted])
        return answer_question(question, counted, left_out, vectors, space).person_num

    def check(self) -> None:
        """Fail if the rows do not fit together, or anything is left undone."""
        assert verify(self.database).problems == []
        assert "pending" not in self.states().values()
        with self.database.read() as connection:
            used = {row.image_id for row in self.rows().values()} - {None}
            orphans = self.orphans()
            images = set(connection.exec_driver_sql("SELECT id FROM images").scalars())
        assert used.isdisjoint(orphans)
        assert images == used | orphans


def ingest_that(
    act: Callable[[Ingest], None],
    database: Database,
    settings: Settings,
    generation: GenerationRow,
) -> Ingest:
    """Ingest during whose first batch *act* happens."""
    made: list[Ingest] = []
    detector = BusyDetector(lambda: act(made[0]))
    made.append(Ingest(database, settings, generation, Models(detector, FakeEncoder(), DECODERS)))
    return made[0]


def write(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def failing(number: int) -> Callable[..., int]:
    """A system call that fails with an errno, whatever it is given."""

    def fail(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    return fail
