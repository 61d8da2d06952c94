"""The API contract: /persons says where a second model disagrees; /person_count never changes."""

from tests.fakes import hasty_models
from tests.service.beside import index_beside
from tests.service.running import Service

NAMES = ("a.png", "b.png", "both.png")


def test_persons_says_where_a_second_model_disagrees(service: Service) -> None:
    service.drop("a.png", 2)
    service.drop("b.png", 3)
    service.drop("both.png", 2, 3)
    count = service.ask(*NAMES).body
    before = service.ask(*NAMES, path="/persons").json
    assert "second_opinion" not in before
    index_beside(service, hasty_models())
    found = service.ask(*NAMES, path="/persons").json
    said = found.pop("second_opinion")
    assert found == before
    assert service.ask(*NAMES).body == count
    by_person = [[face["id"] for face in person["faces"]] for person in found["persons"]]
    assert said == {
        "model": "hasty-1",
        "person_num": 1,
        "photos_missing": 0,
        "parted": [],
        "joined": [sorted(by_person)],
    }


def test_what_the_second_model_lacks_is_told(service: Service) -> None:
    service.drop("a.png", 2)
    service.ask("a.png")
    index_beside(service, hasty_models())
    service.drop("b.png", 3)
    found = service.ask("a.png", "b.png", path="/persons").json
    assert found["second_opinion"]["photos_missing"] == 1
    status = service.send("GET", "/status").json
    assert status["second_opinion"] == {"model": "hasty-1", "images": 1, "of": 2}
