"""restore: replaces the database with a backup."""

from pathlib import Path
from typing import Annotated

import typer

from commands.console import Config, interruptible, progress_bar, stop_on_signals
from index.base.plurals import counted


def restore(
    file: Annotated[Path, typer.Argument(help="A file that person-count backup wrote.")],
    config: Config = None,
) -> None:
    """Replace the database with a backup.

    Stop serve and watch first. The present database is kept beside it. Photos that were forgotten
    after the backup was made are forgotten again first.

    Example: person-count restore /backups/person_count-monday.db
    """
    from index.base.logs import configure_logging
    from index.base.settings import load_settings
    from index.database.whereabouts import file_to_copy
    from index.upkeep.backup import restore as restore_database

    settings = load_settings(config)
    configure_logging(verbose=False)
    path = file_to_copy(settings.database_address)
    stop = stop_on_signals()
    with progress_bar("copying pages") as progress:
        done = restore_database(file.absolute(), settings.data, path, interruptible(progress, stop))
    print(f"{path}: {_held(done.contents.images, done.contents.faces)}")
    if done.erased.images:
        print(f"forgotten again: {_held(done.erased.images, done.erased.faces)}")
    if done.kept is not None:
        print(f"the database that was there is kept as {done.kept}")


def _held(images: int, faces: int) -> str:
    return f"{counted(images, 'image')}, {counted(faces, 'face')}"
