"""move-database: copies the library from a file to a server, or back."""

from typing import TYPE_CHECKING, Annotated

import typer

from commands.console import Config, interruptible, progress_bar, stop_on_signals
from index.base.plurals import counted

if TYPE_CHECKING:
    from pathlib import Path

    from index.base.database_url import Address

NOT_YET = "nothing has changed, and what was copied is gone; start it again"


def move_database(
    to: Annotated[
        str,
        typer.Argument(metavar="URL", help="The server's empty database; or the file, to go back."),
    ],
    config: Config = None,
) -> None:
    """Copy the library from its file to a server, or back.

    Stop every person-count that uses the library first. Each row is compared with the one that it
    was copied from. The library stays where it is; at the end this prints what to change in
    config.yaml. The erasure log stays in the data folder.

    Example: person-count move-database postgresql://person_count@db.example.org/person_count
    """
    from index.base.lock import exclusive
    from index.base.settings import load_settings
    from index.database.moving import move
    from index.database.whereabouts import place_of

    settings = load_settings(config)
    target = _target(to, config)
    stop = stop_on_signals()
    with (
        exclusive(settings.data, "ingest"),
        exclusive(settings.data, "reindex"),
        exclusive(settings.data, "erasure"),
        progress_bar("copying, then comparing rows") as progress,
    ):
        moved = move(settings.database_address, target, interruptible(progress, stop, NOT_YET))
    rows, tables = counted(sum(moved.values()), "row"), counted(len(moved), "table")
    print(f"{place_of(target)}: {rows} of {tables}, each the same as before")
    print(_change(target))


def _target(to: str, config: "Path | None") -> "Address":
    """The address that *to* means.

    Raises:
        ConfigError: it is no URL of a server, and not the library's file either.
    """
    from pathlib import Path

    from index.base.errors import ConfigError
    from index.base.settings import load_settings

    if "://" in to:
        return load_settings(config, database_url=to).database_address
    file = load_settings(config).model_copy(update={"database_url": None}).database_address
    assert isinstance(file, Path)
    if Path(to).resolve() != file.resolve():
        raise ConfigError(f"the file of a library is {file}; give this path, or a server's URL")
    return file


def _change(target: "Address") -> str:
    """The line of config.yaml to change."""
    from pathlib import Path

    from index.base.database_url import shown

    if isinstance(target, Path):
        return "now remove this line from config.yaml: database_url"
    line = f"now write this line into config.yaml: database_url: {shown(target)}"
    if shown(target) == target.get_secret_value():
        return line
    return f"{line}, with the password, if it is not in ~/.pgpass"
