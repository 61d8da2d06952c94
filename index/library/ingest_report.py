"""The report of the ingest process, which the service and the command line show.

Ingest and service are two processes that share only the database, so the report goes through it.
All figures count from the start of the ingest process. It holds no names of files.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from index.database.engine import Database
from index.database.queries import reports


@dataclass(frozen=True, slots=True)
class WatcherReport:
    """How the watcher notices changes in the folders.

    Attributes:
        mode: "starting", "inotify" or "polling".
        limit_reached: it polls because inotify's limits are used up.
        lost_events: how often events were lost: a queue overflowed, or a handler failed.
        errors: the number of rounds that failed and were tried again.
        last_error: the kind of the last exception.
        scanned_at: when the last scan ended, seconds since 1970.
        roots_held: the number of roots, and mounts below them, whose removals a scan has held.
    """

    mode: str = "starting"
    limit_reached: bool = False
    observer_restarts: int = 0
    lost_events: int = 0
    errors: int = 0
    last_error: str | None = None
    scans: int = 0
    scanned_at: float | None = None
    scan_seconds: float | None = None
    roots_missing: int = 0
    roots_held: int = 0
    removals_held: int = 0


@dataclass(frozen=True, slots=True)
class WorkReport:
    """The worker's results.

    Attributes:
        images: the number of images analysed; copies of known content are not.
        stage_seconds: by stage of the pipeline, added up over all threads.
    """

    batches: int = 0
    files: int = 0
    images: int = 0
    faces: int = 0
    failed: int = 0
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    no_photo: int = 0


@dataclass(frozen=True, slots=True)
class IngestReport:
    """The whole report.

    Attributes:
        started_at: seconds since 1970.
        clock_jumps: how often the wall clock was changed by more than a few seconds.
        open_files: file descriptors in use; no other process of the same user can count them.
        open_files_limit: how many there may be.
        confinement: an Offer of index.base.kernel: what decoders are confined by.
        profile_fit: a LibraryFit of index.evaluation.library_fit, and the profile's version; None
            if it cannot be told.
    """

    started_at: float
    clock_jumps: int = 0
    open_files: int | None = None
    open_files_limit: int | None = None
    confinement: Mapping[str, int | bool] = field(default_factory=dict)
    watcher: WatcherReport = field(default_factory=WatcherReport)
    work: WorkReport = field(default_factory=WorkReport)
    profile_fit: Mapping[str, object] | None = None


def store_report(database: Database, report: IngestReport, now: float) -> None:
    """Store *report* for other processes to see."""
    with database.write() as connection:
        reports.write(connection, json.dumps(asdict(report)), now)


def stored_report(database: Database, now: float) -> dict[str, Any]:
    """The last report as a document, with its age; empty when there never was one."""
    with database.read() as connection:
        found = reports.read(connection)
    if found is None:
        return {}
    document, reported_at = found
    age = max(0.0, now - reported_at)  # not negative, even after the clock was set back
    return {**json.loads(document), "reported_seconds_ago": round(age, 1)}
