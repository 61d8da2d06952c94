"""The status of the library: the database's contents at one moment, in numbers. No file names."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from index.base.choices import DistanceScale
from index.base.errors import ConfigError
from index.database.engine import Database
from index.database.queries import (
    analyses,
    changelog,
    generations,
    processes,
    queue,
    reports,
    snapshots,
)
from index.database.queries.generations import GenerationRow
from index.database.queries.processes import ProcessRow
from index.library.at_work import is_watched, process_document
from index.library.calibration import calibration_document
from index.library.profile_fit import profile_members, stored_fit
from index.vectors.space import stored_space


@dataclass(frozen=True, slots=True)
class SnapshotStatus:
    """The newest stored snapshot.

    Attributes:
        written_at: seconds since 1970.
        missing_changes: the number of changes committed since it was written.
    """

    faces: int
    written_at: float
    missing_changes: int


@dataclass(frozen=True, slots=True)
class LibraryStatus:
    """The database at one moment.

    Attributes:
        files: the number of files, by state.
        ready: the number of files that a worker may claim now.
        oldest_ready_at: when the first of them became ready, seconds since 1970.
        report: the last report of the ingest process; see index.library.ingest_report.
        reported_at: when it was made, seconds since 1970.
        processes: those at work on the library, and those that were lost.
    """

    files: Mapping[str, int]
    ready: int
    oldest_ready_at: float | None
    active: GenerationRow | None
    snapshot: SnapshotStatus | None
    report: Mapping[str, Any]
    reported_at: float | None
    processes: list[ProcessRow]


def read_status(connection: Connection, now: float) -> LibraryStatus:
    """Read the cheap numbers, for scrapes every few seconds; *now* in seconds since 1970."""
    ready, oldest, _ = queue.backlog(connection, now)
    active = generations.active(connection)
    report = reports.read(connection)
    return LibraryStatus(
        files=queue.counts(connection),
        ready=ready,
        oldest_ready_at=oldest,
        active=active,
        snapshot=None if active is None else _snapshot(connection, active.id),
        report={} if report is None else json.loads(report[0]),
        reported_at=None if report is None else report[1],
        processes=processes.all_processes(connection),
    )


def _snapshot(connection: Connection, generation_id: int) -> SnapshotStatus | None:
    stored = snapshots.newest_first(connection, generation_id)
    if not stored:
        return None
    missing = changelog.count_changes(connection, generation_id, stored[0].upto_seq)
    return SnapshotStatus(stored[0].face_count, stored[0].created_at, missing)


def status_document(database: Database, scale: DistanceScale) -> dict[str, Any]:
    """The database as /status and the command line show it; counts faces and images one by one."""
    with database.read() as connection:
        active = generations.active(connection)
        building = generations.building(connection)
        second = generations.beside(connection)
        found: dict[str, Any] = {"files": queue.counts(connection)}
        if active is not None:
            found |= {"model": active.model_id, **analyses.totals(connection, active.id)}
            with suppress(ConfigError):  # the index cannot be used then, as its own status says
                space = stored_space(active.profile, scale)
                found |= profile_members(stored_fit(connection, space), space)
                found["calibration"] = calibration_document(connection, active)
            stored = snapshots.newest_first(connection, active.id)
            found["snapshot"] = (
                {"faces": stored[0].face_count, "written_at": stored[0].created_at}
                if stored
                else None
            )
        if building is not None:
            done, total = generations.progress(connection, building.id)
            found["reindex"] = {"model": building.model_id, "images": done, "of": total}
        if second is not None:
            done, total = generations.progress(connection, second.id)
            found["second_opinion"] = {"model": second.model_id, "images": done, "of": total}
        there = processes.all_processes(connection)
        found["watched"] = is_watched(there)
        found["processes"] = [process_document(row) for row in there]
    return found
