"""How many faces of a photo count, so that ingest, the list of files and answers say the same."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection

from index.base.choices import FaceChoice
from index.counting.key_faces import why_left_out
from index.database.queries import generations
from index.database.queries.faces import whole_faces

AT_ONCE = 1000  # images, whose faces are in memory together


def counted_faces(
    connection: Connection, images: Sequence[int], choice: FaceChoice
) -> dict[int, int]:
    """The number of faces that count under *choice* in each of *images*, 0 for none.

    Images whose faces the active generation does not know are left out.
    """
    active = generations.active(connection)
    if active is None:
        return {}
    counts: dict[int, int] = {}
    for start in range(0, len(images), AT_ONCE):
        some = images[start : start + AT_ONCE]
        faces, unknown = whole_faces(connection, active.id, some)
        left_out = why_left_out(faces, choice)
        counted = Counter(face.image_id for face in faces if face.id not in left_out)
        counts |= {image: counted[image] for image in set(some) - set(unknown)}
    return counts
