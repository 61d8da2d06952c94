"""The common parts of evaluate and calibrate: labelled photos, options, the library's profile."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console import interrupted, progress_bar, tell
from index.base.choices import Split
from index.base.plurals import counted

if TYPE_CHECKING:
    from index.base.settings import Settings
    from index.database.queries.generations import GenerationRow
    from index.evaluation.measures import LabelledFaces
    from index.vectors.space import Profile

AGAIN = "photos embedded so far are kept; start it again"
SEED = 0  # fixes the halves and the draws: the same photos give the same figures

Folder = Annotated[Path, typer.Argument(help="A folder with a folder of photos for each person.")]
SplitOption = Annotated[Split, typer.Option("--split", help="A or B: half of the people.")]
Without = Annotated[
    list[str] | None, typer.Option(help="Name of a photo to leave out, e.g. a mislabelled one.")
]


def labelled(
    folder: Path,
    settings: "Settings",
    split: Split,
    without: list[str] | None,
    stop: threading.Event,
) -> "LabelledFaces":
    """The faces below *folder*, embedded by the library's model with a progress bar.

    Raises:
        ConfigError: as load_labelled() and of_half() do.
        typer.Exit: *stop* was set.
    """
    from index.evaluation.measures import of_half
    from ingest.jobs.labelled import load_labelled

    library = _library(settings)
    if library is not None:
        settings = settings.model_copy(update={"model": library.model})
    with progress_bar("embedding") as progress:
        found = load_labelled(
            folder,
            settings,
            progress,
            stop,
            without=frozenset(without or ()),
            model_id=library.model_id if library else None,
        )
    if found is None:
        raise interrupted(AGAIN)
    if found.ambiguous:
        tell(f"left out, as in the folders of several people: {counted(found.ambiguous, 'photo')}")
    return of_half(found, split, SEED)


def profile_of(settings: "Settings") -> "Profile | None":
    """The library's profile, which may have been calibrated; None before there is a library."""
    from index.vectors.space import Profile

    generation = _library(settings)
    return Profile.from_json(generation.profile) if generation else None


def _library(settings: "Settings") -> "GenerationRow | None":
    """The library's generation in use; None before there is a library."""
    from index.database.engine import Database
    from index.database.queries import generations
    from index.database.whereabouts import exists

    if not exists(settings.database_address):
        return None
    with Database(settings.database_address) as database, database.read() as connection:
        return generations.active(connection)
