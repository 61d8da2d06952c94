"""verify: whether the library is sound."""

from typing import TYPE_CHECKING

import typer

from commands.console import Config, errors
from index.base.settings import load_settings
from index.database.engine import Database
from index.upkeep.verify import verify as verify_database

if TYPE_CHECKING:
    pass


def verify(config: Config = None) -> None:
    """Check rows, checksums, index ids and snapshots.

    Exit code 1 if anything is wrong.

    Example: person-count verify
    """
    settings = load_settings(config)
    with Database(settings.database_path) as database:
        findings = verify_database(database)
    for problem in findings.problems:
        errors.print(f"wrong: {problem}")
    if findings.problems:
        errors.print("cure: person-count reindex --missing-only")
        raise typer.Exit(1)
    print(f"all is well: {findings.faces} faces")
