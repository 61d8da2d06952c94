"""Rows for tests of the index: files, images and faces of a few numbers each, without networks."""

import hashlib
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, event, text

from index.base.paths import Signature
from index.base.settings import Settings
from index.counting.answer import Chosen, join_faces, split_faces
from index.counting.face_set import FaceSet
from index.counting.question import Question
from index.database.engine import Database
from index.database.migration import migrate
from index.database.queries import embeddings, generations, queue, sightings, stored_images
from index.database.queries.faces import FaceRow
from index.database.queries.generations import GenerationRow
from index.database.queries.queue import Claim
from index.database.queries.sightings import Sighting
from index.database.queries.stored_images import NewFace, NewImage
from index.database.states import GenerationState
from index.upkeep.backup import Restored, restore
from index.vectors.space import USUAL, Profile, Scatter, Space
from tests.postgres import new_database
from tests.spaces import UNMEASURED

Matrix = NDArray[np.float32]
Numbers = NDArray[np.int64]

DIM = 8
PROFILE = Profile((0.5, -0.25, *(0.0,) * (DIM - 2)), 0.4)
SPACE = Space.calibrated(PROFILE)


def face_set(
    vectors: Matrix,
    photos: Numbers | None = None,
    scatter: Scatter = USUAL,
    weights: Numbers | None = None,
) -> FaceSet:
    """Faces with unit *vectors*, each in a photo of its own unless *photos* tell others."""
    return FaceSet(vectors, np.arange(len(vectors)) if photos is None else photos, scatter, weights)


@cache
def _empty_database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        migrate(path)
        return path.read_bytes()


@contextmanager
def new_library(engine: str, settings: Settings) -> Iterator[tuple[Settings, Database]]:
    """An empty library of one engine; the settings lead to it."""
    if engine == "sqlite":
        with open_copy(settings.database_path) as database:
            yield settings, database
        return
    with new_database() as url:
        there = settings.model_copy(update={"database_url": url})
        with Database(url) as database:
            yield there, database


def open_copy(path: Path) -> Database:
    """A new database at *path*, which need not survive a power cut."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(_empty_database())
    path.chmod(0o600)
    opened = Database(path)
    event.listen(opened._writer, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))
    return opened


def fake_generation(
    connection: Connection,
    model_id: str = "fake-1",
    state: GenerationState = GenerationState.ACTIVE,
    *,
    model: str = "fake",
    profile: Profile = UNMEASURED,
) -> GenerationRow:
    """A generation of a fake model (tests/fakes.py): centre zero, operating at 0.4."""
    return generations.create(
        connection,
        model_id=model_id,
        model=model,
        profile=profile.to_json(),
        state=state,
        now=0.0,
    )


def small_generation(
    database: Database, state: GenerationState = GenerationState.ACTIVE
) -> GenerationRow:
    """A generation of vectors of DIM numbers."""
    with database.write() as connection:
        return fake_generation(connection, f"small-{state}", state, model="small", profile=PROFILE)


def signature(version: int = 1) -> Signature:
    return Signature(1000 + version, version, version, "7")


def sighting(
    path: str, version: int = 1, *, ready_at: float = 0.0, refusal: str | None = None
) -> Sighting:
    return Sighting(path, signature(version), ready_at, refusal)


def new_face(embedding: NDArray[np.float32]) -> NewFace:
    return NewFace((0, 0, 60, 80), 0.99, np.zeros((5, 2), np.float32), 1.0, embedding)


def image(name: str, faces: int = 1) -> NewImage:
    """An image of the content *name*, whose faces follow from it."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    vectors = rng.normal(size=(faces, DIM)).astype(np.float32)
    return NewImage(
        hashlib.sha256(name.encode()).digest(), (640, 480), list(map(new_face, vectors))
    )


def face_row(
    number: int,
    *,
    image_id: int = 1,
    box: tuple[float, float, float, float] = (0, 0, 50, 100),
    probability: float = 0.99,
    image_size: tuple[int, int] = (640, 480),
    embedding_norm: float = 1.0,
) -> FaceRow:
    points = np.zeros((5, 2), np.float32)
    return FaceRow(number, image_id, box, probability, points, 1.0, image_size, embedding_norm)


def claim_all(connection: Connection, now: float = 1e6) -> dict[str, Claim]:
    return {claim.path: claim for claim in queue.claim(connection, 1000, now)}


def index_file(
    database: Database, generation_id: int, path: str, content: NewImage, version: int = 1
) -> int:
    """Do what the worker does for one new or changed file. Returns its image's id."""
    with database.write() as connection:
        sightings.record(connection, [sighting(path, version)])
        claim = claim_all(connection)[path]
        [image_id] = stored_images.record_images(connection, generation_id, [content]).values()
        assert stored_images.link_files(connection, {claim: image_id}, 0.0)
    return image_id


def by_hand(database: Database, sql: str, **values: object) -> int:
    """Run *sql* past the store, as a careless operator would. Returns how many rows it changed."""
    with database.write() as connection:
        return connection.execute(text(sql), values).rowcount


def ask(database: Database, sql: str, **values: object) -> list[tuple[object, ...]]:
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(text(sql), values)]


def flip_byte(database: Database, table: str, column: str, row_id: int, at: int) -> None:
    """Change the lowest bit of one byte of a stored blob."""
    data = ask(database, f"SELECT {column} FROM {table} WHERE id = :id", id=row_id)[0][0]
    assert isinstance(data, bytes)
    changed = bytearray(data)
    changed[at] ^= 1
    sql = f"UPDATE {table} SET {column} = :data WHERE id = :id"
    assert by_hand(database, sql, data=bytes(changed), id=row_id) == 1


def unit(rows: NDArray[np.float64]) -> Matrix:
    """Rows of length 1, as an index holds them."""
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def stored_units(database: Database, generation_id: int, ids: Sequence[int]) -> NDArray[np.float32]:
    """What the index should say of faces, straight from the rows."""
    with database.read() as connection:
        found, raw = embeddings.embeddings_of(connection, generation_id, ids)
    assert found == list(ids)
    return SPACE.unit(raw)


@contextmanager
def full(database: Database) -> Iterator[None]:
    """Within it, the database may not grow by a page: SQLite says that the disk is full."""
    with database.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        most = connection.exec_driver_sql("PRAGMA max_page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    yield
    with database.write() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {most}")


def faces_by_generation(database: Database) -> dict[int, int]:
    """How many faces the rows of each generation hold, by its id."""
    with database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT generation_id, count(*) FROM faces GROUP BY generation_id"
        ).all()
    return {row[0]: row[1] for row in rows}


def quiet(_done: int, _total: int) -> None:
    """Progress that nobody follows."""


def put_back(backup: Path, settings: Settings) -> Restored:
    return restore(backup, settings.data, settings.database_path, quiet)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def count(database: Database, table: str) -> int:
    number = ask(database, f"SELECT count(*) FROM {table}")[0][0]
    assert isinstance(number, int)
    return number


def drop_orphans(database: Database, before: float = 1e12) -> int:
    with database.write() as connection:
        return stored_images.drop_orphans(connection, before)


def choose_faces(faces: Sequence[FaceRow], question: Question, max_faces: int) -> Chosen:
    """The *faces* that count, and the others with reasons, as of one image."""
    return join_faces([split_faces(faces, question.faces)], max_faces)
