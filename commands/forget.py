"""forget: erase what is known of photos."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console import (
    Config,
    errors,
    interruptible,
    progress_bar,
    stop_on_signals,
)
from index.base.logs import configure_logging
from index.base.settings import load_settings
from index.database.engine import Database

if TYPE_CHECKING:
    from index.upkeep.forget import Forgotten


def forget(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Files or folders, also deleted ones.", readable=False),
    ],
    allow: Annotated[
        bool, typer.Option("--allow", help="Take it back: these may be indexed again.")
    ] = False,
    delete_files: Annotated[
        bool, typer.Option("--delete-files", help="Delete the photos themselves, too.")
    ] = False,
    config: Config = None,
) -> None:
    """Erase what is known of these photos, for good, and prove it.

    They are never indexed again. Copies of them under other names are forgotten, too. Exit 1 if
    anything is left on the disk.

    Example: person-count forget inbox/holiday/beach.jpg
    """
    from index.upkeep import forget as forgetting
    from index.upkeep.erasure_proof import remains

    if allow and delete_files:
        raise typer.BadParameter("--allow and --delete-files exclude each other")
    settings = load_settings(config)
    configure_logging(verbose=False)
    roots = settings.resolve_roots()
    stop = stop_on_signals()
    with Database(settings.database_path) as database, progress_bar("reading photos") as progress:
        reading = interruptible(progress, stop)
        if allow:
            count = forgetting.allow(database, settings.data, roots, paths, reading)
            print(f"{count} photos may be indexed again")
            return
        done = forgetting.forget(database, settings.data, roots, paths, reading)
    with Database(settings.database_path) as database, progress_bar("searching MiB") as searching:
        erased = done.erased.pieces | done.evaluated.pieces
        found = remains(database, settings.data, erased, searching)
    undeleted = _delete(done.plan.on_disk) if delete_files else []
    _report(done)
    if delete_files:
        print(f"{len(done.plan.on_disk) - len(undeleted)} photos are deleted")
    elif done.plan.on_disk:
        print(f"{len(done.plan.on_disk)} photos are still there; --delete-files deletes them")
    for copy in done.removed:
        print(f"it held erased vectors and is deleted: {copy}")
    for file in found:
        errors.print(f"erased vectors are still in {file}; remove it, or stop what reads it")
    if found or undeleted or done.plan.unreadable:
        raise typer.Exit(1)
    if erased:
        print("proof: no file in the data folder holds any of the erased vectors")


def _delete(paths: Sequence[str]) -> list[str]:
    """Delete photos. Returns those that could not be."""
    left = []
    for path in paths:
        try:
            os.unlink(path)
        except OSError as error:
            errors.print(f"could not be deleted ({error.strerror}): {path}")
            left.append(path)
    return left


def _report(done: "Forgotten") -> None:
    print(
        f"forgotten: {len(done.plan.rows)} files, {done.erased.images} images, "
        f"{done.erased.faces} faces; {len(done.plan.contents)} contents are never indexed again"
    )
    if done.evaluated.images:
        print(
            "from what evaluate and calibrate keep: "
            f"{done.evaluated.images} images, {done.evaluated.faces} faces"
        )
    for path in done.others:
        print(f"it held the same photo and is forgotten, too: {path}")
    if done.snapshot_left:
        print("the running ingest process writes the next snapshot")
    for path in done.plan.unreadable:
        errors.print(f"could not be read, and so not be barred: {path}")
