"""Configures logging, which the command line alone calls for.

A log call names an event and its fields: ``log.info("ingest.batch files=%d", 3)``. The fields come
from the call's template and arguments, never from the finished text, so a value may contain
anything. A library's log line becomes the event "library.message".
"""

import json
import logging
import math
import re
import sys
import threading
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from types import TracebackType
from typing import Any

from index.base.tracebacks import traceback_text, without_names

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)  # of this request

MAX_MESSAGE = 300  # characters of a library's message; a caller may have sent a long text
FIELD = re.compile(r" ([a-z_0-9]+)=(%(?:s|d|\+?\.\d+f))")
TEMPLATE = re.compile(
    rf"(?P<event>[a-z_]+\.[a-z_]+)(?P<fields>(?:{FIELD.pattern})*)(?:[;:] (?P<note>[^%]+))?"
)
_BEFORE = ("time", "level", "event", "logger", "pid")  # members that are no field for people
_BARE = re.compile(r"[\w.:/+-]+", re.ASCII)

log = logging.getLogger(__name__)

_JSON = json.JSONEncoder(default=str)


def configure_logging(*, verbose: bool) -> None:
    """Log to standard error: everything from INFO on, or only warnings and worse.

    People on a terminal get words; otherwise each line is one JSON object.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(WordFormatter() if sys.stderr.isatty() else JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO if verbose else logging.WARNING)
    for name in ("alembic", "faiss.loader"):  # they tell how they begin
        logging.getLogger(name).setLevel(logging.WARNING)
    # Tornado's own access log would write the query, which holds file names
    logging.getLogger("tornado.access").disabled = True


def log_the_rest() -> None:
    """Log warnings, and exceptions that end a thread or the process, like everything else."""

    def of_thread(found: threading.ExceptHookArgs) -> None:
        error = found.exc_value or found.exc_type()
        log.critical("thread.crashed", exc_info=(found.exc_type, error, found.exc_traceback))

    logging.captureWarnings(capture=True)
    sys.excepthook = _log_crash
    threading.excepthook = of_thread


def exceptions_are_logged() -> bool:
    """Whether log_the_rest() was called; then a fatal exception is logged without names."""
    return sys.excepthook is _log_crash


def _log_crash(kind: type[BaseException], error: BaseException, tb: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, tb)
    else:
        log.critical("process.crashed", exc_info=(kind, error, tb))


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object, with its traceback, on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return _JSON.encode(_members(record))


class WordFormatter(logging.Formatter):
    """Formats a record as time, level, event and fields; a traceback follows on its own lines."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, or the lines."""
        found = _members(record)
        note, trace = found.pop("note", None), found.pop("traceback", None)
        fields = [f"{k}={_word(v)}" for k, v in found.items() if k not in _BEFORE]
        time = datetime.fromtimestamp(record.created).astimezone()
        words = [f"{time:%Y-%m-%d %H:%M:%S}", record.levelname, found["event"], *fields]
        line = " ".join(words) + (f"; {note}" if note else "")
        return f"{line}\n{trace.rstrip()}" if trace else line


def _members(record: logging.LogRecord) -> dict[str, Any]:
    """The members of a line, in order."""
    event, fields, note = _event(record)
    found: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": event,
        "logger": record.name,
        "pid": record.process,
    }
    if (answered := request_id.get()) is not None:
        found["request_id"] = answered
    found |= fields
    if note:
        found["note"] = note
    if record.exc_info and record.exc_info[1] is not None:
        found["traceback"] = traceback_text(record.exc_info[1])
    return found


def _event(record: logging.LogRecord) -> tuple[str, dict[str, Any], str | None]:
    """The event, its fields, and the remark that may follow them."""
    template, values = _parsed(str(record.msg)), record.args or ()
    if template is None or not isinstance(values, tuple):
        said = without_names(record.getMessage())
        if len(said) > MAX_MESSAGE:
            said = said[:MAX_MESSAGE] + "…"
        return "library.message", {"message": said}, None
    event, fields, note = template
    pairs = zip(fields, values, strict=True)
    return event, {name: _value(conversion, value) for (name, conversion), value in pairs}, note


@lru_cache(maxsize=256)
def _parsed(template: str) -> tuple[str, list[tuple[str, str]], str | None] | None:
    """A template's event, fields and remark; None if it is not one of ours."""
    found = TEMPLATE.fullmatch(template)
    return found and (found["event"], FIELD.findall(found["fields"]), found["note"])


def _value(conversion: str, value: object) -> object:
    """A value for JSON, rounded as the template says."""
    if value is None or isinstance(value, bool):
        return value
    text = conversion % (value,)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(text)
    return text


def _word(value: object) -> str:
    text = str(value)
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)
