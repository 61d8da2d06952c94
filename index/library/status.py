"""The database in numbers, for /status and the command line. No file names."""

from typing import Any

from index.database.engine import Database
from index.database.queries import analyses, generations, queue, snapshots


def library_status(database: Database) -> dict[str, Any]:
    """The contents of the database, counted."""
    with database.read() as connection:
        active = generations.active(connection)
        building = generations.building(connection)
        found: dict[str, Any] = {"files": queue.counts(connection)}
        if active is not None:
            found |= {"model": active.model_id, **analyses.totals(connection, active.id)}
            stored = snapshots.newest_first(connection, active.id)
            found["snapshot"] = (
                {"faces": stored[0].face_count, "written_at": stored[0].created_at}
                if stored
                else None
            )
        if building is not None:
            done, total = generations.progress(connection, building.id)
            found["reindex"] = {"model": building.model_id, "images": done, "of": total}
    return found
