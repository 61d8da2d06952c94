"""The processes at work on a library, as a table in plain words."""

from collections.abc import Sequence
from typing import Any

_HEAD = ("machine", "process", "it", "last sign of life", "files", "faces", "version")
_NUMBERS = (4, 5)  # columns that stand to the right
_WORDS = {
    "watches": "watches the folders",
    "works": "reads photos",
    "stands_by": "stands by",
    "sees_no_photos": "sees no photos: mount the share",
}
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def process_table(processes: Sequence[dict[str, Any]]) -> list[str]:
    """The lines of the table of /status's *processes*; none for no processes."""
    if not processes:
        return []
    rows = [_HEAD, *map(_row, processes)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if number in _NUMBERS else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _row(process: dict[str, Any]) -> tuple[str, ...]:
    state = process["state"]
    return (
        process["machine"],
        process["kind"],
        "is lost" if process["lost"] else _WORDS.get(state, state.replace("_", " ")),
        f"{_span(process['seen_seconds_ago'])} ago",
        f"{process['files']:,}",
        f"{process['faces']:,}",
        process["version"],
    )


def _span(seconds: float) -> str:
    for unit, name in _UNITS:
        if seconds >= 2 * unit:
            return f"{seconds // unit:.0f} {name}"
    return f"{seconds:.0f} s"
