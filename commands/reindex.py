"""reindex: embed every image again, or only what is missing."""

from typing import Annotated

import typer

from commands.console import Config, interrupted, progress_bar, stop_on_signals
from commands.ingest import report
from index.base.plurals import counted


def reindex(
    weights: Annotated[
        str | None, typer.Option(help="casia-webface, vggface2 or a file; as configured if unset.")
    ] = None,
    missing_only: Annotated[
        bool, typer.Option("--missing-only", help="Only what is missing, failed or damaged.")
    ] = False,
    config: Config = None,
) -> None:
    """Embed every image again beside the present index, then switch.

    Interrupt it at will: started again, it goes on where it was.

    Example: person-count reindex --weights casia-webface
    """
    from index.base.lock import exclusive
    from index.base.logs import configure_logging
    from index.base.settings import load_settings
    from index.database.engine import Database
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
        with exclusive(settings.data, "reindex"), progress_bar("re-indexing") as progress:
            outcome = Reindexer(database, settings, weights or settings.weights, stop).run(progress)
    if outcome is None:
        raise interrupted("start it again to go on, nothing has changed yet")
    before = f" ({outcome.already_done} done earlier)" if outcome.already_done else ""
    images, faces = counted(outcome.images, "image"), counted(outcome.faces, "face")
    print(f"{images}{before}, {faces}, now with {outcome.model_id}")
