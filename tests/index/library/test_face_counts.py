"""The number of faces that count, the same for ingest, the list of files and answers."""

import numpy as np

from index.base.choices import FaceChoice
from index.database.engine import Database
from index.database.queries import stored_images
from index.database.queries.stored_images import NewFace, NewImage
from index.database.states import GenerationState
from index.library.face_counts import counted_faces
from tests.index.builders import DIM, by_hand, image, index_file, small_generation


def found(name: str, *faces: tuple[int, float]) -> NewImage:
    """An image with faces of these heights and probabilities."""
    points, vector = np.zeros((5, 2), np.float32), np.ones(DIM, np.float32)
    rows = [NewFace((0, 0, 9, high), sure, points, 1.0, vector) for high, sure in faces]
    return NewImage(image(name).sha256, (640, 480), rows)


def test_only_faces_that_count_are_counted(database: Database) -> None:
    active = small_generation(database)
    images = {
        name: index_file(database, active.id, f"/in/{name}", content)
        for name, content in {
            "a": found("a", (100, 0.99), (90, 0.99), (20, 0.99), (100, 0.5)),
            "b": found("b", (100, 0.5)),
            "c": found("c"),
            "d": found("d", (100, 0.99)),
        }.items()
    }
    by_hand(database, "DELETE FROM faces WHERE image_id = :id", id=images["d"])  # damaged

    def counts(choice: FaceChoice) -> dict[str, int]:
        with database.read() as connection:
            by_image = counted_faces(connection, sorted(images.values()), choice)
        return {name: by_image[image] for name, image in images.items() if image in by_image}

    assert counts(FaceChoice.KEY) == {"a": 2, "b": 0, "c": 0}
    assert counts(FaceChoice.ONE) == {"a": 1, "b": 1, "c": 0}
    assert counts(FaceChoice.ALL) == {"a": 4, "b": 1, "c": 0}


def test_faces_are_counted_in_the_active_generation(database: Database) -> None:
    retired = small_generation(database, GenerationState.RETIRED)
    known = index_file(database, retired.id, "/in/a.jpg", image("a", 3))
    with database.read() as connection:
        assert counted_faces(connection, [known], FaceChoice.ALL) == {}
    active = small_generation(database)
    with database.write() as connection:
        stored_images.record_images(connection, active.id, [image("a", 2)])
    with database.read() as connection:
        assert counted_faces(connection, [known], FaceChoice.ALL) == {known: 2}
