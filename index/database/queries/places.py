"""The roots and the mounts below them: the identity of each, and the removals held there."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import Connection, delete, select

from index.base.paths import is_in, is_in_any
from index.database.engine import upsert
from index.database.schema import Place


class HoldReason(StrEnum):
    """Why removals are held."""

    VANISHED = "vanished"  # the folder is the same, but many of its files are missing
    REPLACED = "replaced"  # another folder or file system is there, without most of the known files
    ABSENT = "absent"  # the folder itself, or the root above it, is missing


@dataclass(frozen=True, slots=True)
class Identity:
    """Tells a folder from another one of the same name."""

    device: str
    inode: str


@dataclass(frozen=True, slots=True)
class PlaceState:
    """A root, or a file system mounted below one, and the removals that are held there.

    Attributes:
        identity: the last one while nothing was held; None: it was never seen.
        missing: the number of files whose removal is held, less those forgotten on purpose.
        held_scans: the number of scans after the first that found them missing.
        held_seconds: the time between those scans, by the monotonic clock.
        accepted: the operator has said that they are gone for good.
    """

    path: str
    identity: Identity | None
    missing: int = 0
    reason: HoldReason | None = None
    held_scans: int = 0
    held_seconds: float = 0.0
    accepted: bool = False


def all_places(connection: Connection) -> list[PlaceState]:
    """Every place that a scan has seen; a handful."""
    return [
        PlaceState(
            row.path,
            Identity(row.device, row.inode) if row.device else None,
            row.missing,
            HoldReason(row.reason) if row.reason else None,
            row.held_scans,
            row.held_seconds,
            row.accepted,
        )
        for row in connection.execute(select(Place.__table__).order_by(Place.path))
    ]


def find(connection: Connection, path: str) -> PlaceState | None:
    """One place, if a scan has seen it."""
    return next((place for place in all_places(connection) if place.path == path), None)


def held_below(connection: Connection, roots: Sequence[str]) -> list[PlaceState]:
    """Places at and below *roots* that hold removals.

    Other places belong to roots that were taken out of the settings; no scan looks there.
    """
    return [
        place for place in all_places(connection) if place.reason and is_in_any(place.path, roots)
    ]


def put(connection: Connection, place: PlaceState) -> None:
    """Store the state of a place."""
    identity = place.identity or Identity("", "")
    values = {
        "device": identity.device,
        "inode": identity.inode,
        "missing": place.missing,
        "reason": place.reason,
        "held_scans": place.held_scans,
        "held_seconds": place.held_seconds,
        "accepted": place.accepted,
    }
    connection.execute(
        upsert(Place)
        .values(path=place.path, **values)
        .on_conflict_do_update(index_elements=[Place.path], set_=values)
    )


def discount(connection: Connection, paths: Collection[str]) -> None:
    """Take *paths*, whose rows were removed on purpose, out of the numbers of missing files."""
    for place in all_places(connection):
        gone = sum(is_in(path, place.path) for path in paths) if place.reason else 0
        if gone:
            put(connection, replace(place, missing=max(place.missing - gone, 0)))


def drop(connection: Connection, path: str) -> None:
    """Remove a place where nothing is mounted any more."""
    connection.execute(delete(Place).where(Place.path == path))


def accept(connection: Connection, held: Iterable[PlaceState]) -> None:
    """Record that all files whose removal these places hold are gone for good.

    The caller must have read *held* in the same transaction, so that the operator accepts no more
    than was shown.
    """
    for place in held:
        put(connection, replace(place, accepted=True))
