"""config: prints the settings in effect, with the source of each."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console import Config, tell
from commands.start_checks import check_start

if TYPE_CHECKING:
    from index.base.setting_origins import Origin
    from index.base.settings import Settings

VALUE_COLUMNS = 48


def config(
    show: Annotated[bool, typer.Option("--show", help="Print every setting.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
    host: Annotated[str | None, typer.Option(help="As given to serve.")] = None,
    port: Annotated[int | None, typer.Option(help="As given to serve.")] = None,
    http: Annotated[bool, typer.Option("--http", help="As given to serve.")] = False,
    config: Config = None,
) -> None:
    """Check the settings that serve would use, or print them.

    The exit code is 1 if serve would not start with them. --show prints each with its source.

    Example: person-count config --show
    """
    from index.base.setting_origins import origins_of, unknown_variables
    from index.base.settings import load_settings
    from index.base.watched_folders import missing_folders

    given = {"host": host, "port": port, "tls": False if http else None}
    settings = load_settings(config, **given)
    origins = origins_of(config, **given)
    file = _file(config)
    if as_json:
        print(json.dumps(_document(settings, origins, file), indent=2, ensure_ascii=False))
    elif show:
        print(f"# {file}" if file else "# no configuration file")
        for name, value in settings.model_dump(mode="json").items():
            line = f"{name}: {json.dumps(value, ensure_ascii=False)}"
            print(f"{line:<{VALUE_COLUMNS}}  # {_where(name, origins[name], file)}")
    for name in unknown_variables():
        tell(f"the environment's {name} is no setting and has no effect")
    check_start(settings)
    for folder in missing_folders(settings):
        tell(f"{folder} does not exist, and serve would make it; is it mistyped?")
    if not (show or as_json):
        tell("the settings are valid")


def _file(config: Path | None) -> Path | None:
    """The configuration file that is read, absolute; None when there is none."""
    from index.base.settings import DEFAULT_CONFIG

    path = config or DEFAULT_CONFIG
    return path.absolute() if path.is_file() else None


def _document(
    settings: "Settings", origins: dict[str, "Origin"], file: Path | None
) -> dict[str, object]:
    return {
        "file": str(file) if file else None,
        "settings": {
            name: {"value": value, "source": origins[name]}
            for name, value in settings.model_dump(mode="json").items()
        },
    }


def _where(name: str, origin: "Origin", file: Path | None) -> str:
    """An origin in words that help an operator to find it."""
    from index.base.setting_origins import PREFIX, Origin

    if origin is Origin.FILE and file:
        return file.name
    if origin is Origin.ENVIRONMENT:
        return f"environment {PREFIX}{name.upper()}"
    return str(origin)
