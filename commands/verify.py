"""verify: checks that the library is sound."""

import typer

from commands.console import Config, tell
from index.base.plurals import counted


def verify(config: Config = None) -> None:
    """Check rows, checksums, index ids and snapshots.

    The exit code is 1 if anything is wrong.

    Example: person-count verify
    """
    from index.base.settings import load_settings
    from index.database.engine import Database
    from index.database.temporary_copy import remove_abandoned
    from index.upkeep.verify import verify as verify_database

    settings = load_settings(config)
    with Database(settings.database_address) as database:
        remove_abandoned(settings.data)
        findings = verify_database(database)
    for problem in findings.problems:
        tell(f"wrong: {problem}")
    if findings.problems:
        tell("cure: person-count reindex --missing-only")
        raise typer.Exit(1)
    if note := database.instead.page_check:
        tell(note)
    print(f"all is well: {counted(findings.faces, 'face')}")
