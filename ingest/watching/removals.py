"""May what a scan no longer finds be removed? Pure: what was, what is, and for how long.

An unmounted disk leaves an empty folder behind, and a share that is failing may list half of what
it holds. Deleting by hand looks the same, so a scan that misses much waits until it is sure. What
is missing meanwhile is answered as a missing file: only the memory of it stays.
"""

from dataclasses import dataclass, replace

from index.database.queries.places import HoldReason, Identity, PlaceState

FEW_FILES = 50  # indexing them anew takes seconds, should they come back after all
GREAT_SHARE = 0.2  # of what was known; people seldom delete that much at a time, failing disks do
CONFIRMING_SCANS = 3


# how long files must stay missing; a disk that fell out on Friday evening is back on Monday
CONFIRMING_SECONDS = {HoldReason.VANISHED: 3_600.0, HoldReason.REPLACED: 3 * 86_400.0}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one scan found of a place.

    Attributes:
        identity: of the folder now; None: it is a root and not there, or below one.
        known: files that the table has there.
        missing: those of them that are not there.
        unchanged: those of them that are there as they were. When they are the most, it is the
            same file system, whatever number its device has since the last boot.
    """

    identity: Identity | None
    known: int
    missing: int
    unchanged: int


def judge(before: PlaceState, found: Finding, elapsed: float) -> PlaceState:
    """What becomes of a place after a scan; what is missing may go unless the result has a reason.

    Args:
        elapsed: seconds since the scan before, 0 if that was in another life of the process.
    """
    free = PlaceState(before.path, found.identity)
    if not found.missing:
        return free
    reason = _suspicion(before, found)
    if reason is None and before.reason is HoldReason.VANISHED:
        reason = before.reason  # some of it is back, the rest is still in doubt
    if reason is None:
        return free
    # a disk that falls out while smaller removals are being confirmed is another matter
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
        # what came meanwhile is known, too, and proves nothing, and neither does a new file of an
        # old name; most of what was missing being there again as it was does
        back = min(before.missing - found.missing, found.unchanged)
        return back <= found.missing
    return found.unchanged < found.missing


def _is_confirmed(held: PlaceState) -> bool:
    needed = CONFIRMING_SECONDS.get(held.reason) if held.reason else None
    if needed is None:
        return False  # a root that is absent says nothing, however long
    return held.held_scans >= CONFIRMING_SCANS and held.held_seconds >= needed
