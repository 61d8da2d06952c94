"""What the database holds, in figures that cost little: for scrapes every few seconds.

library_status tells more, and counts faces and images one by one to do so.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from index.database.queries import changelog, generations, queue, reports, snapshots
from index.database.queries.generations import GenerationRow


@dataclass(frozen=True, slots=True)
class SnapshotFigures:
    """The newest stored snapshot.

    Attributes:
        written_at: seconds since 1970.
        missing_changes: committed since, and so not in it.
    """

    faces: int
    written_at: float
    missing_changes: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The database at one moment.

    Attributes:
        files: how many, by state.
        ready: files that a worker may claim now.
        oldest_ready_at: since when the first of them, seconds since 1970.
        report: what the ingest process last said of itself; see index.library.ingest_report.
        reported_at: when, seconds since 1970.
    """

    files: Mapping[str, int]
    ready: int
    oldest_ready_at: float | None
    active: GenerationRow | None
    snapshot: SnapshotFigures | None
    report: Mapping[str, Any]
    reported_at: float | None


def read_figures(connection: Connection, now: float) -> Figures:
    """What *connection* sees; *now* in seconds since 1970."""
    ready, oldest, _ = queue.backlog(connection, now)
    active = generations.active(connection)
    report = reports.read(connection)
    return Figures(
        files=queue.counts(connection),
        ready=ready,
        oldest_ready_at=oldest,
        active=active,
        snapshot=None if active is None else _snapshot(connection, active.id),
        report={} if report is None else json.loads(report[0]),
        reported_at=None if report is None else report[1],
    )


def _snapshot(connection: Connection, generation_id: int) -> SnapshotFigures | None:
    stored = snapshots.newest_first(connection, generation_id)
    if not stored:
        return None
    missing = changelog.count_changes(connection, generation_id, stored[0].upto_seq)
    return SnapshotFigures(stored[0].face_count, stored[0].created_at, missing)
