"""What ingest found out about the profile in use, for answers and for operators.

Ingest compares the library with the profile (index.evaluation.library_fit) and says so in its
report. This module reads that, and knows whether it still is about the profile in use.
"""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from index.base.choices import DistanceScale
from index.database.queries import reports
from index.vectors.space import Space

ADVICE = (
    "strangers look more alike here than where 0.2 was measured: it takes about {here:.2g} in "
    "1,000 pairs of them for one person, not {promised:.2g}, so counts may be too low; "
    "see person-count calibrate --library --dry-run"
)


def fit_in(report: Mapping[str, Any], space: Space) -> dict[str, Any] | None:
    """How well the profile of *space* fits the library, from ingest's *report*.

    None if that is not known, and on the plain cosine scale: there 0.2 was never promised to mean
    anything.
    """
    found = report.get("profile_fit")
    if not found or space.scale is DistanceScale.COSINE:
        return None
    return dict(found) if found["version"] == space.profile_version else None


def stored_fit(connection: Connection, space: Space) -> dict[str, Any] | None:
    """The same from the last report that is stored."""
    found = reports.read(connection)
    return None if found is None else fit_in(json.loads(found[0]), space)


def profile_members(fit: dict[str, Any] | None, space: Space) -> dict[str, Any]:
    """The members of an explained count that say by which profile it was made, that of *space*."""
    doubt = None
    if fit is not None and fit["doubtful"]:
        doubt = {name: fit[name] for name in ("strangers_accepted", "promised")}
        doubt["advice"] = advice(fit)
    return {"profile": space.profile_version, "profile_doubt": doubt}


def advice(fit: Mapping[str, Any]) -> str:
    """One sentence: what is wrong and what to do."""
    return ADVICE.format(here=1000 * fit["strangers_accepted"], promised=1000 * fit["promised"])
