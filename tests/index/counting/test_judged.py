from collections.abc import Sequence
from itertools import product
from random import Random

import numpy as np
import pytest

from index.base.choices import Linkage
from index.counting.judged import Judged
from index.counting.question import parse_threshold
from tests.index.builders import unit
from tests.index.counting.test_explanation import SLIDER, hierarchies
from tests.index.explaining import (
    DIM,
    Request,
    judged_request,
    linkages,
    pair_at,
    random_request,
    requests,
)

many = pytest.mark.parametrize("seed", range(12))


def judged(
    count: int, same: Sequence[list[int]] = (), apart: Sequence[tuple[int, int]] = ()
) -> Judged:
    group = np.arange(count)
    for faces in same:
        group[faces] = group[faces[0]]
    pairs = tuple((int(group[one]), int(group[other])) for one, other in apart)
    return Judged(np.arange(count), group, pairs)


@many
@linkages
def test_what_people_said_holds_at_every_threshold(seed: int, linkage: Linkage) -> None:
    request = judged_request(seed, linkage)
    said = request.judged
    assert said is not None
    for text in ["0", "0.05", "0.2", "0.4", "3"]:
        person_of = request.answer(text).person_of
        for number in set(said.group.tolist()):
            assert len(set(person_of[said.group == number].tolist())) == 1
        for one, other in said.apart:
            ours = set(person_of[said.group == one].tolist())
            assert not ours & set(person_of[said.group == other].tolist())


@many
@linkages
def test_judged_answers_do_not_depend_on_the_order_of_faces(seed: int, linkage: Linkage) -> None:
    request = judged_request(seed, linkage)
    said = request.judged
    assert said is not None
    order = Random(seed).sample(range(len(request.faces)), len(request.faces))
    images = [request.faces[row].image_id for row in order]
    turned = Request(request.vectors[order], images, linkage, request.space)
    turned.judged = Judged(said.rank[order], said.group[order], said.apart)
    for text in ["0", "0.1", "0.2", "0.4"]:
        first, second = request.answer(text).person_of[order], turned.answer(text).person_of
        pairs = {(int(one), int(other)) for one, other in zip(first, second, strict=True)}
        assert len(pairs) == len(set(first.tolist())) == len(set(second.tolist()))


@many
@linkages
def test_equal_faces_that_were_judged_apart_are_told_by_their_content(
    seed: int, linkage: Linkage
) -> None:
    """Their vectors cannot tell which copy goes with which; the order of rows must not either."""
    rng = np.random.default_rng(seed)
    vectors = np.repeat(unit(rng.normal(size=(3, DIM))), 2, axis=0)
    order = rng.permutation(6)
    said = judged(6, apart=[(0, 1)])
    found = []
    for rows in (np.arange(6), order):
        request = Request(vectors[rows], linkage=linkage)
        request.judged = Judged(said.rank[rows], said.group[rows], said.apart)
        person_of = request.answer("0.4").person_of
        found.append(
            {frozenset(rows[person_of == number].tolist()) for number in set(person_of.tolist())}
        )
    assert found[0] == found[1]


@many
@linkages
def test_judgements_that_say_nothing_change_no_count(seed: int, linkage: Linkage) -> None:
    """The search that keeps to judgements finds what the ordinary one finds."""
    plain, request = random_request(seed, linkage), random_request(seed, linkage)
    request.judged = judged(len(request.faces))
    for text in ["0", "0.05", "0.1", "0.2", "0.3", "3"]:
        assert request.answer(text).person_of.tolist() == plain.answer(text).person_of.tolist()


@many
@linkages
def test_the_curve_of_a_judged_request_is_what_is_answered(seed: int, linkage: Linkage) -> None:
    request, random = judged_request(seed, linkage), Random(seed)
    told = request.explain("0.1")
    assert [count for _, count in told.curve] == [request.answer(at).person_num for at in SLIDER]
    for text in ["0", "0.2", "7", *(f"{random.random():.7f}" for _ in range(10))]:
        assert told.count_at(parse_threshold(text)) == request.answer(text).person_num, text


@many
@hierarchies
@pytest.mark.parametrize("threshold", ["0", "0.12", "0.2", "0.27"])
def test_the_stable_range_of_a_judged_request_is_stable_and_wide(
    seed: int, linkage: Linkage, threshold: str
) -> None:
    request = judged_request(seed, linkage)
    number = request.answer(threshold).person_num
    low, high = request.explain(threshold).stable_range()
    assert low <= parse_threshold(threshold) <= high
    if high > low + 2e-9:
        inside = np.linspace(low + 1e-9, high - 1e-9, 9)
        assert {request.answer(f"{at:.12f}").person_num for at in inside} == {number}
    if low > 0:
        assert request.answer(f"{max(low - 1e-9, 0):.12f}").person_num > number
    document = request.document(threshold)
    assert document["interval"]["low"] <= number <= document["interval"]["high"]
    for end in document["stable_range"]:
        assert request.answer(f"{end:.4f}").person_num == number


@requests
@linkages
def test_links_that_people_said_are_marked_and_come_first(seed: int, linkage: Linkage) -> None:
    request = random_request(seed, linkage)
    rows = Random(seed).sample(range(len(request.faces)), 2)
    request.judged = judged(len(request.faces), same=[rows])
    document = request.document("0.1")
    ids = sorted(request.faces[row].id for row in rows)
    said = [link for person in document["persons"] for link in person["links"] if "judged" in link]
    assert [sorted(link["faces"]) for link in said] == [ids]
    for person in document["persons"]:
        assert ["judged" in link for link in person["links"]] == sorted(
            ("judged" in link for link in person["links"]), reverse=True
        )
        weakest = person["weakest_link"]
        assert weakest is None or "judged" not in weakest


@linkages
def test_one_person_of_two_far_apart_faces_is_in_no_doubt(linkage: Linkage) -> None:
    request = Request(pair_at(1.2), images=[1, 1], linkage=linkage)
    assert request.document("0.2")["person_num"] == 2
    request.judged = judged(2, same=[[0, 1]])
    document = request.document("0.2")
    assert document["person_num"] == 1
    assert document["stable_range"][0] == 0
    assert document["persons"][0]["warnings"] == []
    assert document["persons"][0]["weakest_link"] is None


@linkages
def test_people_who_were_judged_apart_are_not_joined_through_a_third_face(linkage: Linkage) -> None:
    """A chain of three: the ends are different persons, and the middle goes with the nearer one."""
    angles = np.array([0.0, 0.3, 0.65])
    rows = np.zeros((3, DIM))
    rows[:, 0], rows[:, 1] = np.cos(angles), np.sin(angles)
    request = Request(rows.astype(np.float32), linkage=linkage)
    request.judged = judged(3, apart=[(0, 2)])
    for text in ("0.3", "0.4", "5"):
        assert request.answer(text).person_of.tolist() == [0, 0, 1]


def test_the_evidence_of_a_person_whom_people_put_together_counts_each_face() -> None:
    """A face joins a person of many alike faces more readily than a single one of them."""
    rng = np.random.default_rng(3)
    centre = rng.normal(size=DIM)
    vectors = unit(centre + 0.8 * rng.normal(size=(9, DIM)))
    request = Request(vectors)
    request.judged = judged(9, same=[list(range(8))])
    alone = Request(vectors[[0, 8]])
    joined_from = min(at for at, count in request.explain().curve if count == 1)
    assert joined_from < min(at for at, count in alone.explain().curve if count == 1)


def test_a_larger_question_with_judgements_is_answered_as_without() -> None:
    rows = 400
    rng = np.random.default_rng(5)
    people = rng.normal(size=(60, DIM))[rng.integers(60, size=rows)]
    vectors = unit(people + 0.9 * rng.normal(size=people.shape))
    for linkage, text in product(Linkage, ("0.1", "0.2")):
        plain, request = Request(vectors, linkage=linkage), Request(vectors, linkage=linkage)
        request.judged = judged(rows)
        assert request.answer(text).person_of.tolist() == plain.answer(text).person_of.tolist()
