"""The description at /openapi.json, checked against the running service by schemathesis."""

import re
import time
import warnings
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from jsonschema_rs import validator_for

from index.base.choices import FaceChoice, Linkage
from index.base.settings import Settings
from index.library.ingest_report import IngestReport, store_report
from service.contract.addresses import METHODS
from service.contract.openapi import OPERATIONS, describe, path_of
from service.handlers.routes import HANDLERS
from tests.service.running import Service, running_service
from tests.waiting import wait_until

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it imports is deprecated in places
    import schemathesis
    from schemathesis import checks
    from schemathesis.specs.openapi import checks as conformance

QUESTIONS = ("/person_count", "/persons")
FOLDER_FILES = {"a.png": (1,), "b.png": (2, 3), "wall.png": ()}


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that does not wait for files, with a few photos and one that is none."""
    with running_service(tmp_path_factory.mktemp("described")) as service:
        for name, people in FOLDER_FILES.items():
            service.drop(name, *people)
        (service.settings.inbox / "broken.jpg").write_text("no image")
        assert service.ask(*FOLDER_FILES).status == 200
        yield service


@pytest.fixture(scope="module")
def document(described: Service) -> dict[str, Any]:
    answer = described.send("GET", "/openapi.json")
    assert answer.status == 200
    return dict(answer.json)


def test_every_route_is_described_and_nothing_else(document: dict[str, Any]) -> None:
    assert {path_of(handler) for handler in HANDLERS} == set(OPERATIONS)
    assert set(document["paths"]) == set(OPERATIONS)
    for handler in HANDLERS:
        own = {method for method in METHODS if method in handler.__dict__}
        assert set(document["paths"][path_of(handler)]) - {"parameters"} == own


def test_generators_get_ascii_names_an_id_and_a_tag_for_each_operation(
    document: dict[str, Any],
) -> None:
    info = document["info"]
    assert info["title"].isascii()
    assert "关键人员计数" in info["description"]
    operations = [
        item[method] for item in document["paths"].values() for method in METHODS if method in item
    ]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch("[a-z]+[A-Z][A-Za-z]+", name)] == []
    assert all(len(operation["tags"]) == 1 for operation in operations)


def test_it_speaks_of_the_choices_that_are_checked(settings: Settings) -> None:
    found = describe(HANDLERS, settings.model_copy(update={"max_request_files": 7}))
    given = {p["name"]: p for p in found["paths"]["/person_count"]["get"]["parameters"]}
    assert [name for name in given if given[name]["required"]] == ["filepath"]
    assert given["filepath"]["schema"]["maxItems"] == 7
    assert given["threshold"]["schema"]["default"] == "0.2"
    assert given["faces"]["schema"]["enum"] == list(FaceChoice)
    assert given["linkage"]["schema"]["enum"] == list(Linkage)


def test_tokens_are_asked_for_where_they_are_needed(settings: Settings) -> None:
    tokens = settings.data / "tokens"
    found = describe(HANDLERS, settings.model_copy(update={"tokens": tokens}))
    needed = {
        path: any(bool(item[method]["security"]) for method in METHODS if method in item)
        for path, item in found["paths"].items()
    }
    assert needed == {
        "/person_count": True,
        "/persons": True,
        "/persons/compare": True,
        "/people": True,
        "/status": True,
        "/metrics": True,
        "/healthz": False,
        "/readyz": False,
        "/openapi.json": False,
        "/docs": False,
        "/": False,
        "/assets/{name}": False,
        "/faces/{face}.jpg": True,
        "/faces/{face}/photo.jpg": True,
        "/faces/{face}/similar": True,
        "/similar": True,
        "/judgements": True,
        "/judgements/{judgement}": True,
        "/files": True,
        "/files/retry": True,
        "/files/{name}": True,
    }


def check_answer(document: dict[str, Any], schema: str, found: object) -> None:
    validator_for({"$ref": f"#/components/schemas/{schema}", **document}).validate(found)


def test_real_answers_are_as_described(described: Service, document: dict[str, Any]) -> None:
    names = [*FOLDER_FILES, "broken.jpg", "none.png"]
    check_answer(document, "Persons", described.ask(*names, path="/persons").json)
    check_answer(document, "Count", described.ask(*FOLDER_FILES).json)
    lists = {"a": ["a.png"], "b": ["b.png", "wall.png"]}
    check_answer(document, "Compared", described.post(lists, path="/persons/compare").json)
    wait_until(
        lambda: described.send("GET", "/people").json["state"] == "current", "all are counted"
    )
    check_answer(document, "People", described.send("GET", "/people").json)
    near = described.send("GET", "/similar?filepath=b.png")
    check_answer(document, "PhotoSimilar", near.json)
    check_answer(document, "Status", described.send("GET", "/status").json)
    said = {"judgements": [{"verdict": "different", "faces": [1, 2], "note": "n"}]}
    check_answer(document, "Judging", said)
    check_answer(document, "Judged", described.post(said, "/judgements").json)
    check_answer(document, "Judgements", described.send("GET", "/judgements").json)
    check_answer(document, "Judgement", described.send("DELETE", "/judgements/1").json)
    store_report(described.database, IngestReport(started_at=time.time()), time.time())
    found = described.send("GET", "/status").json
    described_ingest = document["components"]["schemas"]["Status"]["properties"]["ingest"]
    for part in ("watcher", "work"):
        assert set(found["ingest"][part]) == set(described_ingest["properties"][part]["properties"])
    check_answer(document, "Status", found)
    for answer in (described.ask(), described.ask("none.png"), described.ask("broken.jpg")):
        check_answer(document, "Error", answer.json)


def test_the_service_keeps_to_its_description(described: Service, document: dict[str, Any]) -> None:
    """Generated requests, good and bad, against the live server over TLS."""
    schema = schemathesis.openapi.from_dict(document)
    base = f"https://127.0.0.1:{described.thread.port}"
    seen: set[tuple[str, int]] = set()

    def attack(operation: Any) -> None:
        @hypothesis.seed(20261122)
        @hypothesis.settings(
            max_examples=20,
            deadline=None,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(case=good_and_bad(operation))
        def run(case: schemathesis.Case) -> None:
            answer = case.call(base_url=base, verify=str(described.certificate))
            seen.add((operation.label, answer.status_code))
            case.validate_response(
                answer,
                checks=[
                    checks.not_a_server_error,
                    conformance.status_code_conformance,
                    conformance.content_type_conformance,
                    conformance.response_schema_conformance,
                ],
            )

        run()

    for result in schema.get_all_operations():
        attack(result.ok())
    for label in (f"{method} {path}" for method in ("GET", "POST") for path in QUESTIONS):
        assert {(label, 200), (label, 400)} <= seen
    assert described.ask(*FOLDER_FILES).json["person_num"] == 3


def good_and_bad(operation: Any) -> hypothesis.strategies.SearchStrategy[Any]:
    """Requests that the description allows, the same about real files, and ones it forbids."""
    allowed = operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
    forbidden = operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
    return hypothesis.strategies.one_of(allowed, allowed.map(about_real_files), forbidden)


def about_real_files(case: Any) -> Any:
    if case.query and "filepath" in case.query:
        case.query["filepath"] = list(FOLDER_FILES)
    elif isinstance(case.body, dict):
        case.body["filepaths"] = list(FOLDER_FILES)
    return case
