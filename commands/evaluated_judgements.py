"""What evaluate --judgements prints."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from index.base.choices import Linkage
from index.base.errors import ConfigError
from index.base.plurals import counted

if TYPE_CHECKING:
    from index.base.settings import Settings

THRESHOLDS = tuple(round(0.1 + 0.025 * step, 3) for step in range(9))
CAUTION = "These are hard cases that people chose: no false match rate follows from them."


def evaluate_judgements(
    settings: "Settings", threshold: float, linkage: Linkage, *, as_json: bool
) -> None:
    """Print how many judgements a count gets right by itself, with each model of the library.

    Args:
        threshold: one more to try beside THRESHOLDS.

    Raises:
        ConfigError: there are no judgements on two faces.
    """
    from index.database.engine import Database
    from index.database.queries import generations
    from index.evaluation.judged import judged_at
    from index.library.judged_pairs import judged_pairs
    from index.library.judgements import judgements_of
    from index.vectors.space import stored_space

    thresholds = sorted({threshold, *THRESHOLDS})
    found: list[dict[str, Any]] = []
    with Database(settings.database_address) as database, database.read() as connection:
        held = judgements_of(connection)
        for generation in (generations.active(connection), generations.beside(connection)):
            if generation is None:
                continue
            pairs = judged_pairs(connection, generation.id, held, settings.counted_faces)
            space = stored_space(generation.profile, settings.distance)
            counts = (
                judged_at(
                    pairs.raw,
                    pairs.photos,
                    pairs.same,
                    pairs.different,
                    space,
                    linkage,
                    thresholds,
                )
                if pairs.same or pairs.different
                else []
            )
            found.append(
                {
                    "model": generation.model_id,
                    "same": len(pairs.same),
                    "different": len(pairs.different),
                    "lost": pairs.lost,
                    "right": [asdict(one) for one in counts],
                }
            )
    if not any(model["right"] for model in found):
        raise ConfigError("nobody has said yet which faces are the same person or different people")
    if as_json:
        print(json.dumps({"linkage": linkage, "models": found, "caution": CAUTION}, indent=2))
        return
    for model in found:
        _print(model)
    print(CAUTION)


def _print(model: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    lost = f"; {model['lost']} more find no face" if model["lost"] else ""
    same, different = model["same"], model["different"]
    print(f"{counted(same + different, 'judgement')} on two faces, by {model['model']}{lost}")
    table = Table("threshold", "same: joined", "different: kept apart", "right")
    for one in model["right"]:
        right = (one["same"] + one["different"]) / (same + different)
        table.add_row(
            f"{one['threshold']:g}",
            f"{one['same']} of {same}",
            f"{one['different']} of {different}",
            f"{right:.0%}",
        )
    Console(highlight=False, markup=False).print(table)
