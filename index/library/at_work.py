"""The processes at work on a library, as /status, the metrics and the command line show them."""

from collections.abc import Iterable, Mapping
from typing import Any

from index.database.queries.processes import ProcessRow
from index.database.states import ProcessState

Place = tuple[str, str, str]  # kind, machine, folder


def process_document(row: ProcessRow) -> dict[str, Any]:
    """One process; no name of a file."""
    told = row.told
    return {
        "name": told.name,
        "kind": told.kind,
        "machine": told.machine,
        "folder": told.folder,
        "version": told.version,
        "state": told.state,
        "started_at": row.started_at,
        "seen_seconds_ago": round(row.silent_seconds, 1),
        "lost": row.is_lost,
        "files": row.files,
        "faces": row.faces,
    }


def is_watched(rows: Iterable[ProcessRow]) -> bool:
    """Whether a process that gives signs of life watches the folders."""
    return any(row.told.state == ProcessState.WATCHES and not row.is_lost for row in rows)


def by_place(rows: Iterable[ProcessRow]) -> Mapping[Place, list[ProcessRow]]:
    """The processes of each kind and data folder, in the order of their start."""
    found: dict[Place, list[ProcessRow]] = {}
    for row in sorted(rows, key=lambda row: row.started_at):
        place = row.told.kind, row.told.machine, row.told.folder
        found.setdefault(place, []).append(row)
    return found
