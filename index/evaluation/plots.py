"""Three plots of an evaluation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from index.base.arrays import DoubleVector, FloatMatrix
from index.evaluation.evaluation import Evaluation
from index.evaluation.measures import OPERATING_RATE, operating_distance, pair_distances
from index.vectors.space import Space

SAME, DIFFERENT = "#1f77b4", "#d62728"


def write_plots(
    folder: Path,
    vectors: FloatMatrix,
    people: Sequence[str],
    space: Space,
    result: Evaluation,
) -> list[Path]:
    """Write histogram.png, det.png and counts.png into *folder*. Returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    same, different = pair_distances(vectors, people)
    written = []
    for name, draw in (
        ("histogram", lambda axes: _histogram(axes, same, different, space, result.threshold)),
        ("det", lambda axes: _det(axes, same, different)),
        ("counts", lambda axes: _counts(axes, result)),
    ):
        figure = Figure(figsize=(8, 5), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        draw(axes)  # type: ignore[no-untyped-call]  # mypy does not infer a lambda in a tuple
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
        figure.savefig(folder / f"{name}.png", dpi=120)
        written.append(folder / f"{name}.png")
    return written


def _histogram(
    axes: Axes,
    same: DoubleVector,
    different: DoubleVector,
    space: Space,
    threshold: float,
) -> None:
    bins = np.linspace(0, 1.6, 161).tolist()
    axes.hist(same, bins, density=True, alpha=0.6, color=SAME, label="same person")
    axes.hist(different, bins, density=True, alpha=0.6, color=DIFFERENT, label="different people")
    cut = space.distance(threshold)
    axes.axvline(cut, color="black", linestyle="--", label=f"threshold {threshold:g}")
    axes.set(xlabel="cosine distance", ylabel="density", title="Distances of pairs")


def _det(axes: Axes, same: DoubleVector, different: DoubleVector) -> None:
    """Detection error trade-off (A. Martin et al., Eurospeech 1997) on logarithmic axes."""
    lowest = np.clip(1 / len(different), 1e-5, 0.1)  # a lower rate would be less than one pair
    rates = np.logspace(np.log10(lowest), -0.5, 100)
    missed = [float((same >= operating_distance(different, rate)).mean()) for rate in rates]
    # logarithmic axes have no zero: fewer than one pair is drawn as half a pair
    axes.loglog(rates, np.maximum(missed, 0.5 / max(len(same), 1)), color=SAME, label="this model")
    axes.axvline(OPERATING_RATE, color="black", linestyle="--", label="operating point")
    axes.set(
        xlabel="false match rate", ylabel="false non-match rate", title="Detection error trade-off"
    )


def _counts(axes: Axes, result: Evaluation) -> None:
    for size in result.sizes:
        thresholds = [threshold for threshold, _ in size.curve]
        bias = [quality.bias / size.drawn_persons for _, quality in size.curve]
        axes.plot(thresholds, bias, label=f"{size.name()} (persons x photos)")
    axes.axvline(result.threshold, color="black", linestyle="--", label="threshold")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_ylim(-0.5, 0.5)
    axes.set(
        xlabel="threshold",
        ylabel="mean error, share of the persons",
        title=f"Count error against threshold ({result.linkage})",
    )
