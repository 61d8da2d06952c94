"""What people say about faces, over HTTP."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from index.base.tokens import Scope, add_token
from tests.service.running import NOT_THERE, Answer, Service, refusal

JSON = {"Content-Type": "application/json"}


def say(service: Service, verdict: str, *faces: int, **more: object) -> Answer:
    return service.post(
        {"judgements": [{"verdict": verdict, "faces": faces, **more}]}, "/judgements"
    )


def face_in(service: Service, name: str) -> int:
    [person] = service.ask(name, path="/persons").json["persons"]
    return int(person["faces"][0]["id"])


def listed(service: Service, query: str = "") -> list[Any]:
    answer = service.send("GET", f"/judgements{query}")
    assert answer.status == 200, answer.body
    return list(answer.json["judgements"])


@pytest.fixture
def three(service: Service) -> dict[str, int]:
    """The faces of three persons, by the name of the photo."""
    names = [service.drop(f"{name}.png", number) for number, name in enumerate("abc", 1)]
    assert service.ask(*names).json["person_num"] == 3
    return {name[0]: face_in(service, name) for name in names}


def count(service: Service) -> int:
    return int(service.ask("a.png", "b.png", "c.png").json["person_num"])


@pytest.mark.engines
def test_a_judgement_changes_the_next_count_until_it_is_undone(
    service: Service, three: dict[str, int]
) -> None:
    said = say(service, "same", three["a"], three["b"], note="照片里是同一人")
    assert said.status == 200
    [judgement] = said.json["judgements"]
    assert {**judgement, "faces": None, "at": 0} == {
        "id": 1,
        "verdict": "same",
        "state": "holds",
        "faces": None,
        "at": 0,
        "author": "without token",
        "note": "照片里是同一人",
    }
    assert [(face["id"], face["filepaths"]) for face in judgement["faces"]] == [
        (three["a"], ["a.png"]),
        (three["b"], ["b.png"]),
    ]
    assert count(service) == 2
    assert say(service, "same", three["b"], three["a"]).json == said.json
    assert say(service, "not_a_person", three["c"]).status == 200
    assert count(service) == 1
    explained = service.ask("a.png", "c.png", path="/persons").json
    assert explained["persons"][0]["faces"][0]["judgements"] == [1]
    assert explained["left_out"][0]["reason"] == "not a person"
    undone = service.send("DELETE", "/person_count/judgements/1/").json
    assert (undone["id"], undone["state"]) == (1, "undone")
    assert undone["undone"]["author"] == "without token"
    assert count(service) == 2


@pytest.mark.engines
def test_all_are_added_or_none_and_a_contradiction_names_the_chain(
    service: Service, three: dict[str, int]
) -> None:
    a, b, c = three.values()
    several = [{"verdict": "same", "faces": [a, b]}, {"verdict": "same", "faces": [b, c]}]
    opposite = {"verdict": "different", "faces": [c, a]}
    answer = service.post({"judgements": [*several, opposite]}, "/judgements")
    assert refusal(answer, 409) == "number 3 of the list contradicts number 2 and number 1"
    assert listed(service) == []
    assert service.post({"judgements": several}, "/judgements").status == 200
    [first, second] = [one["id"] for one in reversed(listed(service))]
    answer = service.post({"judgements": [opposite]}, "/judgements")
    assert f"judgements {second}, {first} together contradict" in refusal(answer, 409)
    answer = service.post(
        {"judgements": [opposite, {**opposite, "faces": [a, 999]}]}, "/judgements"
    )
    assert refusal(answer, 404) == "there is no face 999"
    assert count(service) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"judgements": []},
        {"judgements": {}},
        {"judgements": [1]},
        {"judgements": [{"verdict": "same", "faces": [1, 2]}], "more": 1},
        {"judgements": [{"verdict": "undo", "faces": [1]}]},
        {"judgements": [{"verdict": ["same"], "faces": [1, 2]}]},
        {"judgements": [{"verdict": "same", "faces": [1]}]},
        {"judgements": [{"verdict": "same", "faces": [1, 1]}]},
        {"judgements": [{"verdict": "not_a_person", "faces": [1, 2]}]},
        {"judgements": [{"verdict": "same", "faces": ["1", 2]}]},
        {"judgements": [{"verdict": "same", "faces": [1, 1.5]}]},
        {"judgements": [{"verdict": "same", "faces": [1, -2]}]},
        {"judgements": [{"verdict": "same", "faces": [1, 10**18]}]},
        {"judgements": [{"verdict": "same", "faces": [1, 2], "note": "x" * 501}]},
        {"judgements": [{"verdict": "same", "faces": [1, 2], "note": None}]},
        {"judgements": [{"verdict": "same", "faces": [1, 2], "note": "\ud800"}]},
        {"judgements": [{"verdict": "same", "faces": [1, 2], "name": "x"}]},
    ],
    ids=repr,
)
def test_what_is_no_judgement_is_refused(library: Service, body: object) -> None:
    refusal(library.post(body, "/judgements"), 400)


def test_too_many_at_once_are_refused(library: Service) -> None:
    body = {"judgements": [{"verdict": "same", "faces": [1, 2]}] * 1001}
    assert "1001 judgements" in refusal(library.post(body, "/judgements"), 413)


def test_what_is_not_there_cannot_be_undone(library: Service) -> None:
    assert refusal(library.send("DELETE", "/judgements/9"), 404) == "there is no judgement 9"
    for target in ("/judgements/0", "/judgements/x", f"/judgements/{10**19}"):
        refusal(library.send("DELETE", target), 404)
    refusal(library.send("GET", "/judgements/9"), 405)
    refusal(library.send("DELETE", "/judgements"), 405)


@pytest.mark.engines
def test_the_list_has_pages_and_is_asked_for_by_file_and_by_state(
    service: Service, three: dict[str, int]
) -> None:
    a, b, c = three.values()
    for pair in ((a, b), (b, c), (a, c)):
        assert say(service, "different", *pair).status == 200
    assert [one["id"] for one in listed(service)] == [3, 2, 1]
    assert [one["id"] for one in listed(service, "?filepath=a.png")] == [3, 1]
    first = service.send("GET", "/judgements?limit=2").json
    assert [one["id"] for one in first["judgements"]] == [3, 2]
    second = service.send("GET", f"/judgements?limit=2&after={first['next']}").json
    assert ([one["id"] for one in second["judgements"]], second["next"]) == ([1], None)
    assert service.send("DELETE", "/judgements/2").status == 200
    assert [one["id"] for one in listed(service)] == [3, 1]
    [undone] = listed(service, "?state=undone")
    assert (undone["id"], undone["faces"][0]["id"]) == (2, b)
    refusal(service.send("DELETE", "/judgements/2"), 409)
    with service.database.write() as connection:  # as if the detector no longer found it
        moved = text("UPDATE faces SET x1 = x1 + 500, x2 = x2 + 500 WHERE id = :face")
        connection.execute(moved, {"face": a})
    assert [one["id"] for one in listed(service, "?state=lost")] == [3, 1]
    assert listed(service, "?state=lost")[0]["faces"][0]["id"] is None
    assert listed(service, "?state=holds") == []
    assert service.send("GET", "/judgements?filepath=none.png").body == NOT_THERE
    for query in ("state=x", "limit=0", "after=0", "x=1", "filepath=", "filepath=a&filepath=b"):
        refusal(service.send("GET", f"/judgements?{query}"), 400)


def test_a_photo_is_judged_wherever_it_lies(service: Service, three: dict[str, int]) -> None:
    assert say(service, "same", three["a"], three["b"]).status == 200
    inbox = service.settings.inbox
    (inbox / "elsewhere").mkdir()
    (inbox / "a.png").rename(inbox / "elsewhere" / "moved.png")
    assert service.ask("elsewhere/moved.png", "b.png").json["person_num"] == 1
    assert listed(service)[0]["faces"][0]["filepaths"] == ["elsewhere/moved.png"]


class TestTokens:
    def test_who_may_look_say_and_undo(
        self, make_service: Callable[..., Service], tmp_path: Path
    ) -> None:
        path = tmp_path / "tokens"
        secrets = {scope: add_token(path, f"the-{scope}", scope) for scope in Scope}
        service = make_service(tokens=path)
        names = [service.drop(f"{number}.png", number) for number in (1, 2)]
        held = {scope: {"Authorization": f"Bearer {secrets[scope]}"} for scope in Scope}
        asked = "&".join(f"filepath={name}" for name in names)
        answer = service.send("GET", f"/persons?{asked}", headers=held[Scope.READ])
        faces = [person["faces"][0]["id"] for person in answer.json["persons"]]
        body = json.dumps({"judgements": [{"verdict": "same", "faces": faces}]}).encode()
        refused = service.send("POST", "/judgements", body, JSON | held[Scope.READ])
        assert refusal(refused, 401) == "the token's scope is read, and this needs judge"
        refusal(service.send("POST", "/judgements", body, JSON), 401)
        said = service.send("POST", "/judgements", body, JSON | held[Scope.JUDGE])
        assert said.json["judgements"][0]["author"] == "the-judge"
        refusal(service.send("DELETE", "/judgements/1", headers=held[Scope.READ]), 401)
        seen = service.send("GET", "/judgements", headers=held[Scope.READ]).json
        assert seen["judgements"] == said.json["judgements"]
        undone = service.send("DELETE", "/judgements/1", headers=held[Scope.ADMIN]).json
        assert undone["undone"]["author"] == "the-admin"
        refusal(service.send("PUT", "/files/x.png", b"x", held[Scope.JUDGE]), 401)


class TestOtherSites:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ],
        ids=repr,
    )
    def test_their_pages_change_nothing(self, library: Service, headers: dict[str, str]) -> None:
        body = json.dumps({"judgements": [{"verdict": "same", "faces": [1, 2]}]}).encode()
        refusal(library.send("POST", "/judgements", body, JSON | headers), 403)
        refusal(library.send("DELETE", "/judgements/1", headers=headers), 403)
        assert listed(library) == []

    def test_a_named_origin_may(self, make_service: Callable[..., Service]) -> None:
        app = "https://app.example"
        service = make_service(cors_origins=(app,))
        asks = {"Origin": app, "Access-Control-Request-Method": "DELETE"}
        for target, methods in (("/judgements", "GET, HEAD, POST"), ("/judgements/1", "DELETE")):
            allowed = service.send("OPTIONS", target, headers=asks)
            assert allowed.headers["Access-Control-Allow-Methods"] == methods
        refusal(service.send("DELETE", "/judgements/1", headers={"Origin": app}), 404)


def test_persons_says_where_the_count_is_least_sure(library: Service) -> None:
    names = ("a.png", "a again.png", "b.png", "folder/c.png")
    explained = library.ask(*names, path="/persons").json
    assert explained["person_num"] == 3
    assert [doubt["joined"] for doubt in explained["doubts"]] == [True, False, False]
    margins = [abs(doubt["threshold"] - 0.2) for doubt in explained["doubts"]]
    assert margins == sorted(margins)
    there = {face["id"] for person in explained["persons"] for face in person["faces"]}
    assert all(set(doubt["faces"]) <= there for doubt in explained["doubts"])
    for linkage in ("supported", "single", "average", "complete"):
        found = library.ask(*names, path="/persons", linkage=linkage).json
        assert [doubt["joined"] for doubt in found["doubts"]] == [True, False, False]
    assert library.ask("a.png", path="/persons").json["doubts"] == []
    assert library.ask("wall.png", path="/persons").json["doubts"] == []
