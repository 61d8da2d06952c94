"""The address of a server: checked, and shown without its secrets."""

import pytest
from pydantic import SecretStr

from index.base.database_url import shown
from index.base.errors import ConfigError
from index.base.settings import load_settings

SECRET = "geheim"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://db/a", "postgresql://db/a"),
        ("postgres://me:geheim@db:5433/a", "postgres://me@db:5433/a"),
        ("postgresql://me:ge@heim@db/a", "postgresql://me@db/a"),
        (
            "postgresql://me:geheim@one,two/a?sslmode=require",
            "postgresql://me@one,two/a?sslmode=require",
        ),
        ("postgresql:///a?host=/run&password=geheim&user=me", "postgresql:///a?host=/run&user=me"),
        ("postgresql://me:geheim?x@db/a", "postgresql://…"),
        ("postgresql://:geheim@db", "postgresql://@db"),
        (
            "postgresql://db/a?sslpassword=geheim&passfile=/geheim&options=geheim",
            "postgresql://db/a",
        ),
    ],
)
def test_no_secret_of_a_url_is_shown(url: str, expected: str) -> None:
    assert shown(SecretStr(url)) == expected


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:geheim@db/a",
        "host=db password=geheim",
        "geheim",
        "postgresql:/geheim",
        "postgresql://me:geheim#1@db/a",
        "postgresql://me:geheim 1@db/a",
        "postgresql://[geheim/a",
    ],
)
def test_a_malformed_one_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="setting database_url") as caught:
        load_settings(database_url=url)
    assert SECRET not in str(caught.value)


def test_the_settings_do_not_show_it_either() -> None:
    settings = load_settings(database_url="postgresql://me:geheim@db/a")
    for said in (repr(settings), str(settings), settings.model_dump_json()):
        assert SECRET not in said
    assert settings.model_dump(mode="json")["database_url"] == "postgresql://me@db/a"


def test_without_one_the_library_is_a_file() -> None:
    settings = load_settings()
    assert settings.database_address == settings.data / "person_count.db"
