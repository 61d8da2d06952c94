"""Faces in a real database, and a follower of its commits."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.database.engine import Database
from index.database.queries import embeddings, generations, stored_images
from index.database.queries.generations import GenerationRow
from index.database.queries.stored_images import NewFace, NewImage
from index.vectors.space import Space
from service.answering.follower import Follower
from tests.spaces import DIM, UNMEASURED

ROOT = Path(__file__).resolve().parents[2]
SPACE = Space.calibrated(UNMEASURED)


def raw_vector(number: int) -> NDArray[np.float32]:
    return np.random.default_rng(number).normal(size=DIM).astype(np.float32)


def new_image(number: int, faces: int = 1) -> NewImage:
    """An image with *faces* faces; raw_vector(1000 * number + i) is the vector of the i-th."""
    found = [
        NewFace(
            (0.0, 0.0, 50.0, 50.0),
            0.99,
            np.zeros((5, 2), np.float32),
            1.0,
            raw_vector(1000 * number + i),
        )
        for i in range(faces)
    ]
    return NewImage(number.to_bytes(32, "big"), (100, 100), found)


def record(database: Database, generation: GenerationRow, image: NewImage) -> int:
    with database.write() as connection:
        return stored_images.record_images(connection, generation.id, [image])[image.sha256]


def all_ids(database: Database, generation: GenerationRow) -> list[int]:
    with database.read() as connection:
        return [int(number) for number in embeddings.face_ids(connection, generation.id)]


def loaded(follower: Follower) -> int:
    return follower.status()["faces"]


def vectors(follower: Follower, database: Database) -> tuple[Space, NDArray[np.float32]]:
    """What the follower says of all faces of the active generation."""
    with database.read() as connection:
        active = generations.active(connection)
        assert active is not None
        ids = embeddings.face_ids(connection, active.id).tolist()
        return follower.vectors(connection, active, ids)
