"""Decides when a file is complete enough to read. Pure: stat results and clocks in, a time out."""

import os

from index.base.paths import Signature, display, refusal, signature_of
from index.database.queries.sightings import Sighting

NANOSECONDS = 1e-9
RETRY_SECONDS = (5.0, 60.0, 600.0)  # a file that looks cut off may still be being written


def ready_at(signature: Signature, now: float, settle_seconds: float) -> float:
    """When a file seen *now* may be read if nothing changes until then (seconds since 1970).

    A file whose content and inode have not changed for *settle_seconds* may be read at once. One
    that changed later than that must first stay unchanged for that long. So must one that changed
    "in the future" (a clock was set back, a share's clock is ahead): its age is unknown.
    """
    changed = max(signature.mtime_ns, signature.ctime_ns) * NANOSECONDS
    age = now - changed
    if age >= settle_seconds:
        return now
    return now + settle_seconds


def retry_at(attempts: int, now: float, *, forever: bool = False) -> float | None:
    """When to read a file again that looked cut off at its *attempts*-th reading; None: never.

    With *forever* the last pause is repeated: something other than the file is the cause.
    """
    if attempts > len(RETRY_SECONDS) and not forever:
        return None
    return now + RETRY_SECONDS[min(attempts, len(RETRY_SECONDS)) - 1]


def sighting_of(path: str, found: os.stat_result, now: float, settle_seconds: float) -> Sighting:
    """The sighting of a file that lstat *found* at *path*."""
    signature = signature_of(found)
    return Sighting(
        display(path), signature, ready_at(signature, now, settle_seconds), refusal(path, found)
    )
