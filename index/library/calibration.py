"""By which profile a library counts with each of its models, who chose it, and what is kept.

A profile belongs to its model. A re-index to another model keeps the old model's profile if the
operator or ingest chose it, with those that it replaced and the choice. It counts again when the
library returns to that model, whose id names its very network.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from index.database.queries import analyses, generations
from index.database.queries.generations import GenerationRow
from index.vectors.space import Choice, Profile, shipped_profile

OPERATOR, INGEST = "operator", "ingest"
WITH_LABELS, WITHOUT_LABELS = "calibrated with labels", "calibrated without labels"
TAKEN_BACK, SHIPPED = "taken back", "shipped profile restored"
UNCHANGED, REFUSED = "calibrated without labels, the profile stays as it was", "refused: {reason}"
ADVICE = (
    "this model counts by the profile that comes with it; what was calibrated for {kept} stays "
    "there; see person-count calibrate --library --dry-run"
)


def choose(
    connection: Connection, generation: GenerationRow, profile: Profile, by: str, outcome: str
) -> Choice:
    """Count by *profile* from now on, and remember who chose it, and at which size.

    Args:
        by: OPERATOR or INGEST.
    """
    choice = Choice(by, analyses.totals(connection, generation.id)["faces"], outcome)
    chosen = replace(profile, choice=choice)
    generations.set_profile(connection, generation.id, chosen.to_json())
    return choice


def first_profile(connection: Connection, model_id: str, model: str, dim: int) -> Profile:
    """The profile of a new generation: what was chosen for its model here, else the shipped one.

    Args:
        model: the setting that loads it.
        dim: how many numbers its vectors have.
    """
    for row in (generations.active(connection), *generations.past(connection)):
        if row is not None and row.model_id == model_id:
            return Profile.from_json(row.profile)
    return shipped_profile(model, dim)


def is_worth_keeping(connection: Connection, retired: GenerationRow) -> bool:
    """Whether the generation's profile was chosen for its model, and would be lost with it."""
    active = generations.active(connection)
    moved_on = active is not None and active.model_id == retired.model_id
    return not moved_on and Profile.from_json(retired.profile).is_chosen


def drop_kept(connection: Connection) -> None:
    """Leave no average over the library's people in any generation but the active one."""
    generations.drop_past(connection)
    for row in (generations.building(connection), generations.beside(connection)):
        if row is not None:
            dim = len(Profile.from_json(row.profile).centre)
            generations.set_profile(connection, row.id, shipped_profile(row.model, dim).to_json())


def calibration_document(connection: Connection, active: GenerationRow) -> dict[str, Any]:
    """What /status says of it.

    Raises:
        ConfigError: the profile is malformed.
    """
    profile = Profile.from_json(active.profile)
    shipped = shipped_profile(active.model, len(profile.centre)).version
    kept = [row.model_id for row in generations.past(connection) if row.model_id != active.model_id]
    is_shipped, choice = profile.version == shipped, profile.choice
    return {
        "shipped": is_shipped,
        "by": choice and choice.by,
        "faces": choice and choice.faces,
        "outcome": choice and choice.outcome,
        "kept_of": kept,
        "advice": ADVICE.format(kept=" and ".join(kept)) if kept and is_shipped else None,
    }
