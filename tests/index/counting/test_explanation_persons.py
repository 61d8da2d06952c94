import json
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from index.base.choices import Linkage
from index.counting.explanation import explanation_lines
from index.vectors.match_rates import FALSE_MATCH_RATES, FalseMatchRates
from index.vectors.space import Profile, Space
from tests.index.builders import Matrix, face_row
from tests.index.explaining import DIM, Request, linkages, pair_at, random_request, requests


def on_a_circle(*degrees: float) -> Matrix:
    rows = np.zeros((len(degrees), DIM))
    rows[:, 0], rows[:, 1] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return rows.astype(np.float32)


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


def test_no_false_match_rate_is_told_of_two_faces_in_one_photo() -> None:
    """It was measured on faces of different photos, and strangers side by side are more alike."""
    measured = {FALSE_MATCH_RATES: FalseMatchRates(9, 1000, (0.4,), (37,)).to_document()}
    space = Space.calibrated(Profile((0.0,) * DIM, 0.46, measured))
    rates = {}
    for images in ([1, 2], [3, 3]):
        request = Request(pair_at(0.02), images, Linkage.SINGLE, space)
        document = request.document()
        [person] = document["persons"]
        rates[images[0] == images[1]] = person["weakest_link"]["false_match_rate"]
        told = "false match rate" in "".join(explanation_lines(document))
        assert told == (images == [1, 2])
    assert rates == {False: 0.037, True: None}


def test_lines_tell_persons_faces_warnings_and_what_was_left_out() -> None:
    vectors = np.vstack((pair_at(0.023), np.eye(DIM)[[5]])).astype(np.float32)
    request = Request(vectors, images=[1, 1, 2], linkage=Linkage.SINGLE)
    request.left_out = [(face_row(90, image_id=2, box=(0.4, 1, 5, 6.2)), "small")]
    assert explanation_lines(request.document("0.20")) == [
        "2 persons at threshold 0.20",
        "a threshold a tenth lower or higher gives the same count",
        "every threshold from 0.0101 to 0.4347 gives the same count",
        "person 1: 2 faces, weakest link at 0.010, two of its faces are in one photo",
        "    1.jpg at 0, 0, 50, 100",
        "    1.jpg at 0, 0, 50, 100",
        "person 2: 1 face",
        "    2.jpg at 0, 0, 50, 100",
        "left out (small): 2.jpg at 0, 1, 5, 6",
    ]


def test_lines_of_no_face_are_one() -> None:
    [line] = explanation_lines(Request(pair_at(0.3)[:0]).document())
    assert line == "0 persons at threshold 0.2"


def test_lines_of_an_unsure_count_say_between_which_numbers_it_lies() -> None:
    request = Request(pair_at(0.44), linkage=Linkage.SINGLE)
    first, second, third, *_ = explanation_lines(request.document("0.2"))
    assert first == "1 person at threshold 0.2"
    assert second == "thresholds up to a tenth lower or higher give 1 to 2 persons"
    assert third.startswith("every threshold from 0.191")
