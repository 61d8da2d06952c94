"""How many of people's judgements a count gets right by itself, at each threshold. Pure.

They are hard cases, chosen by people because a count was wrong or might have been. So no false
match rate follows from them; they only tell which threshold or model suits these photos better.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index.base.arrays import FloatMatrix, IntVector
from index.base.choices import Linkage
from index.counting.face_set import FaceSet
from index.counting.grouping import persons
from index.counting.hierarchy import hierarchy
from index.vectors.space import Space


@dataclass(frozen=True, slots=True)
class JudgedAt:
    """What a count at one threshold gets right.

    Attributes:
        same: pairs judged to be one person that it joins.
        different: pairs judged to be two persons that it keeps apart.
    """

    threshold: float
    same: int
    different: int


def judged_at(
    raw: FloatMatrix,
    photos: IntVector,
    same: Sequence[tuple[int, int]],
    different: Sequence[tuple[int, int]],
    space: Space,
    linkage: Linkage,
    thresholds: Sequence[float],
) -> list[JudgedAt]:
    """Count *raw* embeddings (n, d), found in *photos* (n,), without any judgement.

    Args:
        same, different: pairs of rows that people judged.
    """
    cuts = [space.cut(threshold) for threshold in thresholds]
    faces = FaceSet.of_raw(raw, photos, space)
    if linkage is Linkage.SUPPORTED:
        labels = [persons(faces, cut, linkage) for cut in cuts]
    else:
        tree = hierarchy(faces, linkage, 1.0 - min(cuts))
        labels = [tree.labels_at(1.0 - cut) for cut in cuts]
    one, other = (np.array(pairs, np.int64).reshape(-1, 2) for pairs in (same, different))
    return [
        JudgedAt(
            threshold,
            int((found[one[:, 0]] == found[one[:, 1]]).sum()),
            int((found[other[:, 0]] != found[other[:, 1]]).sum()),
        )
        for threshold, found in zip(thresholds, labels, strict=True)
    ]
