"""Finds where each effective setting came from, for operators who wonder about its value."""

import os
from enum import StrEnum
from pathlib import Path

from pydantic_settings import EnvSettingsSource, InitSettingsSource, YamlConfigSettingsSource

from index.base.settings import Settings, settings_class

PREFIX = "PERSON_COUNT_"


class Origin(StrEnum):
    """The source of a setting's value."""

    ARGUMENT = "argument"
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


_ORIGINS = {
    InitSettingsSource: Origin.ARGUMENT,
    EnvSettingsSource: Origin.ENVIRONMENT,
    YamlConfigSettingsSource: Origin.FILE,
}


def origins_of(config: Path | None = None, **overrides: object) -> dict[str, Origin]:
    """The origin of each setting, for arguments that load_settings() has accepted."""
    kind = settings_class(config)
    given = {name: value for name, value in overrides.items() if value is not None}
    environment = EnvSettingsSource(kind)
    sources = kind.settings_customise_sources(
        kind, InitSettingsSource(kind, given), environment, environment, environment
    )
    found = dict.fromkeys(Settings.model_fields, Origin.DEFAULT)
    for source in reversed(sources):  # the first wins
        found |= dict.fromkeys(source(), _ORIGINS[type(source)])
    return found


def unknown_variables() -> list[str]:
    """Variables in the environment that look like settings but are none; usually misspelt."""
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    return sorted(
        name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known
    )
