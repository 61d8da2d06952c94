"""Figures about the database that are cheap to read: for scrapes every few seconds.

library_status tells more, but counts faces and images one by one.
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
        missing_changes: the number of changes committed since it was written.
    """

    faces: int
    written_at: float
    missing_changes: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The database at one moment.

    Attributes:
        files: the number of files, by state.
        ready: the number of files that a worker may claim now.
        oldest_ready_at: when the first of them became ready, seconds since 1970.
        report: the last report of the ingest process; see index.library.ingest_report.
        reported_at: when it was made, seconds since 1970.
    """

    files: Mapping[str, int]
    ready: int
    oldest_ready_at: float | None
    active: GenerationRow | None
    snapshot: SnapshotFigures | None
    report: Mapping[str, Any]
    reported_at: float | None


def read_figures(connection: Connection, now: float) -> Figures:
    """Read the figures; *now* in seconds since 1970."""
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
