"""The plots of accuracy.py, without faces."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def write_det(path: Path, models: dict[str, list[tuple[float, float]]]) -> None:
    """Detection error trade-off (A. Martin et al., Eurospeech 1997), a curve for each model.

    Args:
        models: by name, false match rates and the share of pairs of one person missed at each.
    """
    figure, axes = _started()
    for name, points in models.items():
        axes.loglog([rate for rate, _ in points], [missed for _, missed in points], label=name)
    axes.set(
        xlabel="strangers taken for one person, share of pairs",
        ylabel="photos of one person taken for two, share of pairs",
        title="Pairs of photos",
    )
    _finish(figure, axes, path)


def write_persons(
    path: Path, persons: Sequence[int], models: dict[str, list[dict[str, Any]]]
) -> None:
    """Share of exact counts against the number of persons, mean and worst of the halves.

    Args:
        models: by name, "exact" and "worst" per cent for each number of *persons*.
    """
    figure, axes = _started()
    for number, (name, shares) in enumerate(models.items()):
        colour = f"C{number}"
        axes.plot(persons, [share["exact"] for share in shares], color=colour, label=name)
        worst = [share["worst"] for share in shares]
        axes.plot(persons, worst, color=colour, linestyle=":", label=f"{name}, worst half")
    axes.set(xlabel="persons, with 5 photos each", ylabel="exact counts, per cent", title="Counts")
    axes.set_ylim(0, 100)
    _finish(figure, axes, path)


def _started() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _finish(figure: Figure, axes: Axes, path: Path) -> None:
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="lower left")
    figure.savefig(path, dpi=100)
