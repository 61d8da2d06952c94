"""Faces on their side or upside down: the geometry of quarter turns, and the choice among finds.

A turn is numpy.rot90's *k*: the photo was turned by so many quarters, anticlockwise, before the
search. Boxes and landmarks are always in pixels of the unturned photo.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from index.base.turns import quarter_turns
from ingest.interfaces import Box, DetectedFace

TURNS = (1, 2, 3)
# Measured on half A of the people, see docs/accuracy.md: in every photo the right turn shows at
# least a LIKELY face. So do 4 in 100 wrong turns, and 4 in 1,000 show a SURE one.
LIKELY = 0.98
SURE = 0.997
SAME_PLACE = 0.3  # of the smaller box: two finds that share more cannot both be faces


def turned_back(face: DetectedFace, turn: int, size: tuple[int, int]) -> DetectedFace:
    """A face found after *turn*, in pixels of the photo before it, of *size* (width, height)."""
    x1, y1, x2, y2 = face.box
    corners = _turned_back([(x1, y1), (x2, y2)], turn, size)
    (left, right), (top, bottom) = (sorted(axis) for axis in zip(*corners, strict=True))
    landmarks = tuple(_turned_back(face.landmarks, turn, size))
    return DetectedFace((left, top, right, bottom), face.probability, landmarks)


def _turned_back(
    points: Sequence[tuple[float, float]], turn: int, size: tuple[int, int]
) -> list[tuple[float, float]]:
    width, height = size
    if turn == 1:
        return [(width - y, x) for x, y in points]
    if turn == 2:  # noqa: PLR2004 - the second of TURNS
        return [(width - x, height - y) for x, y in points]
    return [(y, height - x) for x, y in points]


def best_of(looks: Mapping[int, list[DetectedFace]]) -> list[DetectedFace]:
    """The faces of a photo that was searched in several turns.

    One turn is the photo's own, and all its finds stay. Of other turns, only SURE finds stay, such
    as a person who lies beside others who stand; of the unturned photo LIKELY finds stay, too. If
    two finds share one place, the more probable one stays.

    Args:
        looks: the finds after each turn, including turn 0, in pixels of the photo.
    """
    found = {turn: faces if not turn else _lying(faces, turn) for turn, faces in looks.items()}
    own = max(found, key=lambda turn: (_top(found[turn]), -turn))
    if _top(found[0]) >= SURE or _top(found[own]) < LIKELY:
        own = 0
    kept = list(found[own])
    others = [
        face
        for turn in found
        if turn != own
        for face in found[turn]
        if face.probability >= (SURE if turn else LIKELY)
    ]
    for face in sorted(others, key=lambda face: -face.probability):
        clashing = [one for one in kept if _shared(one.box, face.box) > SAME_PLACE]
        if face.probability > max((one.probability for one in clashing), default=0.0):
            kept = [one for one in kept if one not in clashing] + [face]
    return kept


def _lying(faces: Sequence[DetectedFace], turn: int) -> list[DetectedFace]:
    """The *faces* that this turn brings upright; after a wrong turn the nets find false ones."""
    turns = quarter_turns(np.array([face.landmarks for face in faces], np.float32))
    return [face for face, own in zip(faces, turns.tolist(), strict=True) if own == turn]


def _top(faces: Sequence[DetectedFace]) -> float:
    return max((face.probability for face in faces), default=0.0)


def _shared(one: Box, other: Box) -> float:
    """The area that two boxes share, as a part of the smaller box's area."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    least = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return max(wide, 0.0) * max(high, 0.0) / least if least > 0 else 0.0
