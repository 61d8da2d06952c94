"""The pairs of faces that people judged, as one generation knows them."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from index.base.arrays import FloatMatrix, IntVector
from index.base.choices import FaceChoice
from index.counting.judgements import Judgements
from index.database.queries import faces, stored_images
from index.database.queries.embeddings import embeddings_of
from index.database.queries.faces import FaceRow
from index.database.queries.judgements import JudgedFace
from index.database.states import Verdict
from index.library.judged_faces import judged_images, split_judged


@dataclass(frozen=True, slots=True)
class JudgedPairs:
    """The photos that people judged, and the pairs of their faces.

    Attributes:
        raw: (n, d) float32 embeddings of the faces that count in them or were judged.
        photos: (n,) a number for the photo of each.
        same, different: pairs of rows.
        lost: how many more judgements there are on two faces, one of which is not there.
    """

    raw: FloatMatrix
    photos: IntVector
    same: tuple[tuple[int, int], ...]
    different: tuple[tuple[int, int], ...]
    lost: int


def judged_pairs(
    connection: Connection, generation_id: int, held: Judgements, choice: FaceChoice
) -> JudgedPairs:
    """The pairs that were judged; *choice* says which of the other faces of their photos count.

    Raises:
        StoreError: a stored embedding is damaged.
    """
    images = sorted(stored_images.image_ids(connection, held.of_image).values())
    found = faces.faces_of(connection, generation_id, images)
    judged = judged_images(connection, held, found)
    in_image: dict[int, list[FaceRow]] = {}
    for row in found:
        in_image.setdefault(row.image_id, []).append(row)
    there: dict[JudgedFace, int] = {}  # face ids
    wanted: dict[int, int] = {}  # images, by face id
    for image, rows in in_image.items():
        known = {face: number for number, face in judged[image].judged.items()}
        there |= known
        counted, _ = split_judged(rows, judged[image].no_person, choice)
        wanted |= dict.fromkeys([*(row.id for row in counted), *known.values()], image)
    ids, raw = embeddings_of(connection, generation_id, sorted(wanted))
    row_of = {number: row for row, number in enumerate(ids)}
    pairs: dict[Verdict, list[tuple[int, int]]] = {Verdict.SAME: [], Verdict.DIFFERENT: []}
    lost = 0
    for one in held.rows.values():
        if one.verdict in pairs:
            rows_of = [row_of[there[face]] for face in one.faces if face in there]
            if len(rows_of) == len(one.faces):
                pairs[one.verdict].append((rows_of[0], rows_of[1]))
            else:
                lost += 1
    return JudgedPairs(
        raw,
        np.array([wanted[number] for number in ids], np.int64),
        tuple(pairs[Verdict.SAME]),
        tuple(pairs[Verdict.DIFFERENT]),
        lost,
    )
