"""Turns the libraries' errors about settings into sentences for operators."""

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_settings import SettingsError

_WORDS = {
    "extra_forbidden": "there is no such setting",
    "path_type": "must be a path",
    "string_type": "must be text; quote it",
    "tuple_type": "must be a list, such as [a, b]",
}
_SECRET = {"database_url"}  # no message may repeat them: they may hold a password
# settings of earlier versions, and their replacements
_REPLACED = {
    "weights": "is called model now: for casia-webface write model: facenet, for vggface2 "
    "model: facenet-vggface2; a path stays as it is",
}
_FIELD = re.compile(r'field "(\w+)"')


def of_value(error: ValidationError, known: Collection[str]) -> str:
    """A sentence for the first mistake in *error*, with the value given.

    Args:
        known: the names of all settings.
    """
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"])) or "settings"
    said = _WORDS.get(first["type"], first["msg"].removeprefix("Value error, "))
    if first["type"] == "extra_forbidden" and name in _REPLACED:
        return f"setting {name} {_REPLACED[name]}"
    if first["type"] == "extra_forbidden":  # the value is not shown: it may be a misplaced secret
        near = get_close_matches(name, known, 1)
        return f"setting {name}: {said}" + (f"; did you mean {near[0]}?" if near else "")
    if name in _SECRET:
        return f"setting {name}: {said}"
    return f"setting {name}: {said} (given: {first['input']!r})"


def of_replaced(variables: Iterable[str]) -> str | None:
    """A sentence for a variable that sets what is replaced; pydantic passes over unknown ones.

    Args:
        variables: the names of the environment's variables.
    """
    names = {variable.upper() for variable in variables}
    for name, said in _REPLACED.items():
        if (variable := f"PERSON_COUNT_{name.upper()}") in names:
            return f"the environment's {variable}: setting {name} {said}"
    return None


def of_environment(error: SettingsError) -> str:
    """A sentence for a variable that should be a list in JSON and is not."""
    found = _FIELD.search(str(error))
    if found is None:
        return f"the environment: {' '.join(str(error).split())}"
    name = found[1]
    return (
        f"setting {name}: the environment's PERSON_COUNT_{name.upper()} must be a list in JSON, "
        'such as ["a", "b"]'
    )
