"""calibrate: makes a profile from the operator's own photos, or restores the shipped one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console import Config, interrupted, stop_on_signals
from commands.labelled_photos import (
    AGAIN,
    SEED,
    SplitOption,
    Without,
    labelled,
    profile_of,
)
from index.base.choices import FaceChoice, Split
from index.base.errors import ConfigError
from index.base.plurals import counted

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from index.base.arrays import FloatMatrix, IntVector
    from index.base.settings import Settings
    from index.database.queries.generations import GenerationRow
    from index.evaluation.measures import LabelledFaces
    from index.vectors.space import Profile

MIN_PEOPLE = 20  # with two people, 16 pairs of strangers would set the distance: far too few
FEWEST_PEOPLE = 3  # two strangers are compared around a centre of the others
MIN_FACES = 100  # that many people with a few photos each
MOST_FACES = 5_000  # of the library; counting the people in them takes a second and 100 MiB


def calibrate(
    folder: Annotated[
        Path | None, typer.Argument(help="Photos in folders named by person.")
    ] = None,
    use_library: Annotated[
        bool, typer.Option("--library", help="Measure only the centre, on the library's faces.")
    ] = False,
    shipped: Annotated[bool, typer.Option("--shipped", help="Undo earlier calibrations.")] = False,
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
    scatter is not measured: that stays the model's own. --library gives the centre only. --shipped
    restores the profile from before any calibration. Without --dry-run or --write, 20 people are
    needed, and 100 faces with --library.

    Example: person-count calibrate photos --dry-run
    """
    from index.base.logs import configure_logging
    from index.base.settings import load_settings
    from index.vectors.space import shipped_profile, stored_vector_space

    settings = load_settings(config)
    configure_logging(verbose=False)
    if [folder is not None, use_library, shipped].count(True) != 1:
        raise ConfigError("give either a folder of labelled photos, or --library, or --shipped")
    if write is not None and not write.parent.is_dir():
        raise ConfigError(f"{write} cannot be written: there is no such folder")
    before, looks_only = profile_of(settings), dry_run or write is not None
    if folder is not None:
        if not folder.is_dir():
            raise ConfigError(f"there is no folder {folder}")
        if before is None and not looks_only:
            raise ConfigError("the library is empty; index some photos first, or use --dry-run")
        stop = stop_on_signals()
        found = labelled(folder, settings, split, without, stop)
        profile = _of_people(found, before, looks_only=looks_only)
        if stop.is_set():
            raise interrupted(AGAIN)
    elif shipped:
        generation = _generation(settings)
        dim = stored_vector_space(generation.profile).dim
        profile = shipped_profile(generation.model, dim)
    else:
        profile = _of_library(settings, looks_only=looks_only)
    _print_change(before, profile)
    if write is not None:
        _write(write, profile)
    if looks_only:
        print("nothing in the library has changed")
    else:
        _store_profile(settings, profile)


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


def _of_library(settings: "Settings", *, looks_only: bool) -> "Profile":
    from index.evaluation.evaluation import recentre
    from index.vectors.space import Profile

    generation = _generation(settings)
    raw, photos = _key_faces(settings, generation.id)
    if not len(raw):
        raise ConfigError("the library holds no key faces yet")
    if len(raw) < MIN_FACES and not looks_only:
        raise ConfigError(
            f"the library holds {counted(len(raw), 'key face')}, too few for a centre: "
            f"it takes {MIN_FACES}; --dry-run shows what would change"
        )
    profile, people = recentre(raw, photos, Profile.from_json(generation.profile))
    if people < MIN_PEOPLE and not looks_only:
        raise ConfigError(
            f"the faces in the library look like those of "
            f"{counted(people, 'person', 'people')}, too few for a centre: "
            f"it takes {MIN_PEOPLE}; --dry-run shows what would change"
        )
    return profile


def _key_faces(settings: "Settings", generation_id: int) -> "tuple[FloatMatrix, IntVector]":
    """Embeddings and images of the library's key faces, at most MOST_FACES drawn by chance."""
    import numpy as np

    from index.counting.key_faces import why_left_out
    from index.database.engine import Database
    from index.database.queries import analyses, embeddings
    from index.database.queries.faces import faces_of

    chance = np.random.default_rng(0)
    with Database(settings.database_address) as database, database.read() as connection:
        images = analyses.images_with_faces(connection, generation_id)
        chosen = chance.permutation(np.array(images, np.int64))[:MOST_FACES]
        faces = faces_of(connection, generation_id, sorted(chosen.tolist()))
        left_out = why_left_out(faces, FaceChoice.KEY)
        photo_of = {face.id: face.image_id for face in faces if face.id not in left_out}
        ids = chance.permutation(np.array(list(photo_of), np.int64))[:MOST_FACES].tolist()
        found, raw = embeddings.embeddings_of(connection, generation_id, ids)
    return raw, np.array([photo_of[face] for face in found], np.int64)


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


def _store_profile(settings: "Settings", profile: "Profile") -> None:
    from index.database.engine import Database
    from index.database.queries import generations

    with Database(settings.database_address) as database, database.write() as connection:
        generations.set_profile(connection, _active(connection).id, profile.to_json())
    print("in use from now on; a running service follows by itself")
