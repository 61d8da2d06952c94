"""ingest: indexes files or folders now."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console import INTERRUPTED, Config, progress_bar, stop_on_signals, tell

if TYPE_CHECKING:
    from ingest.jobs.drain import Summary


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders below the drop folder.")],
    config: Config = None,
) -> None:
    """Index these files or folders now and wait until it is done.

    Example: person-count ingest inbox/holiday
    """
    from index.base.logs import configure_logging
    from index.base.settings import load_settings
    from index.database.engine import Database
    from ingest.jobs.drain import Drain

    settings = load_settings(config)
    configure_logging(verbose=False)
    stop = stop_on_signals()
    with Database(settings.database_address) as database, progress_bar("indexing") as progress:
        summary = Drain(database, settings, stop).ingest(paths, progress)
    report(summary)


def report(summary: "Summary") -> None:
    """Print the results.

    Raises:
        typer.Exit: with 1 if a file failed, with 130 if files are left.
    """
    from index.base.paths import on_one_line

    for path, reason in summary.failed:
        tell(f"failed: {on_one_line(path)}: {reason}")
    for path, note in summary.noted:
        tell(f"read, but {on_one_line(path)}: {note}")
    print(
        f"{summary.indexed} indexed, {summary.no_face} without a face that counts, "
        f"{len(summary.failed)} failed"
        + (f", {summary.no_photo} passed over (no photos)" if summary.no_photo else "")
        + (f", {summary.pending} still queued" if summary.pending else "")
    )
    if summary.pending:
        raise typer.Exit(INTERRUPTED)
    if summary.failed:
        raise typer.Exit(1)
