"""Groups faces by vectors read from their rows: for a generation that no index holds."""

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection

from index.base.arrays import IntVector
from index.base.choices import FaceChoice, Linkage
from index.counting import grouping
from index.counting.face_set import FaceSet
from index.counting.judged import judged_persons
from index.database.queries import embeddings
from index.database.queries.faces import FaceRow, faces_of
from index.library.judged_faces import choose_faces
from index.vectors.space import Space


def group_rows(
    connection: Connection,
    generation_id: int,
    space: Space,
    images: Sequence[int],
    threshold: float,
    linkage: Linkage,
    choice: FaceChoice,
) -> tuple[list[FaceRow], IntVector]:
    """Group the faces of *images* that count, as a generation's vectors and judgements say.

    Args:
        space: the generation's.
        threshold: on the caller's scale, 0 or more.

    Returns: the n faces that count, by id, and (n,) the person of each, numbered from 0.

    Raises:
        StoreError: a row is damaged.
        RequestError: 413, there are too many to count them exactly by this linkage.
    """
    faces = faces_of(connection, generation_id, sorted(set(images)))
    (counted, _), judged = choose_faces(connection, faces, choice)
    if not counted:
        return [], np.empty(0, np.int64)
    _, raw = embeddings.embeddings_of(connection, generation_id, [face.id for face in counted])
    grouped, cut = FaceSet.of_rows(counted, space.unit(raw), space), space.cut(threshold)
    if judged is None:
        return counted, grouping.persons(grouped, cut, linkage)
    return counted, judged_persons(grouped, cut, linkage, judged)
