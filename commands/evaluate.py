"""evaluate: measures how good the counts are, on labelled photos."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console import Config, interruptible, progress_bar, stop_on_signals, tell
from commands.evaluated_judgements import evaluate_judgements
from commands.labelled_photos import (
    AGAIN,
    SEED,
    SplitOption,
    Without,
    labelled,
    profile_of,
)
from index.base.choices import DEFAULT_THRESHOLD, Linkage, Split
from index.base.errors import ConfigError
from index.base.plurals import counted

if TYPE_CHECKING:
    from index.evaluation.evaluation import Evaluation

DRAWS = 500  # of each size


def evaluate(
    folder: Annotated[
        Path | None, typer.Argument(help="A folder with a folder of photos for each person.")
    ] = None,
    threshold: Annotated[str, typer.Option(help="As in a request.")] = DEFAULT_THRESHOLD,
    linkage: Annotated[Linkage | None, typer.Option(help="As configured if unset.")] = None,
    split: SplitOption = Split.ALL,
    without: Without = None,
    plots: Annotated[Path | None, typer.Option(help="Write three plots into this folder.")] = None,
    judgements: Annotated[
        bool,
        typer.Option(
            "--judgements", help="Instead of a folder: what people said about the library's faces."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Config = None,
) -> None:
    """Measure how often counts of labelled photos are right.

    With --judgements it takes the library's own photos that people judged, and says how many of
    their judgements a count gets right by itself, at each threshold and with each model that the
    library has.

    Example: person-count evaluate photos --split B --linkage evidence --plots plots
    """
    from index.base.logs import configure_logging
    from index.base.settings import load_settings
    from index.counting.question import parse_threshold
    from index.evaluation.evaluation import evaluate as judge
    from index.evaluation.measures import SIZES
    from index.vectors.space import Space

    settings = load_settings(config)
    configure_logging(verbose=False)
    if plots is not None:
        _check_plots(plots)
    cut, profile = parse_threshold(threshold), profile_of(settings)  # refuses wrong ones at once
    if judgements:
        if folder is not None:
            raise ConfigError("--judgements takes the library's photos; give no folder")
        evaluate_judgements(settings, cut, linkage or settings.linkage, as_json=as_json)
        return
    if folder is None:
        raise ConfigError("name a folder of labelled photos, or give --judgements")
    stop = stop_on_signals()
    found = labelled(folder, settings, split, without, stop)
    space = Space(profile or found.profile, settings.distance)
    with progress_bar("counting") as bar:
        result = judge(
            found.raw,
            found.people,
            space,
            linkage or settings.linkage,
            cut,
            SIZES,
            DRAWS,
            SEED,
            interruptible(bar, stop, AGAIN),
            found.photos,
        )
    if plots is not None:
        from index.evaluation.plots import write_plots

        for path in write_plots(plots, space.unit(found.raw), found.people, space, result):
            tell(f"wrote {path}")
    if as_json:
        document = {
            "model": found.model_id,
            "split": split,
            "photos_left_out": sorted(without or []),
            "faceless": found.faceless,
            "unreadable": found.unreadable,
            "in_several_folders": found.ambiguous,
        }
        print(json.dumps(document | result.to_document(), indent=2))
    else:
        _print_figures(result)
        _print_table(result)


def _check_plots(folder: Path) -> None:
    """Raise ConfigError now, before hours of work, if the plots cannot be made at its end."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; --plots takes a folder")
    if find_spec("matplotlib") is None:
        raise ConfigError(
            "--plots needs matplotlib, which is not installed; "
            "install it with: pip install matplotlib"
        )


def _print_figures(result: "Evaluation") -> None:
    rates = ", ".join(
        f"{share:.1%} at {rate:g}" for rate, share in result.true_accept_rates.items()
    )
    print(f"{counted(result.faces, 'face')} of {result.people} people, linkage {result.linkage}")
    print(f"pairs of one person accepted, by false match rate: {rates or 'too few pairs to say'}")
    pairs = result.false_match_rates.pairs
    print(
        f"false match rate at threshold {result.threshold:g}: {result.false_match_rate:.5f} "
        f"({round(result.false_match_rate * pairs)} of {pairs} pairs of different people)"
    )


def _print_table(result: "Evaluation") -> None:
    from rich.console import Console
    from rich.table import Column, Table

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
    Console(highlight=False, markup=False).print(table)
    if any(size.is_short for size in result.sizes):
        print("there are fewer people or photos than some sizes ask for; all were drawn")
