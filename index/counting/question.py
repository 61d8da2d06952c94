"""Checks a caller's question: the files, the threshold, the faces that count, the linkage."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TypeVar

from index.base.choices import DEFAULT_THRESHOLD, FaceChoice, Linkage
from index.base.errors import RequestError, bad_request
from index.base.paths import MAX_NAME_BYTES
from index.base.settings import Settings

DECIMAL = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
_DECIMAL = re.compile(DECIMAL, re.ASCII)
_NOT_ZERO = re.compile(r"[+-]?[0.]*[1-9]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
Choice = TypeVar("Choice", bound=StrEnum)

PARAMETERS = ("filepath", "threshold", "faces", "linkage")


@dataclass(frozen=True, slots=True)
class Question:
    """How many different persons appear in exactly these files?

    Attributes:
        filepaths: as the caller gave them, order and duplicates kept.
        threshold_text: as the caller gave it.
        threshold: its value, finite, at least 0.
    """

    filepaths: tuple[str, ...]
    threshold_text: str
    threshold: float
    faces: FaceChoice
    linkage: Linkage

    @property
    def names(self) -> list[str]:
        """The file paths without duplicates, in order."""
        return list(dict.fromkeys(self.filepaths))


def parse_threshold(text: str) -> float:
    """The value of a threshold.

    Raises:
        RequestError: 400, it is empty, no decimal number, not finite, or negative.
    """
    if not _DECIMAL.fullmatch(text):
        raise bad_request(f"threshold must be a number such as 0.2, not {text[:40]!r}")
    value = float(text)
    # take the sign from the text: as a float, "-1e-400" becomes -0.0
    is_negative = text.startswith("-") and _NOT_ZERO.match(text)
    if not math.isfinite(value) or is_negative:
        raise bad_request(f"threshold must be a finite number of at least 0, not {text[:40]}")
    return value


def decode_text(raw: bytes, name: str) -> str:
    """A parameter's bytes as text.

    Raises:
        RequestError: 400, the bytes are not UTF-8.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad_request(f"{name} is not valid UTF-8") from error


def check_filepath(name: str) -> str:
    """Return *name* if it can be a file's path.

    Raises:
        RequestError: 400, it cannot.
    """
    if not name:
        raise bad_request("filepath is empty")
    if _CONTROL.search(name):
        raise bad_request("filepath contains a control character")
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise bad_request("filepath is not valid Unicode") from error
    if size > MAX_NAME_BYTES:
        raise bad_request(f"filepath is longer than {MAX_NAME_BYTES} bytes")
    return name


def _choice(kind: type[Choice], given: Mapping[str, Sequence[str]], default: Choice) -> Choice:
    name = kind.__name__.lower().removesuffix("choice") + ("s" if kind is FaceChoice else "")
    text = _single(given, name)
    if text is None:
        return default
    try:
        return kind(text)
    except ValueError as error:
        raise bad_request(f"{name} must be one of {', '.join(kind)}, not {text[:40]!r}") from error


def _single(given: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = given.get(name, ())
    if len(values) > 1:
        raise bad_request(f"{name} is given {len(values)} times")
    return values[0] if values else None


def build_question(given: Mapping[str, Sequence[str]], settings: Settings) -> Question:
    """Check a request's parameters, each with all its values in order.

    Raises:
        RequestError: 400 or 413; its text names the mistake.
    """
    for name in given:
        if name not in PARAMETERS:
            raise bad_request(f"unknown parameter {name[:40]!r}; known are {', '.join(PARAMETERS)}")
    names = given.get("filepath", ())
    if not names:
        raise bad_request("filepath is missing; give it once for each image")
    if len(names) > settings.max_request_files:
        raise RequestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"{len(names)} files are more than the {settings.max_request_files} allowed",
        )
    filepaths = tuple(check_filepath(name) for name in names)
    text = _single(given, "threshold")
    text = DEFAULT_THRESHOLD if text is None else text
    return Question(
        filepaths,
        text,
        parse_threshold(text),
        _choice(FaceChoice, given, settings.counted_faces),
        _choice(Linkage, given, settings.linkage),
    )
