"""Pages of other sites: those of origins that the operator has named may ask, no others."""

from collections.abc import Callable
from pathlib import Path

import pytest

from index.base.errors import ConfigError
from index.base.settings import load_settings
from index.base.tokens import Scope, add_token
from tests.service.running import Answer, Service, refusal
from tests.service.uploading import png

APP = "https://app.example"
OTHERS = (
    "https://evil.example",
    "http://app.example",
    "https://app.example:8443",
    "https://app.example.evil.example",
    "https://app.example, https://app.example",
    "null",
    "*",
)


def preflight(service: Service, target: str, origin: str = APP, method: str = "POST") -> Answer:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    return service.send("OPTIONS", target, headers=headers)


def cors(answer: Answer) -> dict[str, str]:
    found = {name.lower(): value for name, value in answer.headers.items()}
    return {name: found[name] for name in found if name.startswith("access-control")}


@pytest.fixture
def open_service(make_service: Callable[..., Service]) -> Service:
    return make_service(cors_origins=(APP,))


def test_a_preflight_says_what_a_named_origin_may_send(open_service: Service) -> None:
    for target, methods in {
        "/person_count": "GET, HEAD, POST",
        "/files/a.png": "PUT",
        "/faces/1.jpg": "GET, HEAD",
    }.items():
        answer = preflight(open_service, target)
        assert (answer.status, answer.body) == (204, b"")
        assert cors(answer) == {
            "access-control-allow-origin": APP,
            "access-control-allow-methods": methods,
            "access-control-allow-headers": "Authorization, Content-Type, X-Request-ID",
            "access-control-max-age": "600",
            "access-control-expose-headers": cors(answer)["access-control-expose-headers"],
        }


@pytest.mark.parametrize("origin", OTHERS)
def test_other_origins_are_told_nothing_but_the_setting(open_service: Service, origin: str) -> None:
    refused = preflight(open_service, "/person_count", origin)
    assert "cors_origins" in refusal(refused, 405)
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    read = open_service.send("GET", "/person_count?filepath=a.png", headers=headers)
    assert "cors_origins" in refusal(read, 400)
    sent = open_service.send("PUT", "/files/a.png", png(1), headers)
    assert "cors_origins" in refusal(sent, 403)
    assert [cors(answer) for answer in (refused, read, sent)] == [{}, {}, {}]


def test_without_the_setting_no_origin_is_named(library: Service) -> None:
    assert "cors_origins" in refusal(preflight(library, "/person_count"), 405)


def test_a_named_origin_reads_answers_and_refusals_and_needs_its_token(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    secret = add_token(tokens, "app", Scope.ADMIN)
    service = make_service(cors_origins=(APP,), tokens=tokens)
    service.drop("a.png", 1)
    page = {"Origin": APP, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    mine = page | {"Authorization": f"Bearer {secret}"}
    json_body = b'{"filepaths": ["a.png"]}'
    json_kind = {"Content-Type": "application/json"}
    assert preflight(service, "/files/b.png", method="PUT").status == 204
    for headers, statuses in ((page, [401, 401, 401]), (mine, [200, 200, 201])):
        answers = [
            service.send("GET", "/person_count?filepath=a.png", headers=headers),
            service.send("POST", "/persons", json_body, headers | json_kind),
            service.send("PUT", "/files/b.png", png(2), headers),
        ]
        assert [answer.status for answer in answers] == statuses
        for answer in answers:
            assert answer.headers["Access-Control-Allow-Origin"] == APP
            assert answer.headers["Vary"] == "Origin"
            assert "Access-Control-Allow-Credentials" not in answer.headers
    connection = service.connect()  # the next request on the same connection is another caller's
    for headers in (mine, {"Authorization": f"Bearer {secret}"}):
        connection.request("GET", "/status", headers=headers)
        found = connection.getresponse()
        found.read()
        assert found.getheader("Access-Control-Allow-Origin") == headers.get("Origin")
    connection.close()


@pytest.mark.parametrize("given", ["*", "null", "app.example", "https://app.example/x", ""])
def test_an_origin_is_exact(given: str) -> None:
    with pytest.raises(ConfigError, match=r"setting cors_origins: .* is no origin such as"):
        load_settings(cors_origins=(given,))


def test_an_origin_has_the_spelling_of_browsers() -> None:
    assert load_settings(cors_origins=("HTTPS://App.Example:443/",)).cors_origins == (APP,)
