"""python -m service.health, which containers ask whether to restart."""

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


def test_one_that_does_not_answer_is_not(service: Service) -> None:
    other = service.settings.model_copy(update={"port": service.thread.port, "tls": False})
    assert "no answer from 127.0.0.1" in (health.check(other) or "")


def test_the_exit_code_says_it(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PERSON_COUNT_PORT", str(service.thread.port))
    assert (health.main(), capsys.readouterr().out) == (0, "healthy\n")
    monkeypatch.setenv("PERSON_COUNT_PORT", "http")
    assert health.main() == 1
    assert capsys.readouterr().out.startswith("setting port: ")
