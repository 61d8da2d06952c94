"""backup, restore, forget and removals."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console import INTERRUPTED, Config, errors, progress_bar, stop_on_signals
from index.base.logs import configure_logging
from index.base.progress import Progress
from index.base.settings import load_settings
from index.database.engine import Database
from index.database.queries import places
from index.database.queries.places import HoldReason
from index.upkeep.backup import back_up
from index.upkeep.backup import restore as restore_database

if TYPE_CHECKING:
    import threading

    from index.upkeep.forget import Forgotten


def _interruptible(progress: Progress, stop: "threading.Event") -> Progress:
    def show(done: int, total: int) -> None:
        if stop.is_set():
            errors.print("interrupted; start it again")
            raise typer.Exit(INTERRUPTED)
        progress(done, total)

    return show


def backup(
    file: Annotated[Path, typer.Argument(help="Where to; must not exist yet.")],
    config: Config = None,
) -> None:
    """Copy the database to FILE while everything runs.

    The copy is checked by opening it.

    Example: person-count backup /backups/person_count-monday.db
    """
    settings = load_settings(config)
    stop = stop_on_signals()
    with progress_bar("copying pages") as progress:
        found = back_up(settings.database_path, file.absolute(), _interruptible(progress, stop))
    print(f"{file}: checked, {found.images} images, {found.faces} faces")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that person-count backup wrote.")],
    config: Config = None,
) -> None:
    """Put a backup in the place of the database.

    Stop serve and watch first. The present database is kept beside it. What was forgotten after
    the backup was made is forgotten again before anybody can ask.

    Example: person-count restore /backups/person_count-monday.db
    """
    settings = load_settings(config)
    configure_logging(verbose=False)
    stop = stop_on_signals()
    with progress_bar("copying pages") as progress:
        done = restore_database(
            file.absolute(), settings.data, settings.database_path, _interruptible(progress, stop)
        )
    print(f"{settings.database_path}: {done.contents.images} images, {done.contents.faces} faces")
    if done.erased.images:
        print(f"forgotten again: {done.erased.images} images, {done.erased.faces} faces")
    if done.kept is not None:
        print(f"the database that was there is kept as {done.kept}")


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
        reading = _interruptible(progress, stop)
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


_WHY = {
    HoldReason.VANISHED: "much vanished at once",
    HoldReason.REPLACED: "another folder or disk is there now",
    HoldReason.ABSENT: "the folder is not there",
}


def removals(
    accept: Annotated[
        bool, typer.Option("--accept", help="They are gone for good: forget what they held.")
    ] = False,
    config: Config = None,
) -> None:
    """List missing files whose disk may only have dropped out.

    They are still remembered, and no answer counts them.

    Example: person-count removals --accept
    """
    settings = load_settings(config)
    roots = settings.resolve_roots().real
    with (
        Database(settings.database_path) as database,
        # listed and accepted in one transaction, or a scan in between could add to it
        database.write() if accept else database.read() as connection,
    ):
        held = places.held_below(connection, roots)
        if accept:
            places.accept(connection, held)
    for place in held:
        why = _WHY[place.reason] if place.reason else ""
        print(f"{place.path}: {place.missing} files are missing: {why}")
    if not held:
        print("no removals are held")
    elif accept:
        count = sum(place.missing for place in held)
        print(f"{count} files: serve or watch removes them with its next scan, within seconds")


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
