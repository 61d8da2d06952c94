"""min_photos: only persons who are in so many different photos."""

import numpy as np
import pytest

from index.base.choices import Linkage
from index.counting.hierarchy import hierarchy
from index.counting.often_seen import NOBODY, counts_by_merges, most_photographed, seen_often
from tests.index.builders import face_set


def test_persons_in_too_few_photos_are_nobody_and_the_others_are_renumbered() -> None:
    labels = np.array([0, 1, 1, 2, 2, 2, 1])
    photos = np.array([7, 7, 8, 9, 9, 9, 5])
    assert seen_often(labels, photos, 1).tolist() == labels.tolist()
    assert seen_often(labels, photos, 2).tolist() == [NOBODY, 0, 0, NOBODY, NOBODY, NOBODY, 0]
    assert seen_often(labels, photos, 4).tolist() == [NOBODY] * 7
    assert seen_often(labels[:0], photos[:0], 2).tolist() == []


@pytest.mark.parametrize("linkage", [Linkage.EVIDENCE, Linkage.AVERAGE, Linkage.SINGLE])
@pytest.mark.parametrize("least", [1, 2, 3])
def test_the_counts_are_those_of_the_groups_after_each_merge(linkage: Linkage, least: int) -> None:
    rng = np.random.default_rng(3)
    people = rng.normal(size=(5, 32)).repeat(6, axis=0)
    vectors = (people + rng.normal(size=people.shape) * 0.7).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    photos = rng.integers(0, 12, len(vectors))
    found = hierarchy(face_set(vectors, photos), linkage)
    expected = [
        len(set(seen_often(found.labels_at(height), photos, least).tolist()) - {NOBODY})
        for height in [*found.heights, 9.0]
    ]
    counts = counts_by_merges(found, photos, least)
    # merges at one height happen together
    first = [found.merges_at(height) for height in [*found.heights, 9.0]]
    assert [counts[number] for number in first] == expected
    assert least == 1 or max(np.diff(counts)) > 0


def test_the_most_photographed_come_first_and_equals_stay_in_order() -> None:
    labels = np.array([0, 1, 1, 1, 2, 2, 3])
    photos = np.array([5, 5, 6, 6, 7, 8, 9])  # 1, 2, 2 and 1 different ones
    assert most_photographed(labels, photos).tolist() == [2, 0, 0, 0, 1, 1, 3]
    assert most_photographed(labels[:0], photos[:0]).tolist() == []
