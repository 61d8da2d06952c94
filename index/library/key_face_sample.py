"""Key faces of the library, drawn by chance: what it is measured by."""

import numpy as np
from sqlalchemy import Connection

from index.base.arrays import FloatMatrix, IntVector
from index.base.choices import FaceChoice
from index.counting.key_faces import why_left_out
from index.database.queries import analyses, embeddings
from index.database.queries.faces import faces_of


def sample_key_faces(
    connection: Connection, generation_id: int, most: int
) -> tuple[FloatMatrix, IntVector]:
    """Embeddings (n, d) and images (n,) of at most *most* key faces of a generation.

    The same faces as long as the library is the same.

    Raises:
        StoreError: an embedding is damaged.
    """
    chance = np.random.default_rng(0)
    images = analyses.images_with_faces(connection, generation_id)
    chosen = chance.permutation(np.array(images, np.int64))[:most]
    faces = faces_of(connection, generation_id, sorted(chosen.tolist()))
    left_out = why_left_out(faces, FaceChoice.KEY)
    photo_of = {face.id: face.image_id for face in faces if face.id not in left_out}
    ids = chance.permutation(np.array(list(photo_of), np.int64))[:most].tolist()
    found, raw = embeddings.embeddings_of(connection, generation_id, ids)
    return raw, np.array([photo_of[face] for face in found], np.int64)
