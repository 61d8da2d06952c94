"""Puts the API's description and documentation into Chinese."""

from typing import Any

from index.counting.documents import Document
from service.contract.chinese import CHINESE

_SPOKEN = ("summary", "description")


def in_chinese(text: str) -> str:
    """The Chinese of *text*; where nobody has written it yet, the English."""
    return CHINESE.get(text, text)


def with_chinese(found: Document) -> Document:
    """A description whose every English text has the Chinese beside it, as x-…-zh."""
    beside = {
        f"x-{name}-zh": CHINESE[found[name]]
        for name in _SPOKEN
        if isinstance(found.get(name), str) and found[name] in CHINESE
    }
    return {name: _inside(value) for name, value in found.items()} | beside


def _inside(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return [_inside(one) for one in value]
    return with_chinese(value) if isinstance(value, dict) else value
