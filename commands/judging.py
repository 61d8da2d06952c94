"""evaluate and calibrate: how good the counts are, on labelled photos."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from commands.console import Config, errors, output, progress_bar, stop_on_signals
from index.arrays import FloatMatrix
from index.database import Database
from index.errors import ConfigError
from index.logs import configure_logging
from index.match_rates import FALSE_MATCH_RATES, FalseMatchRates
from index.measures import SIZES, Split, of_half
from index.question import parse_threshold
from index.settings import FaceChoice, Linkage, Settings, load_settings
from index.space import DEFAULT_THRESHOLD, Profile, Space
from index.store import embeddings, generations

if TYPE_CHECKING:
    from index.evaluation import Evaluation
    from index.measures import LabelledFaces

Folder = Annotated[Path, typer.Argument(help="A folder with a folder of photos for each person.")]
SplitOption = Annotated[Split, typer.Option("--split", help="A or B: half of the people.")]
Seed = Annotated[int, typer.Option(min=0, help="Fixes the halves and the draws.")]
Faces = Annotated[FaceChoice, typer.Option(help="Which faces of a photo count.")]
Without = Annotated[
    list[str] | None, typer.Option(help="Name of a photo to leave out, e.g. a mislabelled one.")
]


def evaluate(
    folder: Folder,
    threshold: Annotated[str, typer.Option(help="As in a request.")] = DEFAULT_THRESHOLD,
    linkage: Annotated[Linkage | None, typer.Option(help="As configured if unset.")] = None,
    faces: Faces = FaceChoice.ONE,
    split: SplitOption = Split.ALL,
    persons: Annotated[int | None, typer.Option(min=1, help="One size of draw only.")] = None,
    images: Annotated[int | None, typer.Option(min=1, help="Photos of each person.")] = None,
    draws: Annotated[int, typer.Option(min=1, help="Draws of each size.")] = 500,
    seed: Seed = 0,
    without: Without = None,
    plots: Annotated[Path | None, typer.Option(help="Write three plots into this folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Config = None,
) -> None:
    """Measure how often counts of labelled photos are right.

    Example: person-count evaluate photos --split B --linkage evidence --plots plots
    """
    from index.evaluation import evaluate as judge

    settings = load_settings(config)
    configure_logging(verbose=False)
    if (persons is None) != (images is None):
        raise ConfigError("give --persons and --images together")
    if plots is not None and plots.exists() and not plots.is_dir():
        raise ConfigError(f"{plots} is a file; --plots takes a folder")
    sizes = SIZES if persons is None or images is None else ((persons, images),)
    found = of_half(_labelled(folder, settings, faces, without), split, seed)
    space = Space(_profile(settings) or found.profile, settings.distance)
    with progress_bar("counting") as progress:
        result = judge(
            found.raw,
            found.people,
            space,
            linkage or settings.linkage,
            parse_threshold(threshold),
            sizes,
            draws,
            seed,
            progress,
            found.photos,
        )
    if plots is not None:
        from index.plots import write_plots

        for path in write_plots(plots, space.unit(found.raw), found.people, space, result):
            errors.print(f"wrote {path}")
    if as_json:
        document = {
            "model": found.model_id,
            "split": split,
            "seed": seed,
            "photos_left_out": (sorted(without or [])),
            "faceless": found.faceless,
            "unreadable": found.unreadable,
        }
        print(json.dumps(document | result.to_document(), indent=2))
    else:
        _print_table(result)


def _labelled(
    folder: Path, settings: Settings, faces: FaceChoice, without: list[str] | None
) -> "LabelledFaces":
    from ingest.labelled import load_labelled

    stop = stop_on_signals()
    with progress_bar("embedding") as progress:
        return load_labelled(
            folder, settings, faces, progress, stop, without=frozenset(without or ())
        )


def _profile(settings: Settings) -> Profile | None:
    """The library's profile, which may have been calibrated; None before there is a library."""
    if not settings.database_path.exists():
        return None
    with Database(settings.database_path) as database, database.read() as connection:
        generation = generations.active(connection)
    return Profile.from_json(generation.profile) if generation else None


def _print_table(result: "Evaluation") -> None:
    rates = ", ".join(
        f"{share:.1%} at {rate:g}" for rate, share in result.true_accept_rates.items()
    )
    print(f"{result.faces} faces of {result.people} people, linkage {result.linkage}")
    print(f"pairs of one person accepted, by false match rate: {rates}")
    print(f"false match rate at threshold {result.threshold:g}: {result.false_match_rate:.5f}")
    table = Table(
        "persons x photos", "exact", "mean error", "bias", "best threshold", "exact there"
    )
    for size in result.sizes:
        at, best = size.at_threshold, size.at_best
        table.add_row(
            f"{size.persons} x {size.photos}",
            f"{at.exact:.0%}",
            f"{at.mean_error:.2f}",
            f"{at.bias:+.2f}",
            f"{size.best_threshold:.3f}",
            f"{best.exact:.0%}",
        )
    output.print(table)


def calibrate(
    folder: Annotated[
        Path | None, typer.Argument(help="Photos in folders named by person.")
    ] = None,
    use_library: Annotated[
        bool, typer.Option("--library", help="Only the centre, from the library's own faces.")
    ] = False,
    faces: Faces = FaceChoice.ONE,
    split: SplitOption = Split.ALL,
    seed: Seed = 0,
    without: Without = None,
    write: Annotated[
        Path | None, typer.Option(help="Write the profile as JSON instead of using it.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing.")] = False,
    config: Config = None,
) -> None:
    """Measure the model on your own photos and use the result from now on.

    With labelled photos: the centre, and the distance at which one pair of strangers in 1,000 is
    taken for the same person. With --library: the centre only.

    Example: person-count calibrate photos --dry-run
    """
    from index.evaluation import calibrate as measure
    from index.evaluation import plain_centre

    settings = load_settings(config)
    configure_logging(verbose=False)
    if (folder is None) == (not use_library):
        raise ConfigError("give either a folder of labelled photos or --library")
    if write is not None and not write.parent.is_dir():
        raise ConfigError(f"{write} cannot be written: there is no such folder")
    before = _profile(settings)
    if folder is not None:
        if not folder.is_dir():
            raise ConfigError(f"there is no folder {folder}")
        if before is None and write is None and not dry_run:
            raise ConfigError("the library is empty; index some photos first, or use --dry-run")
        found = of_half(_labelled(folder, settings, faces, without), split, seed)
        profile = measure(found.raw, found.people, seed)
    else:
        if before is None:
            raise ConfigError("the library is empty; index some photos first")
        centre = plain_centre(_library_embeddings(settings))
        profile = Profile(centre, before.operating_distance, _without_rates(before.measured))
    _print_change(before, profile)
    if write is not None:
        try:
            write.write_text(profile.to_json() + "\n", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{write} cannot be written: {error.strerror}") from error
    if dry_run or write is not None:
        print("nothing in the library has changed")
    else:
        _store_profile(settings, profile)


def _library_embeddings(settings: Settings) -> FloatMatrix:
    import numpy as np

    with Database(settings.database_path) as database, database.read() as connection:
        generation = generations.active(connection)
        if generation is None:
            raise ConfigError("the library is empty; index some photos first")
        parts = [raw for _, raw in embeddings.iterate_embeddings(connection, generation.id, 4096)]
    if not parts:
        raise ConfigError("the library holds no faces yet")
    return np.concatenate(parts)


def _without_rates(measured: dict[str, Any]) -> dict[str, Any]:
    """What holds roughly around another centre too; rare false matches depend on it too much."""
    return {name: value for name, value in measured.items() if name != FALSE_MATCH_RATES}


def _print_change(before: Profile | None, after: Profile) -> None:
    old = f"{before.operating_distance:.4f}" if before else "none"
    interval = after.measured.get("operating_distance_95")
    sure = f" (95 % interval {interval[0]:.4f} to {interval[1]:.4f})" if interval else ""
    print(f"operating distance {old} -> {after.operating_distance:.4f}{sure}")
    if before:
        moved = sum((a - b) ** 2 for a, b in zip(before.centre, after.centre, strict=True)) ** 0.5
        print(f"the centre moves by {moved:.3f}")
    for name, value in after.measured.items():
        if name != FALSE_MATCH_RATES:
            print(f"{name.replace('_', ' ')}: {value}")
    if table := FalseMatchRates.of(after.measured):
        print(f"false match rates: at {len(table.thresholds)} thresholds, of {table.pairs} pairs")


def _store_profile(settings: Settings, profile: Profile) -> None:
    with Database(settings.database_path) as database, database.write() as connection:
        generation = generations.active(connection)
        if generation is None:
            raise ConfigError("the library is empty; index some photos first")
        generations.set_profile(connection, generation.id, profile.to_json())
    print("in use from now on; a running service follows by itself")
