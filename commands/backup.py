"""backup: a copy of the database while everything runs."""

from pathlib import Path
from typing import Annotated

import typer

from commands.console import Config, interruptible, progress_bar, stop_on_signals
from index.base.plurals import counted


def backup(
    file: Annotated[Path, typer.Argument(help="The new file; it must not exist yet.")],
    config: Config = None,
) -> None:
    """Copy the database to FILE while everything runs.

    The copy is checked by opening it.

    Example: person-count backup /backups/person_count-monday.db
    """
    from index.base.settings import load_settings
    from index.database.whereabouts import file_to_copy
    from index.upkeep.backup import back_up

    settings = load_settings(config)
    source = file_to_copy(settings.database_address)
    stop = stop_on_signals()
    with progress_bar("copying pages") as progress:
        found = back_up(source, file.absolute(), interruptible(progress, stop))
    print(f"{file}: checked, {counted(found.images, 'image')}, {counted(found.faces, 'face')}")
