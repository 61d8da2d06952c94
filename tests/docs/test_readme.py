"""The examples of README.md, run against the live service over TLS."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.calls import run_example
from tests.service.running import Service, running_service

README = Path(__file__).resolve().parents[2] / "README.md"
CODE = dict(
    re.findall(r"```(sh|python|javascript)\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
)
ANSWER = {
    "errcode": 1,
    "filepaths": ["beach.jpg", "dinner.jpg"],
    "threshold": "0.2",
    "person_num": 3,
}


@pytest.fixture(scope="module")
def holiday(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("holiday")) as service:
        service.drop("beach.jpg", 1, 2)
        service.drop("dinner.jpg", 2, 3)
        yield service


@pytest.mark.parametrize("kind", ["sh", "python", "javascript"])
def test_the_examples_give_the_answer_that_is_shown(holiday: Service, kind: str) -> None:
    assert str(ANSWER).replace("'", '"') in README.read_text("utf-8")
    code = CODE[kind].replace("127.0.0.1:8022", f"127.0.0.1:{holiday.thread.port}")
    assert run_example(kind, code, holiday.settings.data.parent) == ANSWER


def test_the_first_command_of_the_page_gives_the_same(holiday: Service) -> None:
    (line,) = re.findall(r"^\$ (curl .*)$", README.read_text("utf-8"), re.MULTILINE)
    code = line.replace("127.0.0.1:8022", f"127.0.0.1:{holiday.thread.port}")
    assert run_example("sh", code, holiday.settings.data.parent) == ANSWER


@pytest.mark.parametrize("kind", ["sh", "python", "javascript"])
def test_the_examples_are_those_that_the_service_shows(kind: str) -> None:
    from service.contract.examples import Call  # noqa: PLC0415 - only here

    pairs = [("filepath", "beach.jpg"), ("filepath", "dinner.jpg")]
    call = Call("https://127.0.0.1:8022/person_count", pairs, certificate="data/tls.crt")
    assert CODE[kind] == call.examples()[kind]
