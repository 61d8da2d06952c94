"""Which places may only be missing a disk, so that nothing there is taken for deleted yet."""

from sqlalchemy import Connection

from index.base.paths import Roots, is_in_any
from index.database.queries import places
from ingest.watching.walk import identity


def places_in_doubt(connection: Connection, roots: Roots) -> list[str]:
    """Places below *roots* that hold removals, or are not what the last scan found there."""
    return [
        place.path
        for place in places.all_places(connection)
        if is_in_any(place.path, roots.real)
        and (place.reason or identity(place.path) != place.identity)
    ]
