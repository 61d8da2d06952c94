"""min_photos: only persons who appear in at least so many different photos of the question."""

import pytest

from tests.service.running import Service, refusal

NAMES = ("a.png", "a again.png", "both.png", "copy.png", "crowd.png")  # 1 in 3 photos, 2 in one


@pytest.mark.parametrize(("least", "count"), [("1", 5), ("2", 1), ("3", 1), ("4", 0)])
@pytest.mark.parametrize("linkage", ["evidence", "supported", "average"])
def test_persons_in_fewer_photos_do_not_count(
    library: Service, least: str, count: int, linkage: str
) -> None:
    answer = library.ask(*NAMES, min_photos=least, linkage=linkage)
    assert answer.json == {
        "errcode": 1,
        "filepaths": list(NAMES),
        "threshold": "0.2",
        "person_num": count,
    }
    body = {"filepaths": list(NAMES), "min_photos": int(least), "linkage": linkage}
    assert library.post(body).json == answer.json
    found = library.post(body, path="/persons").json
    assert (found["person_num"], len(found["persons"])) == (count, count)
    assert found["min_photos"] == int(least)
    here = [point["person_num"] for point in found["curve"] if point["threshold"] == 0.2]
    assert here == [count]
    assert found["interval"]["low"] <= count <= found["interval"]["high"]
    low, high = found["stable_range"]
    assert low <= 0.2 <= high


def test_who_does_not_count_is_said(library: Service) -> None:
    found = library.ask(*NAMES, min_photos="2", path="/persons").json
    reasons = {face["reason"] for face in found["left_out"]}
    assert reasons == {"its person is in too few photos"}
    assert len(found["left_out"]) == 4
    assert [file["status"] for file in found["files"]] == [*["counted"] * 4, "no_face"]


@pytest.mark.parametrize("value", ["0", "-1", "", "two", "1.5", "9999999"])
def test_a_bad_number_is_refused(library: Service, value: str) -> None:
    assert "min_photos" in refusal(library.ask("a.png", min_photos=value), 400)
