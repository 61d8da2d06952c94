"""removals: lists missing files whose removal is held, or accepts their removal."""

from typing import Annotated

import typer

from commands.console import Config
from index.base.plurals import counted


def removals(
    accept: Annotated[
        bool, typer.Option("--accept", help="They are gone for good: remove them.")
    ] = False,
    config: Config = None,
) -> None:
    """List missing files whose disk may only be unmounted.

    The library keeps them, but answers do not count them.

    Example: person-count removals --accept
    """
    from index.base.settings import load_settings
    from index.database.engine import Database
    from index.database.queries import places
    from index.database.queries.places import HoldReason

    why = {
        None: "",
        HoldReason.VANISHED: "many files vanished together",
        HoldReason.REPLACED: "another folder or disk is there now",
        HoldReason.ABSENT: "the folder is missing",
    }
    settings = load_settings(config)
    roots = settings.resolve_roots().real
    with (
        Database(settings.database_address) as database,
        # listed and accepted in one transaction, or a scan in between could add to it
        database.write() if accept else database.read() as connection,
    ):
        held = places.held_below(connection, roots)
        if accept:
            places.accept(connection, held)
    for place in held:
        missing = counted(place.missing, "file is", "files are")
        print(f"{place.path}: {missing} missing: {why[place.reason]}")
    if not held:
        print("no removals are held")
    elif accept:
        files = counted(sum(place.missing for place in held), "file")
        print(f"serve or watch removes {files} with its next scan, within seconds")
