"""What people said about the faces of one question."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from sqlalchemy import Connection

from index.base.choices import FaceChoice
from index.counting.answer import Chosen, split_faces
from index.counting.judged import Judged
from index.counting.judgements import Judgements
from index.database.queries import stored_images
from index.database.queries.faces import FaceRow
from index.database.queries.judgements import Box, JudgedFace
from index.library.judgements import judgements_of

NOT_A_PERSON = "not a person"


@dataclass(frozen=True, slots=True)
class JudgedImage:
    """An image, and those of its faces that were judged.

    Attributes:
        sha256: of its content.
        judged: by face id.
        no_person: the ids of those that are no person.
    """

    sha256: bytes = b""
    judged: Mapping[int, JudgedFace] = field(default_factory=dict)
    no_person: frozenset[int] = frozenset()

    @classmethod
    def of(cls, held: Judgements, sha256: bytes, boxes: Mapping[int, Box]) -> Self:
        """What was judged in an image in which a generation found *boxes*, by face id."""
        judged = held.on_faces(sha256, boxes)
        return cls(sha256, judged, held.no_persons(judged))


UNJUDGED = JudgedImage()


def judged_images(
    connection: Connection, held: Judgements, faces: Iterable[FaceRow]
) -> dict[int, JudgedImage]:
    """The images of *faces*, by id, with what was judged in them."""
    if not held:
        return dict.fromkeys((face.image_id for face in faces), UNJUDGED)
    boxes: dict[int, dict[int, Box]] = {}
    for face in faces:
        boxes.setdefault(face.image_id, {})[face.id] = face.box
    digests = stored_images.digests_of(connection, list(boxes))
    return {image: JudgedImage.of(held, digests[image], boxes[image]) for image in boxes}


def split_judged(
    faces: Sequence[FaceRow], no_person: AbstractSet[int], choice: FaceChoice
) -> Chosen:
    """The *faces* that count, and the others with reasons.

    Those that people judged to be *no_person* are left out first: a large face on a poster does not
    make the real ones beside it small.
    """
    if not no_person:
        return split_faces(faces, choice)
    real = [face for face in faces if face.id not in no_person]
    counted, left_out = split_faces(real, choice)
    left_out += [(face, NOT_A_PERSON) for face in faces if face.id in no_person]
    return counted, left_out


def choose_faces(
    connection: Connection, faces: Sequence[FaceRow], choice: FaceChoice
) -> tuple[Chosen, Judged | None]:
    """The *faces* of a generation that count, and the others with reasons, as judgements say.

    Returns: these, and what the judgements say about those that count; None if nothing touches
        their count.
    """
    held = judgements_of(connection)
    images = judged_images(connection, held, faces)
    chosen = split_judged(faces, no_persons(images), choice)
    return chosen, judged_question(held, images, chosen[0])


def no_persons(images: Mapping[int, JudgedImage]) -> set[int]:
    """The ids of all faces in *images* that are no person."""
    return {number for image in images.values() for number in image.no_person}


def judged_ids(held: Judgements, images: Iterable[JudgedImage]) -> dict[int, list[int]]:
    """The ids of the judgements on each judged face, by face id."""
    if not held:
        return {}
    return {number: held.of_face[face] for image in images for number, face in image.judged.items()}


def judged_question(
    held: Judgements, images: Mapping[int, JudgedImage], counted: Sequence[FaceRow]
) -> Judged | None:
    """What the judgements say about the *counted* faces; None if nothing touches their count.

    Args:
        images: those of the faces, by id.
    """
    if not held:
        return None
    group = np.arange(-1, -1 - len(counted), -1)  # numbers that no judged person has
    for row, face in enumerate(counted):
        judged = images[face.image_id].judged.get(face.id)
        if judged is not None:
            group[row] = held.person(judged)
    there = set(group.tolist())
    apart = tuple(pair for pair in held.apart() if there.issuperset(pair))
    if len(there) == len(counted) and not apart:
        return None
    keys = [(images[face.image_id].sha256, face.box, face.id) for face in counted]
    rank = np.empty(len(counted), np.int64)
    rank[sorted(range(len(counted)), key=keys.__getitem__)] = np.arange(len(counted))
    return Judged(rank, group, apart)
