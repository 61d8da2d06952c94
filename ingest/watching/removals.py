"""Decides whether the rows of files that a scan no longer finds may be removed. Pure.

An unmounted disk leaves an empty folder behind, and a failing share may list half of its files.
Files deleted by hand look the same. So if many files are missing, their removal is held until it is
sure. Meanwhile answers treat them as missing, but their rows stay.
"""

from dataclasses import dataclass, replace

from index.database.queries.places import HoldReason, Identity, PlaceState

FEW_FILES = 50  # so few are removed at once: if they come back, indexing them takes seconds
GREAT_SHARE = 0.2  # of the known files; people seldom delete more at a time, a failing disk does
CONFIRMING_SCANS = 3


# seconds that files must stay missing; a disk that fails on Friday evening is back on Monday
CONFIRMING_SECONDS = {HoldReason.VANISHED: 3_600.0, HoldReason.REPLACED: 3 * 86_400.0}


@dataclass(frozen=True, slots=True)
class Finding:
    """The numbers that one scan found at a place.

    Attributes:
        identity: of the folder now; None: it is a missing root, or lies below one.
        known: the number of files that the table has there.
        missing: the number of these files that are not there.
        unchanged: the number of these files that are there unchanged. If they are most, it is the
            same file system, even if its device has another number since the last boot.
    """

    identity: Identity | None
    known: int
    missing: int
    unchanged: int


def judge(before: PlaceState, found: Finding, elapsed: float) -> PlaceState:
    """The state of a place after a scan; missing files may be removed if it has no reason to hold.

    Args:
        elapsed: seconds since the last scan by this process; 0 if this is its first.
    """
    free = PlaceState(before.path, found.identity)
    if not found.missing:
        return free
    reason = _suspicion(before, found)
    if reason is None and before.reason is HoldReason.VANISHED:
        reason = before.reason  # some files are back, but the rest are still uncertain
    if reason is None:
        return free
    # many more files are missing than before: the confirmation starts again
    if reason is not before.reason or found.missing > before.missing + FEW_FILES:
        return PlaceState(before.path, before.identity or found.identity, found.missing, reason)
    held = replace(
        before,
        missing=found.missing,
        held_scans=before.held_scans + 1,
        held_seconds=before.held_seconds + elapsed,
    )
    return free if held.accepted or _is_confirmed(held) else held


def _suspicion(before: PlaceState, found: Finding) -> HoldReason | None:
    if found.identity is None:
        return HoldReason.ABSENT
    if _is_replaced(before, found):
        return HoldReason.REPLACED
    if found.missing > max(FEW_FILES, GREAT_SHARE * found.known):
        return HoldReason.VANISHED
    return None


def _is_replaced(before: PlaceState, found: Finding) -> bool:
    if before.identity is None or found.identity == before.identity:
        return False
    if before.reason is HoldReason.REPLACED:
        # only the missing files prove anything: the first disk is back if most of them are there
        # again, unchanged. Files that were added meanwhile, or that reuse an old name, prove
        # nothing.
        back = min(before.missing - found.missing, found.unchanged)
        return back <= found.missing
    return found.unchanged < found.missing


def _is_confirmed(held: PlaceState) -> bool:
    needed = CONFIRMING_SECONDS.get(held.reason) if held.reason else None
    if needed is None:
        return False  # a missing root proves nothing, however long it is missing
    return held.held_scans >= CONFIRMING_SCANS and held.held_seconds >= needed
