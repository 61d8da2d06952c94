"""What is wrong with a setting, in an operator's words instead of the libraries'."""

import re
from collections.abc import Collection
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_settings import SettingsError

_WORDS = {
    "extra_forbidden": "there is no such setting",
    "path_type": "must be a path",
    "string_type": "must be text; quote it",
    "tuple_type": "must be a list, such as [a, b]",
}
_FIELD = re.compile(r'field "(\w+)"')


def of_value(error: ValidationError, known: Collection[str]) -> str:
    """The first thing that *error* found wrong, with what was given; *known* are all settings."""
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"])) or "settings"
    said = _WORDS.get(first["type"], first["msg"].removeprefix("Value error, "))
    if first["type"] == "extra_forbidden":  # what was given may be a secret in the wrong place
        near = get_close_matches(name, known, 1)
        return f"setting {name}: {said}" + (f"; did you mean {near[0]}?" if near else "")
    return f"setting {name}: {said} (given: {first['input']!r})"


def of_environment(error: SettingsError) -> str:
    """What *error* says of a variable that is no JSON where a list is needed."""
    found = _FIELD.search(str(error))
    if found is None:
        return f"the environment: {' '.join(str(error).split())}"
    name = found[1]
    return (
        f"setting {name}: the environment's PERSON_COUNT_{name.upper()} must be a list in JSON, "
        'such as ["a", "b"]'
    )
