"""forget: erases photos from the library."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console import Config, interruptible, progress_bar, stop_on_signals, tell
from index.base.plurals import counted

if TYPE_CHECKING:
    from index.upkeep.forget import Forgotten


def forget(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Files or folders, even deleted ones.", readable=False),
    ],
    allow: Annotated[
        bool, typer.Option("--allow", help="Undo it: these may be indexed again.")
    ] = False,
    delete_files: Annotated[
        bool, typer.Option("--delete-files", help="Delete the photos themselves, too.")
    ] = False,
    config: Config = None,
) -> None:
    """Erase these photos from the library for good, and prove it.

    They are never indexed again. Copies of them under other names are forgotten, too. The exit code
    is 1 if anything of them is left in the data folder.

    Example: person-count forget inbox/holiday/beach.jpg
    """
    from index.base.logs import configure_logging
    from index.base.settings import load_settings
    from index.database.engine import Database
    from index.upkeep import forget as forgetting
    from index.upkeep.erasure_proof import remains, rows_left

    if allow and delete_files:
        raise typer.BadParameter("--allow and --delete-files exclude each other")
    settings = load_settings(config)
    configure_logging(verbose=False)
    roots = settings.resolve_roots()
    stop = stop_on_signals()
    with (
        Database(settings.database_address) as database,
        progress_bar("reading photos") as progress,
    ):
        reading = interruptible(progress, stop)
        if allow:
            count = forgetting.allow(database, settings.data, roots, paths, reading)
            print(f"{counted(count, 'photo')} may be indexed again")
            return
        done = forgetting.forget(database, settings.data, roots, paths, reading)
    with (
        Database(settings.database_address) as database,
        progress_bar("searching MiB") as searching,
    ):
        erased = done.erased.pieces | done.evaluated.pieces
        found = remains(database, settings.data, erased, searching)
        left, bytes_may_stay = (
            rows_left(database, done.plan.contents),
            database.instead.erasure_proof,
        )
    undeleted = _delete(done.plan.on_disk) if delete_files else done.plan.on_disk
    _report(done)
    _report_photos(len(done.plan.on_disk) - len(undeleted), len(undeleted), delete_files)
    for copy in done.removed:
        print(f"deleted, because it held erased vectors: {copy}")
    for file in found:
        tell(f"erased vectors are still in {file}; remove it, or stop the program that reads it")
    if left:
        tell(f"{counted(left, 'image is', 'images are')} still in the database; run this again")
    if found or left or done.plan.unreadable or (delete_files and undeleted):
        raise typer.Exit(1)
    if erased:
        print("proof: no file in the data folder holds any of the erased vectors")
        if bytes_may_stay:
            print(f"and no row of the database names these photos; {bytes_may_stay}")


def _delete(paths: Sequence[str]) -> list[str]:
    """Delete photos. Returns those that could not be deleted."""
    left = []
    for path in paths:
        try:
            os.unlink(path)
        except OSError as error:
            tell(f"could not be deleted ({error.strerror}): {path}")
            left.append(path)
    return left


def _report(done: "Forgotten") -> None:
    files, images = counted(len(done.plan.rows), "file"), counted(done.erased.images, "image")
    contents = counted(len(done.plan.contents), "content is", "contents are")
    print(
        f"forgotten: {files}, {images}, {counted(done.erased.faces, 'face')}; "
        f"{contents} never indexed again"
    )
    if done.erased.judgements:
        print(f"and {counted(done.erased.judgements, 'judgement')} on their faces")
    if done.evaluated.images:
        images = counted(done.evaluated.images, "image")
        faces = counted(done.evaluated.faces, "face")
        print(f"from the library of evaluate and calibrate: {images}, {faces}")
    for path in done.others:
        print(f"also forgotten, because it held the same photo: {path}")
    if done.snapshot_left:
        print("the running ingest process writes the next snapshot")
    for path in done.plan.unreadable:
        tell(f"could not be read, so it may be indexed again: {path}")


def _report_photos(deleted: int, left: int, delete_files: bool) -> None:
    if delete_files:
        print(f"{counted(deleted, 'photo is', 'photos are')} deleted")
    elif left:
        one = "photo is still there; --delete-files deletes it"
        print(counted(left, one, "photos are still there; --delete-files deletes them"))
