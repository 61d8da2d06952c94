"""The roots and the mounts below them: what each was, and which removals are held there."""

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import Connection, delete, select, update

from index.database import upsert
from index.holds import HoldReason, Identity, PlaceState
from index.paths import is_in
from index.schema import Place


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


def put(connection: Connection, place: PlaceState) -> None:
    """Keep what is known of a place."""
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


def forgo(connection: Connection, paths: Collection[str]) -> None:
    """Note that the rows of *paths* were removed on purpose: that they go proves nothing."""
    for place in all_places(connection):
        gone = sum(is_in(path, place.path) for path in paths) if place.reason else 0
        if gone:
            put(connection, replace(place, missing=max(place.missing - gone, 0)))


def drop(connection: Connection, path: str) -> None:
    """Forget a place: nothing is mounted there any more."""
    connection.execute(delete(Place).where(Place.path == path))


def accept(connection: Connection) -> int:
    """Say that everything whose removal is held is gone for good. Returns how many files."""
    held = [place for place in all_places(connection) if place.reason]
    connection.execute(update(Place).where(Place.reason.is_not(None)).values(accepted=True))
    return sum(place.missing for place in held)


def is_accepted(connection: Connection) -> bool:
    """Whether the operator has said so of any place."""
    return connection.scalar(select(Place.path).where(Place.accepted).limit(1)) is not None
