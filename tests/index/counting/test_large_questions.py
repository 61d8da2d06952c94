"""Questions with more faces than a matrix holds; here "more" is more than 60."""

import numpy as np
import pytest

from index.base.choices import Linkage
from index.base.errors import RequestError
from index.counting import answer, evidence, explanation, grouping, hierarchy, streamed_single
from index.counting.explanation import explanation_lines
from tests.index.builders import Matrix, face_set, unit
from tests.index.explaining import DIM, Request

MANY = 60


@pytest.fixture(name="more_is_many")
def more_is_many_fixture(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (answer, evidence, explanation, grouping, hierarchy):
        monkeypatch.setattr(module, "DENSE_FACES", MANY)


def crowd(seed: int, count: int = 2 * MANY) -> Matrix:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(12, DIM))[rng.integers(12, size=count)]
    return unit(centres + 0.6 * rng.normal(size=centres.shape))


@pytest.mark.parametrize("linkage", [Linkage.EVIDENCE, Linkage.SINGLE])
def test_an_explained_answer_is_that_of_all_pairs_as_far_as_it_is_proved(
    monkeypatch: pytest.MonkeyPatch, linkage: Linkage
) -> None:
    request = Request(crowd(4), linkage=linkage)
    dense = request.explain("0.2")
    curve, persons, interval = dense.curve, dense.persons(), dense.interval()
    low, high = dense.stable_range()
    monkeypatch.setattr(answer, "DENSE_FACES", MANY)
    for module in (evidence, hierarchy, grouping):
        monkeypatch.setattr(module, "DENSE_FACES", MANY)
    large = request.explain("0.2")
    assert large.curve == [point for point in curve if point[0] <= 0.22]
    assert large.curve[-1][0] == 0.22
    assert [person.faces for person in large.persons()] == [person.faces for person in persons]
    assert large.interval() == interval
    found_low, found_high = large.stable_range()
    assert found_low == pytest.approx(low, abs=1e-5)
    assert found_high == pytest.approx(min(high, 0.22), abs=1e-5)


@pytest.mark.parametrize("distance", [0.2, 0.5, 0.7])
def test_single_streams_links_into_the_same_merges(
    monkeypatch: pytest.MonkeyPatch, distance: float
) -> None:
    vectors = crowd(7)
    vectors[5] = vectors[90]
    dense = hierarchy.hierarchy(face_set(vectors), Linkage.SINGLE)
    monkeypatch.setattr(hierarchy, "DENSE_FACES", MANY)
    monkeypatch.setattr(streamed_single, "BLOCK_ROWS", 16)
    monkeypatch.setattr(streamed_single, "KEPT_LINKS", 50)
    large = hierarchy.hierarchy(face_set(vectors), Linkage.SINGLE, distance)
    expected = dense.heights[dense.heights < distance]
    np.testing.assert_allclose(large.heights, expected, atol=1e-12)
    np.testing.assert_array_equal(large.labels_at(distance), dense.labels_at(distance))


@pytest.mark.parametrize("linkage", [Linkage.SUPPORTED, Linkage.AVERAGE, Linkage.COMPLETE])
@pytest.mark.usefixtures("more_is_many")
def test_linkages_that_need_all_pairs_refuse_many_faces(linkage: Linkage) -> None:
    with pytest.raises(RequestError, match=f"linkage={linkage}.* use linkage=evidence") as caught:
        Request(crowd(1), linkage=linkage).answer("0.2")
    assert caught.value.status == 413
    with pytest.raises(RequestError):
        grouping.persons(face_set(crowd(1)), 0.5, linkage)


@pytest.mark.usefixtures("more_is_many")
def test_the_links_of_a_person_with_too_many_faces_are_not_listed() -> None:
    alike = unit(1.0 + 0.1 * np.random.default_rng(0).normal(size=(MANY + 1, DIM)))
    told = Request(alike).explain("0.2")
    assert told.count_at(0.2) == 1
    with pytest.raises(RequestError, match="one person has 61 faces"):
        told.persons()


@pytest.mark.parametrize(("count", "is_beyond"), [(500, False), (501, True)])
def test_an_answer_says_that_no_question_as_large_was_judged(count: int, is_beyond: bool) -> None:
    request = Request(unit(1.0 + 0.1 * np.random.default_rng(0).normal(size=(count, DIM))))
    document = request.document()
    assert document["beyond_measured"] is is_beyond
    said = any("never judged beyond 500 faces" in line for line in explanation_lines(document))
    assert said is is_beyond


def test_more_persons_than_were_judged_are_beyond_measured_too() -> None:
    assert not Request(np.eye(50, DIM, dtype=np.float32)).explain().is_beyond_measured
    assert Request(np.eye(51, DIM, dtype=np.float32)).explain().is_beyond_measured
