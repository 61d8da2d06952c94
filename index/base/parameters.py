"""Declares a request's parameters, each in one place.

A declaration feeds the parsing of requests, the description at /openapi.json, the documentation at
/docs in both languages, and the options of person-count.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from index.base.errors import bad_request

if TYPE_CHECKING:
    from index.base.settings import Settings  # the command line's --help does not wait for it

MAX_DIGITS = 18  # fits into a database's integer
SHOWN = 40  # characters of a wrong value that a refusal repeats


@dataclass(frozen=True, slots=True)
class JsonNumber:
    """A number in a JSON body, in the caller's spelling, which answers repeat."""

    text: str


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind of a parameter's values.

    Attributes:
        schema: JSON Schema of a value.
        parse: makes a value from a parameter's name and text. Raises RequestError, 400.
        choices: the possible values; None when there is no such list.
        is_number: JSON bodies may give it as a number.
    """

    schema: Mapping[str, Any]
    parse: Callable[[str, str], Any]
    choices: type[StrEnum] | None = None
    is_number: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """An optional parameter of a request; equal only to itself.

    Attributes:
        name: in a query, in a JSON body, and with dashes as an option of a command.
        english: its meaning in one sentence.
        chinese: the same sentence.
        default: the text that is used when a request does not give it.
        setting: the setting whose value is used then.
    """

    name: str
    kind: Kind
    english: str
    chinese: str
    default: str | None = None
    setting: str | None = None

    def default_under(self, settings: "Settings") -> str | None:
        """The text that is used when a request does not give it, or None."""
        return self.default if self.setting is None else str(getattr(settings, self.setting))

    def schema(self, settings: "Settings") -> dict[str, Any]:
        """JSON Schema of the value in requests."""
        found = dict(self.kind.schema)
        if (text := self.default_under(settings)) is not None:
            found["default"] = int(text) if found["type"] == "integer" else text
        return found | {"description": self.english}

    def json_schema(self, settings: "Settings") -> dict[str, Any]:
        """JSON Schema of the member of a JSON body."""
        found = self.schema(settings)
        if self.kind.is_number and found["type"] == "string":
            found |= {"type": ["string", "number"], "minimum": 0}
        return found

    def text_of(self, value: object) -> str:
        """The text that a member of a JSON body stands for. Raises RequestError, 400."""
        if isinstance(value, JsonNumber) and self.kind.is_number:
            return value.text
        if isinstance(value, str) and self.kind.schema["type"] == "string":
            return value
        wanted = "a string"
        if self.kind.is_number:
            wanted = "an integer" if self.kind.schema["type"] == "integer" else "a number"
        raise bad_request(f"{self.name!r} must be {wanted}")


def choice(kind: type[StrEnum]) -> Kind:
    """One of an enumeration's values."""

    def parse(name: str, text: str) -> StrEnum:
        try:
            return kind(text)
        except ValueError as error:
            listed = ", ".join(kind)
            raise bad_request(f"{name} must be one of {listed}, not {text[:SHOWN]!r}") from error

    return Kind({"type": "string", "enum": [str(value) for value in kind]}, parse, kind)


def whole_number(least: int, most: int) -> Kind:
    """An integer, in decimal digits."""

    def parse(name: str, text: str) -> int:
        is_number = text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS
        if is_number and least <= int(text) <= most:
            return int(text)
        raise bad_request(f"{name} must be a number from {least} to {most}, not {text[:SHOWN]!r}")

    return Kind({"type": "integer", "minimum": least, "maximum": most}, parse, is_number=True)


def check_known(given: Iterable[str], known: Sequence[str]) -> None:
    """Raise RequestError, 400, if a request gives a parameter that is not *known*."""
    for name in given:
        if name not in known:
            raise bad_request(f"unknown parameter {name[:SHOWN]!r}; known are {', '.join(known)}")


def text_in(
    parameter: Parameter, given: Mapping[str, Sequence[str]], settings: "Settings"
) -> str | None:
    """The text of *parameter* in a request, or its default. Raises RequestError, 400: repeated."""
    values = given.get(parameter.name, ())
    if len(values) > 1:
        raise bad_request(f"{parameter.name} is given {len(values)} times")
    return values[0] if values else parameter.default_under(settings)


def parse_all(
    parameters: Iterable[Parameter], given: Mapping[str, Sequence[str]], settings: "Settings"
) -> dict[str, Any]:
    """The values of *parameters* by name, None for those that are not given and have no default.

    Args:
        given: a request's parameters, each with all its values.

    Raises:
        RequestError: 400, one is repeated, or no value of its kind.
    """
    found: dict[str, Any] = {}
    for parameter in parameters:
        text = text_in(parameter, given, settings)
        if text is None:
            found[parameter.name] = None
        elif parameter.name in given:
            found[parameter.name] = parameter.kind.parse(parameter.name, text)
        else:
            found[parameter.name] = _parsed_default(parameter, text)
    return found


@lru_cache(maxsize=64)  # most questions have them all
def _parsed_default(parameter: Parameter, text: str) -> Any:  # noqa: ANN401 - of any kind
    return parameter.kind.parse(parameter.name, text)
