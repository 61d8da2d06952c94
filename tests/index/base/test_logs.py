"""Log lines: what they say, in which form, and what they leave out."""

import ast
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from index.base.logs import FIELD, MAX_MESSAGE, TEMPLATE, JsonFormatter, WordFormatter, log_the_rest
from index.base.logs import request_id as current_request
from index.base.tracebacks import traceback_text, without_names

PROJECT = Path(__file__).resolve().parents[3]
PACKAGES = ("commands", "index", "ingest", "service")
LEVELS = ("debug", "info", "warning", "error", "exception", "critical")
RESERVED = ("time", "level", "event", "logger", "pid", "request_id", "message", "note", "traceback")
PATH, NAME = "/nowhere/geheim.jpg", "张三.jpg"  # a traceback quotes the lines that they are not in
log = logging.getLogger("tests.logs")


def record(template: str, *values: object, **more: Any) -> logging.LogRecord:
    return log.makeRecord(log.name, logging.INFO, __file__, 1, template, values, None, **more)


def as_json(found: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter().format(found)
    assert "\n" not in line
    return dict(json.loads(line, parse_constant=pytest.fail))


def calls() -> Iterator[tuple[str, str, int]]:
    """Place, template and number of arguments of every log call of the program."""
    for package in PACKAGES:
        for path in sorted((PROJECT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                match node:
                    case ast.Call(func=ast.Attribute(value=ast.Name("log"), attr=name), args=args):
                        assert name in (*LEVELS, "log"), f"{path}: log.{name}"
                        template, *values = args[name == "log" :]
                        place = f"{path.relative_to(PROJECT)}:{node.lineno}"
                        yield place, ast.literal_eval(template), len(values)


CALLS = list(calls())


def test_every_log_call_names_an_event_and_its_fields() -> None:
    assert len(CALLS) > 30
    for place, template, number in CALLS:
        found = TEMPLATE.fullmatch(template)
        assert found, f"{place}: {template}"
        names = [name for name, _ in FIELD.findall(found["fields"])]
        assert len(names) == len(set(names)) == number, place
        assert not {*names} & {*RESERVED}, place


def test_a_line_of_json_has_the_fields_as_they_are() -> None:
    current_request.set(None)
    found = record("ingest.batch files=%d seconds=%.2f first=%s of=%s", 3, 0.4142, True, None)
    line = as_json(found)
    moment = datetime.fromisoformat(line.pop("time"))
    assert moment.tzinfo == UTC
    assert abs(moment.timestamp() - found.created) < 0.001
    assert line.pop("pid") == found.process
    assert line == {
        "level": "info",
        "event": "ingest.batch",
        "logger": "tests.logs",
        "files": 3,
        "seconds": 0.41,
        "first": True,
        "of": None,
    }


@pytest.mark.parametrize(
    "value", ["a=b c=d", 'quote " and \n line', "张三", "\ud800", "%s", "100 %", "", "x; note"]
)
def test_a_value_may_hold_anything(value: str) -> None:
    assert as_json(record("some.event reason=%s", value))["reason"] == value
    line = WordFormatter().format(record("some.event reason=%s", value))
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_has_no_number_for_is_text(value: float) -> None:
    assert as_json(record("some.event x=%.1f", value))["x"] == str(value)
    assert as_json(record("some.event x=%s", value))["x"] == str(value)


def test_numbers_may_show_their_sign() -> None:
    found = record("clock.was_set seconds=%+.0f", 3.2)
    assert as_json(found)["seconds"] == 3


def test_values_of_other_kinds_are_text() -> None:
    line = as_json(record("some.event error=%s folder=%s", ValueError("bad"), Path("a")))
    assert (line["error"], line["folder"]) == ("bad", "a")


def test_a_remark_is_kept_apart() -> None:
    line = as_json(record("model.differs active=%s; run reindex", "x"))
    assert (line["event"], line["active"], line["note"]) == ("model.differs", "x", "run reindex")
    words = WordFormatter().format(record("model.differs active=%s; run reindex", "x"))
    assert words.endswith("INFO model.differs active=x; run reindex")


def test_lines_of_a_request_carry_its_id() -> None:
    token = current_request.set("abc-1")
    try:
        assert as_json(record("some.event"))["request_id"] == "abc-1"
        words = WordFormatter().format(record("some.event n=%d", 1))
        assert words.endswith("INFO some.event request_id=abc-1 n=1")
    finally:
        current_request.reset(token)
    assert "request_id" not in as_json(record("some.event"))


def test_a_key_is_hidden_even_if_it_is_one_word() -> None:
    error = KeyError("Alice")
    error.__cause__ = AttributeError("no attribute 'faces'")
    text = traceback_text(error)
    assert "KeyError: '…'" in text
    assert "Alice" not in text
    assert "no attribute 'faces'" in text


def test_what_libraries_log_is_cut_but_not_within_a_quotation() -> None:
    message = as_json(record("Only integers are allowed: %s", "9" * 5000))["message"]
    assert len(message) == MAX_MESSAGE + 1
    assert message.endswith("9…")
    quoted = as_json(record("%s: '%s'", "9" * (MAX_MESSAGE - 10), "Alice Smith.jpg"))["message"]
    assert "Alice" not in quoted


def test_what_libraries_log_is_one_kind_of_event() -> None:
    line = as_json(record("Looked into %s: '%s' is odd", "it", "/srv/photos/geheim.jpg"))
    assert line["event"] == "library.message"
    assert line["message"] == "Looked into it: '…' is odd"
    by_name = logging.LogRecord("x", logging.INFO, "", 1, "%(a)s there", ({"a": 1},), None)
    assert as_json(by_name)["message"] == "1 there"


def broken() -> BaseException:
    """An exception with another behind it, both quoting names."""
    try:
        try:
            Path(PATH).read_bytes()
        except OSError as error:
            raise KeyError(NAME) from error
    except KeyError as error:
        return error


def test_a_traceback_is_a_field_of_the_line_and_names_no_files() -> None:
    error = broken()
    found = record("service.failed")
    found.exc_info = (type(error), error, error.__traceback__)
    trace = as_json(found)["traceback"]
    assert trace.index("FileNotFoundError: [Errno 2] No such file") < trace.index("KeyError: ")
    assert "direct cause" in trace
    assert 'test_logs.py", line' in trace
    assert "in broken" in trace
    words = WordFormatter().format(found)
    assert words.splitlines()[1] == "Traceback (most recent call last):"
    for text in (trace, words):
        assert PATH not in text
        assert NAME not in text


def test_tracebacks_go_through_the_whole_chain_once() -> None:
    first, second = ValueError("one"), TypeError("two")
    first.__context__, second.__context__ = second, first
    text = traceback_text(first)
    assert (text.count("ValueError: one"), text.count("TypeError: two")) == (1, 1)
    assert "During handling" in text
    first.__suppress_context__ = True
    assert "TypeError" not in traceback_text(first)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("'NoneType' object has no attribute 'faces'",) * 2,
        ("[Errno 2] No such file: '/a/b.jpg'", "[Errno 2] No such file: '…'"),
        ("KeyError: 'it\\'s me.jpg' here", "KeyError: '…' here"),
        ('KeyError: "it\'s me.jpg"', "KeyError: '…'"),
        ("KeyError: '张三'", "KeyError: '…'"),
        ("it doesn't matter", "it doesn't matter"),
        ("can't open '/inbox/Alice Smith.jpg'", "can't open '…'"),
        ("can't open '/inbox/Alice's cat.jpg' or 'b c.jpg'", "can't open '…' or '…'"),
        ("No such file: b'/inbox/Alice Smith.jpg'", "No such file: b'…'"),
    ],
)
def test_only_quoted_names_of_the_program_stay(text: str, shown: str) -> None:
    assert without_names(text) == shown


def test_crashes_and_warnings_are_logged_like_all_else(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    log_the_rest()
    try:
        error = broken()
        sys.excepthook(type(error), error, error.__traceback__)
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(capture=False)
            logging.captureWarnings(capture=True)
            warnings.warn(f"watch {PATH!r}", stacklevel=1)
    finally:
        logging.captureWarnings(capture=False)
    lines = [as_json(found) for found in caplog.records]
    assert [line["event"] for line in lines] == [
        "process.crashed",
        "thread.crashed",
        "library.message",
    ]
    assert "ZeroDivisionError" in lines[1]["traceback"]
    text = json.dumps(lines, ensure_ascii=False)
    assert PATH not in text
    assert NAME not in text
