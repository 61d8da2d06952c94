"""Translates the API's description and documentation into Chinese."""

from typing import Any

from index.counting.documents import Document
from index.counting.question import PARAMETERS
from service.contract.chinese import CHINESE
from service.contract.list_parameters import (
    JUDGEMENT_PARAMETERS,
    LIST_PARAMETERS,
    PAGE_PARAMETERS,
    PEOPLE_PARAMETERS,
    SIMILAR_PARAMETERS,
)

# parameters bring the Chinese along
IN_CHINESE = CHINESE | {
    one.english: one.chinese
    for one in (
        *PARAMETERS,
        *LIST_PARAMETERS,
        *SIMILAR_PARAMETERS,
        *JUDGEMENT_PARAMETERS,
        *PAGE_PARAMETERS,
        *PEOPLE_PARAMETERS,
    )
}
_SPOKEN = ("summary", "description")


def in_chinese(text: str) -> str:
    """The Chinese of *text*, or *text* itself if it has no translation yet."""
    return IN_CHINESE.get(text, text)


def with_chinese(found: Document) -> Document:
    """The description with the Chinese beside every English text, as x-…-zh."""
    beside = {
        f"x-{name}-zh": IN_CHINESE[found[name]]
        for name in _SPOKEN
        if isinstance(found.get(name), str) and found[name] in IN_CHINESE
    }
    return {name: _inside(value) for name, value in found.items()} | beside


def _inside(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return [_inside(one) for one in value]
    return with_chinese(value) if isinstance(value, dict) else value
