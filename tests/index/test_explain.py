import json
import math
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from index.answer import Answer, answer_question
from index.documents import count_document, explanation_document
from index.explain import CURVE_END, CURVE_STEP, Explanation, explanation_lines
from index.question import Question, parse_threshold
from index.settings import DistanceScale, FaceChoice, Linkage
from index.space import Profile, Space
from index.store.faces import FaceRow
from tests.index.builders import Matrix, face_row, unit

pytestmark = pytest.mark.usefixtures("one_thread")
DIM = 64
SPACE = Space(Profile((0.0,) * DIM, 0.46))
SLIDER = [f"{step * CURVE_STEP:.3f}" for step in range(round(CURVE_END / CURVE_STEP) + 1)]
HIERARCHICAL = [linkage for linkage in Linkage if linkage is not Linkage.SUPPORTED]


def pair_at(distance: float) -> Matrix:
    """Two unit vectors at a cosine distance."""
    rows = np.zeros((2, DIM))
    rows[0, 0] = 1
    rows[1, :2] = 1 - distance, math.sqrt(1 - (1 - distance) ** 2)
    return rows.astype(np.float32)


def on_a_circle(*degrees: float) -> Matrix:
    rows = np.zeros((len(degrees), DIM))
    rows[:, 0], rows[:, 1] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return rows.astype(np.float32)


class Request:
    """Faces, and what is asked about them at any threshold."""

    def __init__(
        self,
        vectors: Matrix,
        images: list[int] | None = None,
        linkage: Linkage = Linkage.EVIDENCE,
        space: Space = SPACE,
    ) -> None:
        self.vectors, self.linkage, self.space = vectors, linkage, space
        images = list(range(1, len(vectors) + 1)) if images is None else images
        self.faces = [face_row(10 + n, image_id=image) for n, image in enumerate(images)]
        self.left_out: list[tuple[FaceRow, str]] = []

    def question(self, threshold: str) -> Question:
        value = parse_threshold(threshold)
        return Question(("a.jpg",), threshold, value, FaceChoice.KEY, self.linkage)

    def answer(self, threshold: str) -> Answer:
        asked = self.question(threshold)
        return answer_question(asked, self.faces, self.left_out, self.vectors, self.space)

    def explain(self, threshold: str = "0.2") -> Explanation:
        answer = self.answer(threshold)
        return Explanation(self.question(threshold), answer, self.vectors, self.space)

    def document(self, threshold: str = "0.2") -> dict[str, object]:
        asked, answer = self.question(threshold), self.answer(threshold)
        shown = [*self.faces, *(face for face, _ in self.left_out)]
        names = {face.image_id: [f"{face.image_id}.jpg"] for face in shown}
        told = Explanation(asked, answer, self.vectors, self.space)
        document = explanation_document(asked, told, answer, self.space, names)
        return count_document(asked, answer.person_num) | document


def random_request(seed: int, linkage: Linkage) -> Request:
    random, rng = Random(seed), np.random.default_rng(seed)
    count, people = random.randint(2, 30), random.randint(1, 8)
    rows = rng.normal(size=(people, DIM))[rng.integers(people, size=count)]
    vectors = unit(rows + random.choice([0.3, 0.7, 1.0]) * rng.normal(size=rows.shape))
    images = np.sort(rng.integers(1, random.choice([5, 20, 200]), size=count)).tolist()
    operating = random.choice([0.3, 0.4712, 0.6])
    return Request(vectors, images, linkage, Space(Profile((0.0,) * DIM, operating)))


requests = pytest.mark.parametrize("seed", range(4))
linkages = pytest.mark.parametrize("linkage", Linkage)
hierarchies = pytest.mark.parametrize("linkage", HIERARCHICAL)


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
@linkages
def test_the_interval_is_that_of_a_tenth_more_and_a_tenth_less(seed: int, linkage: Linkage) -> None:
    request = random_request(seed, linkage)
    counts = [request.answer(text).person_num for text in ("0.18", "0.2", "0.22")]
    assert request.explain("0.2").interval() == (min(counts), max(counts))


@requests
@linkages
def test_links_of_a_person_form_its_spanning_tree_and_the_weakest_is_its_longest(
    seed: int, linkage: Linkage
) -> None:
    request = random_request(seed, linkage)
    told, answer = request.explain(), request.answer("0.2")
    people = told.persons()
    assert [person.faces for person in people] == [tuple(group) for group in answer.persons()]
    wide = request.vectors.astype(np.float64)
    for person in people:
        ids = [face.id for face in person.faces]
        rows = [number - 10 for number in ids]
        distances = 1 - wide[rows] @ wide[rows].T
        reached, waiting = {ids[0]}, list(person.links)
        while waiting:  # connected: every round reaches at least one more
            new = [link for link in waiting if (link.first in reached) != (link.second in reached)]
            assert new
            reached |= {face for link in new for face in (link.first, link.second)}
            waiting = [link for link in waiting if not {link.first, link.second} <= reached]
        assert reached == set(ids)
        assert len(person.links) == len(ids) - 1
        lengths = [link.distance for link in person.links]
        assert lengths == sorted(lengths)
        assert sum(lengths) == pytest.approx(prim(distances), abs=1e-9)
        for link in person.links:
            exact = 1 - wide[link.first - 10] @ wide[link.second - 10]
            assert link.distance == pytest.approx(exact, abs=1e-12)
        spread = distances.max() if len(ids) > 1 else 0.0
        assert person.spread == pytest.approx(spread, abs=1e-12)


def prim(distances: NDArray[np.float64]) -> float:
    """The length of a minimum spanning tree."""
    nearest, total = distances[0].copy(), 0.0
    outside = set(range(1, len(distances)))
    while outside:
        row = min(outside, key=lambda face: nearest[face])
        total += nearest[row]
        outside.remove(row)
        nearest = np.minimum(nearest, distances[row])
    return total


def test_a_person_of_equal_vectors_has_links_of_length_zero() -> None:
    [person] = Request(np.repeat(pair_at(0.3)[:1], 3, axis=0)).explain().persons()
    assert [link.distance for link in person.links] == [0.0, 0.0]
    assert (person.spread, person.warnings) == (0.0, ())


def test_a_chain_far_beyond_the_cut_is_marked_as_chained() -> None:
    chain = Request(on_a_circle(0, 50, 100, 150), linkage=Linkage.SINGLE)
    [person] = chain.explain("0.2").persons()
    assert person.warnings == ("chained",)
    assert person.spread == pytest.approx(1 - math.cos(math.radians(150)), abs=1e-6)
    [person] = Request(on_a_circle(0, 50), linkage=Linkage.SINGLE).explain("0.2").persons()
    assert person.warnings == ()


@pytest.mark.parametrize(("beyond", "warnings"), [(-1e-3, ()), (1e-3, ("chained",))])
def test_chaining_begins_at_one_and_a_half_times_the_cut(
    beyond: float, warnings: tuple[str, ...]
) -> None:
    angle = math.degrees(math.acos(1 - 1.5 * 0.46 - beyond))
    request = Request(on_a_circle(0, angle / 2, angle), linkage=Linkage.SINGLE)
    [person] = request.explain("0.2").persons()
    assert person.warnings == warnings


@linkages
def test_two_faces_of_one_person_in_one_photo_are_marked(linkage: Linkage) -> None:
    mirrored = Request(pair_at(0.02), images=[5, 5], linkage=linkage)
    [person] = mirrored.explain("0.2").persons()
    assert person.warnings == ("same_photo",)
    [person] = Request(pair_at(0.02), images=[5, 6], linkage=linkage).explain("0.2").persons()
    assert person.warnings == ()


def finite(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    if isinstance(value, list):
        return all(map(finite, value))
    return not isinstance(value, float) or math.isfinite(value)


@requests
@linkages
def test_a_document_is_json_of_finite_numbers(seed: int, linkage: Linkage) -> None:
    document = random_request(seed, linkage).document()
    assert json.loads(json.dumps(document, allow_nan=False)) == document


@linkages
@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("threshold", ["0", "0.2", "0.4", "5"])
def test_a_document_of_no_or_one_face_is_json_too(
    linkage: Linkage, count: int, threshold: str
) -> None:
    request = Request(pair_at(0.3)[:count], linkage=linkage)
    document = request.document(threshold)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["person_num"] == count
    assert document["interval"] == {"low": count, "high": count}
    assert {point["person_num"] for point in document["curve"]} == {count}
    assert len(document["persons"]) == count


@linkages
@pytest.mark.parametrize("threshold", ["1e-320", "1e300", "1e308"])
def test_a_document_of_an_extreme_threshold_has_finite_numbers(
    linkage: Linkage, threshold: str
) -> None:
    assert finite(Request(pair_at(0.3), linkage=linkage).document(threshold))


def test_on_the_cosine_scale_the_curve_is_the_answers_as_well() -> None:
    request = random_request(3, Linkage.EVIDENCE)
    request.space = Space(request.space.profile, DistanceScale.COSINE)
    told = request.explain("0.2")
    assert [count for _, count in told.curve] == [request.answer(at).person_num for at in SLIDER]
    assert request.document("0.2")["distance"] == 0.2


def test_lines_tell_persons_faces_doubts_and_what_was_left_out() -> None:
    vectors = np.vstack((pair_at(0.023), np.eye(DIM)[[5]])).astype(np.float32)
    request = Request(vectors, images=[1, 1, 2], linkage=Linkage.SINGLE)
    request.left_out = [(face_row(90, image_id=2, box=(0.4, 1, 5, 6.2)), "small")]
    first, *lines = explanation_lines(request.document("0.20"))
    assert first == (
        "2 persons at threshold 0.20 (2 to 2 a tenth below and above it; "
        "the same from 0.010 to 0.435)"
    )
    assert lines == [
        "person 1: 2 faces, weakest link at 0.010, same_photo",
        "    1.jpg at 0, 0, 50, 100",
        "    1.jpg at 0, 0, 50, 100",
        "person 2: 1 faces",
        "    2.jpg at 0, 0, 50, 100",
        "left out (small): 2.jpg at 0, 1, 5, 6",
    ]


def test_lines_of_no_face_are_one() -> None:
    [line] = explanation_lines(Request(pair_at(0.3)[:0]).document())
    assert line.startswith("0 persons at threshold 0.2 (0 to 0 ")
