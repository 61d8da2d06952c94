"""evaluate: how good the counts are, on labelled photos."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from commands.console import (
    Config,
    errors,
    interrupted,
    output,
    progress_bar,
    stop_on_signals,
)
from index.base.choices import DEFAULT_THRESHOLD, FaceChoice, Linkage, Split
from index.base.errors import ConfigError
from index.base.logs import configure_logging
from index.base.settings import load_settings
from index.counting.question import parse_threshold
from index.evaluation.measures import SIZES, of_half
from index.vectors.space import Space

if TYPE_CHECKING:
    from index.evaluation.evaluation import Evaluation

from commands.labelled_photos import (
    AGAIN,
    Faces,
    Folder,
    Seed,
    SplitOption,
    Without,
    labelled,
    profile_of,
)


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
    from index.evaluation.evaluation import evaluate as judge

    settings = load_settings(config)
    configure_logging(verbose=False)
    if (persons is None) != (images is None):
        raise ConfigError("give --persons and --images together")
    if plots is not None and plots.exists() and not plots.is_dir():
        raise ConfigError(f"{plots} is a file; --plots takes a folder")
    sizes = SIZES if persons is None or images is None else ((persons, images),)
    cut, profile = parse_threshold(threshold), profile_of(settings)  # wrong ones are told at once
    stop = stop_on_signals()
    found = of_half(labelled(folder, settings, faces, without, stop), split, seed)
    space = Space(profile or found.profile, settings.distance)
    with progress_bar("counting") as bar:

        def progress(done: int, total: int) -> None:
            if stop.is_set():
                raise interrupted(AGAIN)
            bar(done, total)

        result = judge(
            found.raw,
            found.people,
            space,
            linkage or settings.linkage,
            cut,
            sizes,
            draws,
            seed,
            progress,
            found.photos,
        )
    if plots is not None:
        from index.evaluation.plots import write_plots

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
            "in_several_folders": found.ambiguous,
        }
        print(json.dumps(document | result.to_document(), indent=2))
    else:
        _print_table(result)


def _print_table(result: "Evaluation") -> None:
    rates = ", ".join(
        f"{share:.1%} at {rate:g}" for rate, share in result.true_accept_rates.items()
    )
    print(f"{result.faces} faces of {result.people} people, linkage {result.linkage}")
    print(f"pairs of one person accepted, by false match rate: {rates or 'too few pairs to say'}")
    pairs = result.false_match_rates.pairs
    print(
        f"false match rate at threshold {result.threshold:g}: {result.false_match_rate:.5f} "
        f"({round(result.false_match_rate * pairs)} of {pairs} pairs of different people)"
    )
    table = Table(
        Column("persons x photos", no_wrap=True),
        "exact",
        "mean error",
        "bias",
        "best threshold",
        "exact there",
    )
    for size in result.sizes:
        at, best = size.at_threshold, size.at_best
        table.add_row(
            size.name(),
            f"{at.exact:.0%}",
            f"{at.mean_error:.2f}",
            f"{at.bias:+.2f}",
            f"{size.best_threshold:.3f}",
            f"{best.exact:.0%}",
        )
    output.print(table)
    if any(size.is_short for size in result.sizes):
        print("there are fewer people or photos than some sizes ask for; all were drawn")
