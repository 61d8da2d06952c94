"""reindex: embeds every image again, or only missing ones."""

from typing import TYPE_CHECKING, Annotated

import typer

from commands.console import Config, interrupted, interruptible, progress_bar, stop_on_signals
from commands.ingest import report
from index.base.errors import ConfigError, IngestError
from index.base.plurals import counted

if TYPE_CHECKING:
    from threading import Event

    from index.base.settings import Settings
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
    beside: Annotated[
        bool | None,
        typer.Option(
            help="Keep the model's faces as a second opinion, without a switch; or remove them."
        ),
    ] = None,
    config: Config = None,
) -> None:
    """Embed every image again beside the present index and switch.

    Until the switch, answers come from the present index. Workers on other machines help. It prints
    the persons counted in up to 200 of your folders, before and after. You can interrupt it:
    started again, it continues where it stopped.

    With --beside it never switches. Then /persons says where the second model disagrees, and ingest
    gives new photos their faces of both models. --no-beside removes the second model's faces.

    Example: person-count reindex --model mobilefacenet
    """
    from commands.folder_difference import print_count, print_difference
    from index.base.lock import exclusive
    from index.base.logs import configure_logging
    from index.base.settings import load_settings
    from index.database.engine import Database
    from index.database.presence import Presence
    from index.database.sole_jobs import REINDEX, sole
    from index.database.states import ProcessKind, ProcessState
    from index.library.folder_counts import count_in_folders, sample_folders
    from index.library.listed_judgements import lost_now
    from ingest.jobs.drain import Drain
    from ingest.jobs.reindex import Reindexer

    settings = load_settings(config)
    configure_logging(verbose=False)
    stop = stop_on_signals()
    if beside is not None:
        if missing_only:
            raise ConfigError("--missing-only and --beside exclude each other; give one of them")
        _second_opinion(settings, model, stop, keep=beside)
        return
    with Database(settings.database_address) as database:
        if missing_only:
            with progress_bar("indexing") as progress:
                summary = Drain(database, settings, stop).catch_up(progress)
            report(summary)
            return
        with (
            exclusive(settings.data, "reindex"),
            Presence(database, settings.data, ProcessKind.REINDEX, ProcessState.WORKS) as presence,
            sole(database, REINDEX, presence.name),
        ):
            # before the count, which takes long: it says at once if the model's network is missing
            reindexer = Reindexer(database, settings, model or settings.model, stop)
            lost = lost_now(database)
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
            _print_lost(lost_now(database) - lost)
            with progress_bar("counting after") as bar:
                progress = interruptible(bar, stop, SWITCHED)
                after = count_in_folders(database, settings, folders, progress)
    if before and after:
        print_difference(before, after)


def _second_opinion(settings: "Settings", model: str | None, stop: "Event", *, keep: bool) -> None:
    """Index the library beside with a second model, or remove that model's faces."""
    from index.base.lock import exclusive
    from index.database.engine import Database
    from index.database.presence import Presence
    from index.database.sole_jobs import REINDEX, sole
    from index.database.states import ProcessKind, ProcessState
    from ingest.jobs.beside import BesideIndexer, remove_beside
    from ingest.jobs.reindex import remove_retired

    with (
        Database(settings.database_address) as database,
        exclusive(settings.data, "reindex"),
        Presence(database, settings.data, ProcessKind.REINDEX, ProcessState.WORKS) as presence,
        sole(database, REINDEX, presence.name),
    ):
        if not keep:
            removed = remove_beside(database)
            remove_retired(database)
            print(f"removed the faces of {removed}" if removed else "there is no second model")
            return
        if model is None:
            raise ConfigError("name the second model, for example --beside --model mobilefacenet")
        indexer = BesideIndexer(database, settings, model, stop)
        with progress_bar("indexing beside") as bar:
            outcome = indexer.run(bar)
        remove_retired(database)
    if outcome is None:
        raise interrupted("start it again to go on; answers are as before")
    images, faces = counted(outcome.images, "image"), counted(outcome.faces, "face")
    print(f"{images}, {faces}, now also with {outcome.model_id}")
    if outcome.errors:
        some, first = counted(len(outcome.errors), "image"), outcome.errors[0]
        raise IngestError(f"{some} could not be read, and the second model lacks them: {first}")


def _print_outcome(outcome: "ReindexResult") -> None:
    earlier = f" ({outcome.already_done} done earlier)" if outcome.already_done else ""
    images, faces = counted(outcome.images, "image"), counted(outcome.faces, "face")
    print(f"{images}{earlier}, {faces}, now with {outcome.model_id}")
    if outcome.left:
        print(f"what was calibrated for {outcome.left} stays with it, for when you return to it")
    if outcome.is_back:
        print(f"{outcome.model_id} counts by the profile that was in use here with it before")
    elif outcome.left:
        print(
            f"{outcome.model_id} begins with the profile that comes with it; to see what its own "
            "would change: person-count calibrate --library --dry-run"
        )


def _print_lost(lost: "set[int]") -> None:
    """Print which judgements the new model leaves without their face."""
    if lost:
        numbers = ", ".join(map(str, sorted(lost)))
        print(f"these judgements no longer find their face, and are kept: {numbers}")
