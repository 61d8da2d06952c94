"""/persons/compare: who is in both of two lists, and who only in one."""

from typing import Any

import pytest

from tests.service.running import NOT_THERE, Answer, Service, refusal

NUMBERS = ("in_a", "in_b", "in_both", "only_a", "only_b")


def compare(service: Service, a: object, b: object, **more: object) -> Answer:
    return service.post({"a": a, "b": b, **more}, path="/persons/compare")


def names(person: Any, side: str) -> list[str]:
    return sorted(name for face in person[side] for name in face["filepaths"])


def test_one_grouping_over_both_lists_tells_who_is_where(library: Service) -> None:
    a, b = ["both.png", "crowd.png"], ["b.png", "a again.png", "folder"]
    answer = compare(library, a, b)
    found = answer.json
    assert answer.status == 200
    assert list(found)[:9] == ["a", "b", "threshold", "person_num", *NUMBERS]
    assert (found["a"], found["b"], found["threshold"]) == (a, b, "0.2")
    assert [found[name] for name in NUMBERS] == [5, 3, 2, 3, 1]
    assert found["person_num"] == 6 == library.ask(*a, *b).json["person_num"]
    assert [person["in"] for person in found["persons"]] == [*["both"] * 2, *["a"] * 3, "b"]
    assert [names(person, "a") for person in found["persons"][:2]] == [["both.png"]] * 2
    assert sorted(names(person, "b") for person in found["persons"][:2]) == [
        ["a again.png"],
        ["b.png"],
    ]
    assert (names(found["persons"][5], "a"), names(found["persons"][5], "b")) == (
        [],
        ["folder/c.png"],
    )


def test_a_photo_in_both_lists_and_a_copy_of_one_put_their_persons_into_both(
    library: Service,
) -> None:
    found = compare(library, ["a.png", "b.png"], ["copy.png", "b.png"]).json
    assert [found[name] for name in NUMBERS] == [2, 2, 2, 0, 0]
    assert [(names(one, "a"), names(one, "b")) for one in found["persons"]] == [
        (["a.png"], ["copy.png"]),
        (["b.png"], ["b.png"]),
    ]
    assert found["persons"][1]["a"] == found["persons"][1]["b"]


def test_the_order_of_the_lists_changes_only_the_sides(library: Service) -> None:
    a, b = ["both.png", "crowd.png"], ["b.png", "folder"]
    there, back = compare(library, a, b).json, compare(library, b, a).json
    swapped = ("in_b", "in_a", "in_both", "only_b", "only_a")
    assert [there[name] for name in NUMBERS] == [back[name] for name in swapped]


def test_min_photos_counts_the_photos_of_both_lists(library: Service) -> None:
    found = compare(library, ["both.png"], ["a again.png", "crowd.png"], min_photos=2).json
    assert (found["person_num"], [found[name] for name in NUMBERS]) == (1, [1, 1, 1, 0, 0])
    assert found["min_photos"] == 2


def test_a_list_of_photos_without_a_face_has_nobody(library: Service) -> None:
    found = compare(library, ["wall.png"], ["a.png"]).json
    assert [found[name] for name in NUMBERS] == [0, 1, 0, 0, 1]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"a": ["a.png"]}, "b must be a list of strings"),
        ({"a": [], "b": ["a.png"]}, "the list a is empty"),
        ({"a": ["a.png"], "b": "a.png"}, "b must be a list of strings"),
        ({"a": ["a.png"], "b": [""]}, "filepath is empty"),
        ({"a": ["a.png"], "b": ["b.png"], "filepath": "x"}, "unknown parameter 'filepath'"),
        ({"a": ["a.png"], "b": ["b.png"], "threshold": "x"}, "threshold must be a number"),
    ],
)
def test_a_bad_body_is_refused(library: Service, body: dict[str, object], said: str) -> None:
    assert said in refusal(library.post(body, path="/persons/compare"), 400)


def test_files_that_cannot_be_counted_refuse_it_as_they_refuse_a_count(library: Service) -> None:
    assert compare(library, ["a.png"], ["none.png"]).body == NOT_THERE
    assert "broken.jpg" in refusal(compare(library, ["broken.jpg"], ["a.png"]), 422)
    assert library.send("GET", "/persons/compare").status == 405
