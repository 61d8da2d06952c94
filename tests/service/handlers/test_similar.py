"""Where else in the library is the person of a face?"""

import pytest

from tests.service.running import Service, refusal


def face_in(service: Service, name: str) -> int:
    [person] = service.ask(name, path="/persons").json["persons"]
    return int(person["faces"][0]["id"])


def test_the_same_person_is_found_in_the_whole_library(library: Service) -> None:
    number = face_in(library, "a.png")
    found = library.send("GET", f"/faces/{number}/similar").json
    assert list(found) == ["face", "threshold", "found", "similar"]
    assert (found["face"]["id"], found["face"]["filepaths"]) == (number, ["a.png", "copy.png"])
    assert (found["threshold"], found["found"]) == ("0.2", 2)
    assert [face["filepaths"] for face in found["similar"]] == [["a again.png"], ["both.png"]]
    for face in found["similar"]:
        assert len(face["box"]) == 4
        assert face["distance"] == pytest.approx(0, abs=1e-3)
        assert "false_match_rate" in face
    distances = [face["distance"] for face in found["similar"]]
    assert distances == sorted(distances)
    assert library.send("GET", f"/person_count/faces/{number}/similar/").json == found


@pytest.mark.parametrize("few_chunks", [0, 4])
def test_limit_and_threshold_decide_what_is_listed(
    library: Service, few_chunks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.vectors.vector_index.FEW_CHUNKS", few_chunks)
    address = f"/faces/{face_in(library, 'a.png')}/similar"
    assert len(library.send("GET", f"{address}?limit=1").json["similar"]) == 1
    assert library.send("GET", f"{address}?limit=1").json["found"] == 2
    assert library.send("GET", f"{address}?threshold=0").json["similar"] == []
    everything = library.send("GET", f"{address}?threshold=9&limit=200").json
    assert everything["found"] == len(everything["similar"]) == 12
    assert everything["threshold"] == "9"


def test_photos_that_are_gone_or_changed_are_not_found(service: Service) -> None:
    names = [service.drop(f"{number}.png", 1, seed=number) for number in range(4)]
    assert service.ask(*names).json["person_num"] == 1
    address = f"/faces/{face_in(service, '0.png')}/similar"
    (service.settings.inbox / "1.png").unlink()
    service.drop("2.png", 7)
    found = service.send("GET", address).json
    assert [face["filepaths"] for face in found["similar"]] == [["3.png"]]
    (service.settings.inbox / "0.png").unlink()
    assert refusal(service.send("GET", address), 404) == "there is no such face"


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "threshold=x", "threshold=-1", "x=1"])
def test_bad_parameters_are_refused(library: Service, query: str) -> None:
    address = f"/faces/{face_in(library, 'a.png')}/similar"
    refusal(library.send("GET", f"{address}?{query}"), 400)


def test_a_face_that_is_not_there_is_404(library: Service) -> None:
    assert refusal(library.send("GET", "/faces/999999/similar"), 404) == "there is no such face"


def test_each_face_of_a_photo_is_looked_for(library: Service) -> None:
    answer = library.send("GET", "/similar?filepath=both.png&limit=3")
    found = answer.json
    assert answer.status == 200
    assert list(found) == ["filepath", "threshold", "faces"]
    assert (found["filepath"], found["threshold"]) == ("both.png", "0.2")
    assert [one["found"] for one in found["faces"]] == [2, 1]
    for one in found["faces"]:
        alone = library.send("GET", f"/faces/{one['face']['id']}/similar?limit=3").json
        assert one == {name: alone[name] for name in ("face", "found", "similar")}


def test_a_photo_that_is_not_indexed_yet_is_indexed_first(service: Service) -> None:
    assert service.ask(service.drop("old.png", 1)).status == 200
    service.drop("new.png", 1, seed=5)
    [found] = service.send("GET", "/similar?filepath=new.png").json["faces"]
    assert [face["filepaths"] for face in found["similar"]] == [["old.png"]]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("filepath=a.png&filepath=b.png", 400),
        ("filepath=folder", 400),
        ("filepath=a.png&linkage=single", 400),
        ("limit=3", 400),
        ("filepath=none.png", 404),
        ("filepath=broken.jpg", 422),
    ],
)
def test_what_is_not_one_photo_is_refused(library: Service, query: str, status: int) -> None:
    refusal(library.send("GET", f"/similar?{query}"), status)


def test_the_photo_s_other_faces_are_found_if_asked_for(library: Service) -> None:
    one = library.send("GET", "/similar?filepath=crowd.png&faces=one").json
    assert len(one["faces"]) == 1
    assert len(library.send("GET", "/similar?filepath=crowd.png&faces=all").json["faces"]) == 3
    assert library.send("GET", "/similar?filepath=wall.png").json["faces"] == []
