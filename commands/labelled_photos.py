"""What evaluate and calibrate share: labelled photos, their options, the library's profile."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console import (
    errors,
    interrupted,
    progress_bar,
)
from index.base.choices import FaceChoice, Split
from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import generations
from index.vectors.space import Profile

if TYPE_CHECKING:
    from index.evaluation.measures import LabelledFaces

AGAIN = "what was embedded is kept; start it again"

Folder = Annotated[Path, typer.Argument(help="A folder with a folder of photos for each person.")]

SplitOption = Annotated[Split, typer.Option("--split", help="A or B: half of the people.")]

Seed = Annotated[int, typer.Option(min=0, help="Fixes the halves and the draws.")]

Faces = Annotated[FaceChoice, typer.Option(help="Which faces of a photo count.")]

Without = Annotated[
    list[str] | None, typer.Option(help="Name of a photo to leave out, e.g. a mislabelled one.")
]


def labelled(
    folder: Path,
    settings: Settings,
    faces: FaceChoice,
    without: list[str] | None,
    stop: threading.Event,
) -> "LabelledFaces":
    """The faces below *folder*, embedded by the library's model with a progress bar.

    Raises:
        ConfigError: as load_labelled() does.
        typer.Exit: *stop* was set.
    """
    from ingest.jobs.labelled import load_labelled

    library = _library(settings)
    if library is not None:
        settings = settings.model_copy(update={"weights": library.weights})
    with progress_bar("embedding") as progress:
        found = load_labelled(
            folder,
            settings,
            faces,
            progress,
            stop,
            without=frozenset(without or ()),
            model_id=library.model_id if library else None,
        )
    if found is None:
        raise interrupted(AGAIN)
    if found.ambiguous:
        errors.print(f"left out, in the folders of several people: {found.ambiguous} photos")
    return found


def profile_of(settings: Settings) -> Profile | None:
    """The library's profile, which may have been calibrated; None before there is a library."""
    generation = _library(settings)
    return Profile.from_json(generation.profile) if generation else None


def _library(settings: Settings) -> generations.GenerationRow | None:
    if not settings.database_path.exists():
        return None
    with Database(settings.database_path) as database, database.read() as connection:
        return generations.active(connection)
