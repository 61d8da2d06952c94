from itertools import combinations, product
from random import Random

import numpy as np
import pytest

from index.base.choices import DistanceScale, Linkage
from index.counting.explanation import CURVE_END, CURVE_STEP
from index.counting.question import parse_threshold
from index.vectors.space import Profile, Space
from tests.index.builders import unit
from tests.index.explaining import DIM, Request, linkages, pair_at, random_request, requests

HIERARCHICAL = [linkage for linkage in Linkage if linkage is not Linkage.SUPPORTED]
hierarchies = pytest.mark.parametrize("linkage", HIERARCHICAL)
SLIDER = [f"{step * CURVE_STEP:.3f}" for step in range(round(CURVE_END / CURVE_STEP) + 1)]


@requests
@linkages
def test_a_threshold_moved_along_the_curve_gives_the_count_that_is_answered_there(
    seed: int, linkage: Linkage
) -> None:
    request = random_request(seed, linkage)
    curve = request.explain().curve
    assert [at for at, _ in curve] == [parse_threshold(text) for text in SLIDER]
    assert [count for _, count in curve] == [request.answer(text).person_num for text in SLIDER]


@requests
@linkages
def test_the_count_at_any_threshold_is_the_one_answered_there(seed: int, linkage: Linkage) -> None:
    request, random = random_request(seed, linkage), Random(seed)
    told = request.explain("0.1")
    for text in ["0", "0.2", "1", "7", "1e-3", *(f"{random.random():.7f}" for _ in range(20))]:
        assert told.count_at(parse_threshold(text)) == request.answer(text).person_num, text


@linkages
def test_equal_vectors_are_counted_alike_by_the_curve_and_the_answer(linkage: Linkage) -> None:
    """Two files of the same pixels: at threshold 0 nothing is strictly below, not even they."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        vectors = np.repeat(unit(rng.normal(size=(3, DIM))), 2, axis=0)
        request = Request(vectors, linkage=linkage)
        told = request.explain("0")
        for text in ("0", "0.005", "0.1"):
            assert told.count_at(parse_threshold(text)) == request.answer(text).person_num
        assert request.answer("0").person_num == 6
        assert request.answer("0.005").person_num == 3


@requests
@hierarchies
@pytest.mark.parametrize("threshold", ["0.12", "0.2", "0.27"])
def test_the_stable_range_is_stable_and_as_wide_as_can_be(
    seed: int, linkage: Linkage, threshold: str
) -> None:
    request = random_request(seed, linkage)
    number = request.answer(threshold).person_num
    low, high = request.explain(threshold).stable_range()
    assert low <= parse_threshold(threshold) <= high
    inside = np.linspace(low + 1e-9, high - 1e-9, 25)
    assert {request.answer(f"{at:.12f}").person_num for at in inside} == {number}
    if low > 0:
        assert request.answer(f"{max(low - 1e-9, 0):.12f}").person_num > number
    if number > 1:
        assert request.answer(f"{high + 1e-9:.12f}").person_num < number


@requests
@pytest.mark.parametrize("threshold", ["0.12", "0.2", "0.27"])
def test_the_stable_range_of_supported_is_stable_at_every_step_of_the_curve(
    seed: int, threshold: str
) -> None:
    request = random_request(seed, Linkage.SUPPORTED)
    number = request.answer(threshold).person_num
    low, high = request.explain(threshold).stable_range()
    assert low <= parse_threshold(threshold) <= high
    inside = [text for text in SLIDER if low < float(text) < high]
    assert {request.answer(text).person_num for text in [*inside, threshold]} == {number}


@linkages
def test_a_threshold_of_zero_has_a_stable_range_around_it(linkage: Linkage) -> None:
    low, high = Request(pair_at(0.23), linkage=linkage).explain("0").stable_range()
    assert (low, high) == (0.0, pytest.approx(0.1, abs=CURVE_STEP))


@linkages
@pytest.mark.parametrize("threshold", ["0.39", "0.4", "0.5", "3"])
def test_the_stable_range_holds_the_threshold_however_large(
    linkage: Linkage, threshold: str
) -> None:
    low, high = Request(pair_at(0.23), linkage=linkage).explain(threshold).stable_range()
    assert low <= parse_threshold(threshold) <= high


@requests
@hierarchies
def test_the_interval_is_that_of_a_tenth_more_and_a_tenth_less(seed: int, linkage: Linkage) -> None:
    request = random_request(seed, linkage)
    counts = [request.answer(text).person_num for text in ("0.18", "0.2", "0.22")]
    assert request.explain("0.2").interval() == (min(counts), max(counts))


def test_the_interval_of_supported_holds_what_is_counted_between_its_ends() -> None:
    """A looser link may take another's support away, so its count also rises with the threshold."""
    rows = np.zeros((12, DIM))
    rows[:, :2] = np.random.default_rng(0).normal(size=(12, 2))
    space = Space.calibrated(Profile((0.0,) * DIM, 0.1))
    request = Request(unit(rows), linkage=Linkage.SUPPORTED, space=space)
    inside = [request.answer(text).person_num for text in SLIDER if 0.18 <= float(text) <= 0.22]
    ends = [request.answer(text).person_num for text in ("0.18", "0.2", "0.22")]
    assert (min(inside), max(inside)) != (min(ends), max(ends))
    assert request.explain("0.2").interval() == (min(inside), max(inside))


@requests
@linkages
@pytest.mark.parametrize("threshold", ["0.12", "0.2", "0.2003", "0.27"])
def test_asked_at_the_ends_of_the_stable_range_the_count_is_the_same(
    seed: int, linkage: Linkage, threshold: str
) -> None:
    """As the document tells them, with four decimals."""
    request = random_request(seed, linkage)
    document = request.document(threshold)
    for end in document["stable_range"]:
        assert request.answer(f"{end:.4f}").person_num == document["person_num"], end


def test_faces_exactly_at_the_threshold_are_explained_as_they_are_counted() -> None:
    """Whether equal is less is for one computation to say; two differ in the last bit."""
    for seed in range(2):
        vectors = unit(np.random.default_rng(seed).normal(size=(8, DIM)))
        wide = vectors.astype(np.float64)
        for linkage, (one, other) in product(Linkage, combinations(range(8), 2)):
            request = Request(vectors[[one, other, *range(8)]], linkage=linkage)
            threshold = repr(request.space.threshold(float(1 - wide[one] @ wide[other])))
            told, answer = request.explain(threshold), request.answer(threshold)
            assert told.count_at(parse_threshold(threshold)) == answer.person_num
            low, high = told.interval()
            assert low <= answer.person_num <= high


def test_on_the_cosine_scale_the_curve_is_the_answers_as_well() -> None:
    request = random_request(3, Linkage.EVIDENCE)
    request.space = Space(request.space.profile, DistanceScale.COSINE)
    told = request.explain("0.2")
    assert [count for _, count in told.curve] == [request.answer(at).person_num for at in SLIDER]
    assert request.document("0.2")["distance"] == 0.2
