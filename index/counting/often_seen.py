"""Counts only persons who appear in several different photos. Pure.

Photos are different if their content is: a copy of a file is the same photo.
"""

import numpy as np

from index.base.arrays import IntVector
from index.counting.hierarchy import Hierarchy, by_appearance

TOO_FEW = "its person is in too few photos"  # the reason for leaving a face out
NOBODY = -1  # in place of a person's number


def seen_often(labels: IntVector, photos: IntVector, least: int) -> IntVector:
    """Number the persons who are in at least *least* photos; NOBODY for faces of the others.

    Args:
        labels, photos: (n,) the person and the photo of each face.

    Returns: (n,) numbers from 0, by first appearance.
    """
    if least <= 1 or len(labels) == 0:
        return labels
    pairs = np.unique(np.stack((labels, photos)), axis=1)
    persons, numbers = np.unique(pairs[0], return_counts=True)
    stays = np.isin(labels, persons[numbers >= least])
    found = np.full(len(labels), NOBODY, np.int64)
    found[stays] = by_appearance(labels[stays])
    return found


def most_photographed(labels: IntVector, photos: IntVector) -> IntVector:
    """Number the persons anew, those in the most photos first, equals as before.

    Args:
        labels, photos: (n,) the person, from 0, and the photo of each face.
    """
    if len(labels) == 0:
        return labels
    pairs = np.unique(np.stack((labels, photos)), axis=1)
    order = np.argsort(-np.bincount(pairs[0]), kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[labels]


def counts_by_merges(hierarchy: Hierarchy, photos: IntVector, least: int) -> IntVector:
    """How many persons are in at least *least* photos after each number of merges, (m + 1,).

    Other than without *least* the count may rise: two groups of one photo each become a person.

    Args:
        photos: (n,) the photo of each face.
    """
    if least <= 1:
        return hierarchy.count - np.arange(len(hierarchy.heights) + 1)
    groups = [{photo} for photo in photos.tolist()]
    parent = list(range(hierarchy.count))
    count = 0
    found = [count]
    for one, other in zip(hierarchy.first.tolist(), hierarchy.second.tolist(), strict=True):
        large, small = _root(parent, one), _root(parent, other)
        if len(groups[large]) < len(groups[small]):  # moving the smaller one keeps it fast
            large, small = small, large
        before = (len(groups[large]) >= least) + (len(groups[small]) >= least)
        parent[small] = large
        groups[large] |= groups[small]
        count += (len(groups[large]) >= least) - before
        found.append(count)
    return np.array(found, np.int64)


def _root(parent: list[int], face: int) -> int:
    while parent[face] != face:
        parent[face] = parent[parent[face]]
        face = parent[face]
    return face
