"""reindex: embeds every image again, or only missing ones."""

from typing import TYPE_CHECKING, Annotated

import typer

from commands.console import Config, interrupted, interruptible, progress_bar, stop_on_signals
from commands.ingest import report
from index.base.plurals import counted

if TYPE_CHECKING:
    from ingest.jobs.reindex import ReindexResult

NOT_YET = "start it again to go on, nothing has changed yet"
SWITCHED = "the re-index is done; only the count after it is missing"


def reindex(
    model: Annotated[
        str | None, typer.Option(help="A model's name or description; as configured if unset.")
    ] = None,
    missing_only: Annotated[
        bool,
        typer.Option("--missing-only", help="Only images that are missing, failed or damaged."),
    ] = False,
    config: Config = None,
) -> None:
    """Embed every image again beside the present index, then switch.

    Until the switch, answers come from the present index. It prints the persons counted in up to
    200 of your folders, before and after. You can interrupt it: started again, it continues where
    it stopped.

    Example: person-count reindex --model mobilefacenet
    """
    from commands.folder_difference import print_count, print_difference
    from index.base.lock import exclusive
    from index.base.logs import configure_logging
    from index.base.settings import load_settings
    from index.database.engine import Database
    from index.library.folder_counts import count_in_folders, sample_folders
    from ingest.jobs.drain import Drain
    from ingest.jobs.reindex import Reindexer

    settings = load_settings(config)
    configure_logging(verbose=False)
    stop = stop_on_signals()
    with Database(settings.database_path) as database:
        if missing_only:
            with progress_bar("indexing") as progress:
                summary = Drain(database, settings, stop).catch_up(progress)
            report(summary)
            return
        with exclusive(settings.data, "reindex"):
            # before the count, which takes long: it says at once if the model's network is missing
            reindexer = Reindexer(database, settings, model or settings.model, stop)
            folders = sample_folders(database)
            with progress_bar("counting before") as bar:
                progress = interruptible(bar, stop, NOT_YET)
                before = count_in_folders(database, settings, folders, progress)
            if before:
                print_count(before)
            with progress_bar("re-indexing") as bar:
                outcome = reindexer.run(bar)
            if outcome is None:
                raise interrupted(NOT_YET)
            _print_outcome(outcome)
            with progress_bar("counting after") as bar:
                progress = interruptible(bar, stop, SWITCHED)
                after = count_in_folders(database, settings, folders, progress)
    if before and after:
        print_difference(before, after)


def _print_outcome(outcome: "ReindexResult") -> None:
    earlier = f" ({outcome.already_done} done earlier)" if outcome.already_done else ""
    images, faces = counted(outcome.images, "image"), counted(outcome.faces, "face")
    print(f"{images}{earlier}, {faces}, now with {outcome.model_id}")
