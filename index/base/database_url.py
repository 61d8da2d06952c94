"""The address of a database on a server: checked, and shown without its secrets."""

from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import AfterValidator, PlainSerializer, SecretStr

SCHEMES = ("postgresql", "postgres")
SHOWN = {"host", "port", "dbname", "user", "sslmode", "service", "target_session_attrs"}

Address = Path | SecretStr  # where a database is: a file, or a server's URL


def shown(url: SecretStr) -> str:
    """The URL without its password, and without parameters that may hold one.

    The password ends at the last @, so that none is shown even if an @ in it was not encoded.
    """
    scheme, _, rest = url.get_secret_value().partition("://")
    ending = min((rest.find(mark) for mark in "?#" if mark in rest), default=len(rest))
    place, query = rest[:ending], rest[ending + 1 :]
    if "@" in query and "@" not in place:  # a ? in the password
        return f"{scheme}://…"
    user, at, hosts = place.rpartition("@")
    known = [pair for pair in parse_qsl(query) if pair[0] in SHOWN]
    asked = f"?{urlencode(known, safe='/')}" if known else ""
    return f"{scheme}://{user.partition(':')[0]}{at}{hosts}{asked}"


def _checked(url: SecretStr) -> SecretStr:
    text = url.get_secret_value()
    if text.partition("://")[0] not in SCHEMES or "://" not in text:
        raise ValueError("must be the URL of a PostgreSQL database: postgresql://USER@HOST/NAME")
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise ValueError("is no URL; percent-encode the special characters in it") from error
    if parts.fragment or any(char.isspace() for char in text):
        raise ValueError("holds a # or a space; percent-encode the special characters in it")
    return url


DatabaseUrl = Annotated[
    SecretStr, AfterValidator(_checked), PlainSerializer(shown, return_type=str, when_used="json")
]
