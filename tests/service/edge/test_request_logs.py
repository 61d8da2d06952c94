"""What a request leaves in the log: one line, its outcome, no name."""

import logging

import pytest

from tests.service.running import Service
from tests.waiting import wait_until

SECRET = "geheim-张三"


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Everything that any handler could write of the records, tracebacks included."""
    formatter = logging.Formatter("%(name)s %(message)s")
    return "\n".join(formatter.format(record) + repr(record.args) for record in caplog.records)


def test_no_file_name_reaches_a_log(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    service.drop(f"{SECRET}.png", 1)
    (service.settings.inbox / f"{SECRET}.jpg").write_text("no image")
    answers = [
        service.ask(f"{SECRET}.png"),
        service.ask(f"{SECRET}.png", path="/persons"),
        service.ask(f"{SECRET}.jpg"),
        service.ask(f"{SECRET}.none"),
        service.ask(f"../{SECRET}"),
        service.ask(f"/etc/{SECRET}"),
        service.ask(f"{SECRET}.png", threshold=SECRET),
        service.ask(f"{SECRET}.png", **{SECRET: "x"}),
        service.ask(f"{SECRET}\0"),
        service.ask(f"{SECRET}.png", path=f"/{'geheim'}"),
        service.ask(f"{SECRET}.png", path="/status"),
        service.send("GET", "/person_count?filepath=geheim%ff"),
        service.send("GET", "/geheim/%ff"),
        service.send("BREW", "/person_count?filepath=geheim"),
        service.send("geheim", "/person_count?filepath=geheim"),
        service.send("DELETE", "/person_count?filepath=geheim"),
        service.post({"filepaths": [f"{SECRET}.png"]}),
        service.post({"filepaths": [f"{SECRET}.png", 1]}),
        service.post({SECRET: SECRET}),
        service.post({"\ud800geheim": 1}),
        service.post(SECRET.encode()),
        service.post(SECRET.encode(), content_type=f"multipart/form-data; boundary={'geheim'}"),
        service.post({"filepaths": [f"{SECRET}.png"]}, path="/person_count?x=geheim"),
    ]
    service.exchange(f"GET /{SECRET} geheim\r\n\r\n".encode())
    service.exchange(b"GET / HTTP/1.1\r\ngeheim\r\n\r\n")
    service.exchange(b"GET /?geheim HTTP/1.0\r\nHost: localhost\r\nCookie: geheim\r\n\r\n")
    assert {answer.status for answer in answers} >= {200, 400, 404, 405, 422}
    text = logged(caplog)
    assert "service.request" in text
    assert "geheim" not in text
    assert "张三" not in text


def test_every_request_is_one_line_with_its_outcome(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    service.ask("none.png", threshold="0.3")
    service.send("DELETE", "/person_count")
    service.send("GET", "/nowhere")

    def lines() -> list[str]:
        found = [r.getMessage() for r in caplog.records]
        return [text for text in found if text.startswith("service.request")]

    wait_until(lambda: len(lines()) == 3, "three lines")
    first, second, third = lines()
    assert first.startswith("service.request method=GET route=PersonCount status=404 ")
    assert second.startswith("service.request method=DELETE route=PersonCount status=405 ")
    assert third.startswith("service.request method=GET route=Nothing status=404 ")


def test_what_nobody_foresaw_is_a_500_of_the_same_shape_and_logged(
    service: Service, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr("service.answering.library_reader.compare", fail)
    answer = service.ask("a.png")
    assert answer.status == 500
    assert answer.json == {"cord": 500, "error": "the server failed; see its log"}
    assert "inside" not in answer.body.decode()
    assert "ZeroDivisionError" in logged(caplog)
