"""python -m service.health, which containers ask whether to restart."""

import socket
from collections.abc import Callable

import pytest

from service import health
from tests.service.running import Service


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_service_that_answers_is_healthy(
    make_service: Callable[..., Service], tls: bool, host: str
) -> None:
    service = make_service(tls=tls)
    given = service.settings.model_copy(update={"port": service.thread.port, "host": host})
    assert health.check(given) is None


def test_one_that_refuses_is_not(service: Service) -> None:
    other = service.settings.model_copy(update={"port": service.thread.port, "tls": False})
    assert health.check(other) == "the answer is 400"  # whoever speaks plain HTTP to TLS is told


def test_where_nobody_listens_there_is_no_answer(service: Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    other = service.settings.model_copy(update={"port": port})
    assert "no answer from 127.0.0.1" in (health.check(other) or "")


def test_the_exit_code_says_it(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PERSON_COUNT_PORT", str(service.thread.port))
    assert (health.main(), capsys.readouterr().out) == (0, "healthy\n")
    monkeypatch.setenv("PERSON_COUNT_PORT", "http")
    assert health.main() == 1
    assert capsys.readouterr().out.startswith("setting port: ")
