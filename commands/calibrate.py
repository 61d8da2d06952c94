"""calibrate: makes a profile from the operator's own photos, or restores the shipped one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console import Config, interrupted, interruptible, progress_bar, stop_on_signals
from commands.labelled_photos import (
    AGAIN,
    SEED,
    SplitOption,
    Without,
    labelled,
    profile_of,
)
from index.base.choices import Split
from index.base.errors import ConfigError
from index.base.plurals import counted

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from index.base.settings import Settings
    from index.database.queries.generations import GenerationRow
    from index.evaluation.measures import LabelledFaces
    from index.vectors.space import Profile

MIN_PEOPLE = 20  # with two people, 16 pairs of strangers would set the distance: far too few
FEWEST_PEOPLE = 3  # two strangers are compared around a centre of the others
MIN_FACES = 100  # that many people with a few photos each


def calibrate(
    folder: Annotated[
        Path | None, typer.Argument(help="Photos in folders named by person.")
    ] = None,
    use_library: Annotated[
        bool, typer.Option("--library", help="Calibrate on the library's faces, without labels.")
    ] = False,
    shipped: Annotated[bool, typer.Option("--shipped", help="Use the shipped profile.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last calibration back.")] = False,
    split: SplitOption = Split.ALL,
    without: Without = None,
    write: Annotated[
        Path | None, typer.Option(help="Write the profile as JSON instead of using it.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing.")] = False,
    config: Config = None,
) -> None:
    """Measure the model on your own photos and use the result.

    Labelled photos give the centre, and the distance at which the model's share of pairs of
    strangers, such as one in 1,000, is taken for the same person. How the photos of one person
    scatter is not measured: that stays the model's own. Without --dry-run or --write, 20 people are
    needed.

    --library needs no labels: the count itself says who is who. It takes 100 key faces of 20
    people, and changes nothing if the result cannot be trusted. It shows the counts of up to 200
    folders before and after. --undo takes the last calibration back, --shipped all of
    them for good.

    Example: person-count calibrate --library --dry-run
    """
    from index.base.logs import configure_logging
    from index.base.settings import load_settings

    given = [folder is not None, use_library, shipped, undo]
    settings = load_settings(config)
    configure_logging(verbose=False)
    if given.count(True) != 1:
        raise ConfigError("give a folder of labelled photos, or --library, --undo or --shipped")
    if write is not None and not write.parent.is_dir():
        raise ConfigError(f"{write} cannot be written: there is no such folder")
    before, looks_only = profile_of(settings), dry_run or write is not None
    if folder is not None:
        if before is None and not looks_only and folder.is_dir():
            raise ConfigError("the library is empty; index some photos first, or use --dry-run")
        profile = _of_folder(folder, settings, split, without, before, looks_only=looks_only)
    elif use_library:
        profile = _of_library(settings)
    else:
        profile = _earlier(settings) if undo else _shipped(settings)
    _print_change(before, profile)
    if use_library:
        _print_folders(settings, profile)
    if write is not None:
        _write(write, profile)
    if looks_only:
        print("nothing in the library has changed")
    else:
        _store_profile(settings, profile, use_library=use_library, undo=undo, shipped=shipped)


def _of_folder(
    folder: Path,
    settings: "Settings",
    split: Split,
    without: list[str] | None,
    before: "Profile | None",
    *,
    looks_only: bool,
) -> "Profile":
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}")
    stop = stop_on_signals()
    found = labelled(folder, settings, split, without, stop)
    profile = _of_people(found, before, looks_only=looks_only)
    if stop.is_set():
        raise interrupted(AGAIN)
    return profile


def _shipped(settings: "Settings") -> "Profile":
    from index.vectors.space import shipped_profile, stored_vector_space

    generation = _generation(settings)
    return shipped_profile(generation.model, stored_vector_space(generation.profile).dim)


def _of_people(found: "LabelledFaces", before: "Profile | None", *, looks_only: bool) -> "Profile":
    from index.evaluation.evaluation import calibrate as measure

    people = len(set(found.people))
    if people < MIN_PEOPLE and not looks_only:
        raise ConfigError(
            f"these are photos of {counted(people, 'person', 'people')}, too few to count by: "
            f"it takes {MIN_PEOPLE}; --dry-run shows what would change"
        )
    if people < FEWEST_PEOPLE:
        raise ConfigError(
            f"{counted(people, 'person', 'people')} cannot be measured: it takes {FEWEST_PEOPLE}"
        )
    return measure(found.raw, found.people, SEED, before or found.profile)


def _of_library(settings: "Settings") -> "Profile":
    """The profile of the library's own people.

    Raises:
        ConfigError: the faces give none that can be trusted, with the reason.
    """
    from index.database.engine import Database
    from index.evaluation.self_calibration import MOST_FACES, self_calibrate
    from index.library.key_face_sample import sample_key_faces
    from index.vectors.space import shipped_profile

    generation = _generation(settings)
    with Database(settings.database_address) as database, database.read() as connection:
        raw, photos = sample_key_faces(connection, generation.id, MOST_FACES)
    if len(raw) < MIN_FACES:
        raise ConfigError(
            f"the library holds {counted(len(raw), 'key face')}, too few to calibrate on: "
            f"it takes {MIN_FACES}"
        )
    shipped = shipped_profile(generation.model, raw.shape[1])
    with progress_bar("counting and calibrating") as bar:
        found = self_calibrate(raw, photos, shipped, interruptible(bar, stop_on_signals(), AGAIN))
    print(
        f"{counted(len(raw), 'key face')}, {counted(found.rounds[0], 'person')} by the shipped "
        f"profile, {counted(found.people, 'person')} at the end of {len(found.rounds)} rounds"
    )
    if not found.has_changed:
        print("these faces are no farther off than other people's: the shipped profile fits them")
    return found.profile


def _print_folders(settings: "Settings", profile: "Profile") -> None:
    """Print the persons in sampled folders, by the profile in use and by the new one."""
    from commands.folder_difference import print_count, print_difference
    from index.database.engine import Database
    from index.library.folder_counts import count_in_folders, sample_folders

    with Database(settings.database_address) as database:
        folders = sample_folders(database)
        stop = stop_on_signals()
        with progress_bar("counting before") as bar:
            told = interruptible(bar, stop, AGAIN)
            before = count_in_folders(database, settings, folders, told)
        with progress_bar("counting after") as bar:
            told = interruptible(bar, stop, AGAIN)
            after = count_in_folders(database, settings, folders, told, profile)
    if before and after:
        print_count(before)
        print_difference(before, after)


def _earlier(settings: "Settings") -> "Profile":
    from index.vectors.space import Profile

    before = Profile.from_json(_generation(settings).profile).undone()
    if before is None:
        raise ConfigError("no calibration is left to take back: no earlier profile is kept")
    return before


def _write(path: Path, profile: "Profile") -> None:
    try:
        path.write_text(profile.to_json() + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def _generation(settings: "Settings") -> "GenerationRow":
    from index.database.engine import Database

    with Database(settings.database_address) as database, database.read() as connection:
        return _active(connection)


def _active(connection: "Connection") -> "GenerationRow":
    from index.database.queries import generations

    generation = generations.active(connection)
    if generation is None:
        raise ConfigError("the library is empty; index some photos first")
    return generation


def _print_change(before: "Profile | None", after: "Profile") -> None:
    from index.vectors.match_rates import FALSE_MATCH_RATES, FalseMatchRates

    old = f"{before.operating_distance:.4f}" if before else "none"
    print(f"operating distance {old} -> {after.operating_distance:.4f}{_how_sure(after)}")
    if before:
        moved = sum((a - b) ** 2 for a, b in zip(before.centre, after.centre, strict=True)) ** 0.5
        print(f"the centre moves by {moved:.3f}")
    for name, value in after.measured.items():
        if name != FALSE_MATCH_RATES:
            print(f"{name.replace('_', ' ')}: {value}")
    if table := FalseMatchRates.of(after.measured):
        print(f"false match rates: at {len(table.thresholds)} thresholds, of {table.pairs} pairs")


def _how_sure(profile: "Profile") -> str:
    interval = profile.measured.get("operating_distance_95")
    if interval is None:
        return " (not measured on these faces)"
    if profile.measured["people"] < MIN_PEOPLE:
        return " (of too few people to say how far off it is)"
    return f" (95 % interval {interval[0]:.4f} to {interval[1]:.4f})"


def _store_profile(
    settings: "Settings", profile: "Profile", *, use_library: bool, undo: bool, shipped: bool
) -> None:
    from index.database.engine import Database
    from index.library import calibration
    from index.vectors.space import Profile

    outcome = calibration.WITHOUT_LABELS if use_library else calibration.WITH_LABELS
    if undo or shipped:
        outcome = calibration.TAKEN_BACK if undo else calibration.SHIPPED
    with Database(settings.database_address) as database, database.write() as connection:
        generation = _active(connection)
        if not undo and not shipped:
            profile = profile.after(Profile.from_json(generation.profile))
        calibration.choose(connection, generation, profile, calibration.OPERATOR, outcome)
        if shipped:
            calibration.drop_kept(connection)
    print("in use from now on; a running service follows by itself")
