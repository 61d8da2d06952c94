"""Puts an OpenAPI description into the order and the words of the documentation page."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from index.counting.documents import Document
from service.contract.addresses import METHODS
from service.contract.examples import Call
from service.contract.json_schemas import Schema

Say = Callable[[str], str]
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Member:
    """A parameter, or a member of a JSON object.

    Attributes:
        kind: its type in words.
        refers: the named schema that the kind mentions, or None.
    """

    name: str
    kind: str
    refers: str | None
    required: bool
    default: str | None
    meaning: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status other than success."""

    status: str
    meaning: str
    example: str | None


@dataclass(frozen=True, slots=True)
class Section:
    """One method of one path.

    Attributes:
        statuses: the statuses of success.
        answers: the named schema of the answer, if it is JSON.
        kinds: the media types of the answer.
        example: an answer.
        calls: a call in each language; empty if a reader cannot just copy one.
    """

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    token: bool
    members: tuple[Member, ...]
    statuses: tuple[str, ...]
    answers: str | None
    kinds: tuple[str, ...]
    example: str | None
    calls: dict[str, str]
    refusals: tuple[Refusal, ...]


class Outline:
    """The sections and schemas of a description."""

    def __init__(self, document: Document, say: Say, base: str, certificate: str | None) -> None:
        """*say* translates texts into the reader's language; *base* is the service's URL."""
        self._document = document
        self._say = say
        self._base = base
        self._certificate = certificate

    def sections(self) -> Iterator[Section]:
        """One for each method of each path."""
        for path, item in self._document["paths"].items():
            for method in METHODS:
                if method in item:
                    yield self._section(path, method, item[method], item.get("parameters", []))

    def schemas(self) -> Iterator[tuple[str, tuple[Member, ...]]]:
        """The named schemas with their members."""
        for name, schema in self._document["components"]["schemas"].items():
            yield name, tuple(self._members(schema))

    def _section(self, path: str, method: str, found: Document, shared: list[Document]) -> Section:
        parameters = [*shared, *found.get("parameters", [])]
        members = [self._parameter(parameter) for parameter in parameters]
        body = found.get("requestBody", {}).get("content", {}).get(_JSON)
        if body is not None:
            members += self._members(self._named(body["schema"]["$ref"]))
        content = found["responses"]["200"].get("content", {})
        answer = content.get(_JSON, {})
        reference = answer.get("schema", {}).get("$ref")
        return Section(
            anchor="-".join([method, *re.findall(r"[\w.]+", path)]),
            method=method.upper(),
            path=path,
            summary=self._say(found["summary"]),
            description=self._say(found.get("description", "")),
            token=bool(found["security"]),
            members=tuple(members),
            statuses=tuple(status for status in found["responses"] if status.startswith("2")),
            answers=_last(reference) if reference else None,
            kinds=tuple(content),
            example=_text(answer["example"]) if "example" in answer else None,
            calls=self._calls(path, method, parameters, body, found) if answer else {},
            refusals=tuple(self._refusals(found["responses"])),
        )

    def _calls(
        self,
        path: str,
        method: str,
        parameters: list[Document],
        body: Document | None,
        found: Document,
    ) -> dict[str, str]:
        """The call in each language; empty for addresses that a reader cannot just copy."""
        if "{" in path or (method != "get" and (body is None or "example" not in body)):
            return {}
        query = [
            (parameter["name"], value)
            for parameter in parameters
            for value in _values(parameter.get("example", []))
        ]
        call = Call(
            self._base + path,
            query,
            body["example"] if body else None,
            self._certificate,
            token=bool(found["security"]),
        )
        return call.examples()

    def _refusals(self, responses: Document) -> Iterator[Refusal]:
        for status, response in responses.items():
            if not status.startswith("2"):
                example = response["content"][_JSON].get("example")
                meaning = self._say(response["description"])
                yield Refusal(status, meaning, _text(example) if example else None)

    def _parameter(self, found: Document) -> Member:
        meaning = found.get("description", "")
        return self._member(found["name"], found["schema"], found["required"], meaning)

    def _members(self, schema: Schema, before: str = "") -> Iterator[Member]:
        """The members of an object, each followed by its own members."""
        for one in schema.get("oneOf", [schema]):
            required = one.get("required", ())
            for name, inner in one.get("properties", {}).items():
                meaning = inner.get("description", "")
                yield self._member(before + name, inner, name in required, meaning)
                yield from self._members(inner, f"{before}{name}.")
                yield from self._members(inner.get("items", {}), f"{before}{name}[].")

    def _member(self, name: str, schema: Schema, required: object, meaning: str) -> Member:
        default = schema.get("default")
        return Member(
            name,
            self._kind(schema),
            _refers(schema),
            bool(required),
            None if default is None else str(default),
            self._say(meaning),
        )

    def _named(self, reference: str) -> Schema:
        return dict(self._document["components"]["schemas"][_last(reference)])

    def _kind(self, schema: Schema) -> str:
        """A schema's type, such as "list of Face"."""
        if "$ref" in schema:
            return _last(schema["$ref"])
        if "const" in schema:
            return json.dumps(schema["const"])
        if "enum" in schema:
            return " | ".join(map(str, schema["enum"]))
        if "anyOf" in schema:
            return " | ".join(self._kind(one) for one in schema["anyOf"])
        kind = schema.get("type", "object")
        if kind == "array":
            return self._say("list of {}").format(self._kind(schema["items"]))
        return " | ".join(map(self._say, [kind] if isinstance(kind, str) else kind))


def _values(example: str | list[str]) -> list[str]:
    """The values of a parameter's example; a repeated parameter has several."""
    return [example] if isinstance(example, str) else example


def _refers(schema: Schema) -> str | None:
    inner = [schema, schema.get("items", {}), *schema.get("anyOf", ())]
    return next((_last(one["$ref"]) for one in inner if "$ref" in one), None)


def _last(reference: str) -> str:
    return reference.rpartition("/")[2]


def _text(document: Any) -> str:  # noqa: ANN401 - any JSON
    return json.dumps(document, ensure_ascii=False)
