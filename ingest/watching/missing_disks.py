"""Finds places whose disk may be missing, so that their files are not taken for deleted."""

from sqlalchemy import Connection

from index.base.paths import Roots, is_in_any
from index.database.queries import places
from ingest.watching.walk import identity


def uncertain_places(connection: Connection, roots: Roots) -> list[str]:
    """Places at and below *roots* that hold removals, or have changed since the last scan."""
    return [
        place.path
        for place in places.all_places(connection)
        if is_in_any(place.path, roots.real)
        and (place.reason or identity(place.path) != place.identity)
    ]
