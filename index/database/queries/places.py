"""The roots and the mounts below them: what each was, and which removals are held there."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import Connection, delete, select

from index.base.paths import is_in, is_in_any
from index.database.engine import upsert
from index.database.schema import Place


class HoldReason(StrEnum):
    """Why removals are held."""

    VANISHED = "vanished"  # much is missing from a folder that is otherwise the same
    REPLACED = "replaced"  # another folder or file system is there, without most of what was known
    ABSENT = "absent"  # the folder itself, or the root above it, is not there


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells a folder from another one under the same name."""

    device: str
    inode: str


@dataclass(frozen=True, slots=True)
class PlaceState:
    """A root, or a file system mounted below one, and the removals that are held there.

    Attributes:
        identity: as it was when nothing was held; None: it was never seen.
        missing: files whose removal is held; those that are forgotten on purpose leave it.
        held_scans: how many scans found them missing after the first.
        held_seconds: between those scans, by a clock that cannot be set.
        accepted: the operator says that they are gone for good.
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

    Others are left over of roots that were taken out of the settings: no scan looks there.
    """
    return [
        place for place in all_places(connection) if place.reason and is_in_any(place.path, roots)
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


def accept(connection: Connection, held: Iterable[PlaceState]) -> None:
    """Say that everything that these places hold is gone for good.

    They were read in the same transaction, so that nothing is accepted that nobody was told of.
    """
    for place in held:
        put(connection, replace(place, accepted=True))
