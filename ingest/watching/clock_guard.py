"""Notices that the machine's clock was set, and keeps files and dates from suffering for it.

A clock that is set back would make files wait for a time that is a day away, and one that is set
forward would let retention erase, for good, what is not old enough yet.
"""

import logging
import time
from collections.abc import Callable

from index.database.engine import Database
from index.database.queries import clock_changes, reports
from index.database.queries.queue import CRASH_RETRY_SECONDS
from index.library.settling import RETRY_SECONDS

log = logging.getLogger(__name__)

NOTICED_SECONDS = 5.0  # a clock that is merely kept right is moved by less
GREAT_SECONDS = 3_600.0  # retention counts days, so less does not matter to it
STEADY_SECONDS = 86_400.0  # how long a clock has to go right before anything is erased by it
_LONGEST_RETRY = max(*RETRY_SECONDS, CRASH_RETRY_SECONDS)


def since_boot() -> float:
    """Seconds that nobody can set, also counted while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class ClockGuard:
    """Compares the wall clock with one that cannot be set; made when the process starts."""

    def __init__(
        self,
        database: Database,
        settle_seconds: float,
        wall: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = since_boot,
    ) -> None:
        self._database = database
        self._settle_seconds = settle_seconds
        self._wall = wall
        self._elapsed = elapsed
        self._last = wall(), elapsed()
        self._started = self._last[0]  # by the clock as it goes now
        self._steady_at = 0.0  # since boot
        self.jumps = 0
        self._compare_with_last_life()

    def _compare_with_last_life(self) -> None:
        """A report of the future, or of long ago, may mean that the clock is wrong now."""
        self._cap_waits(self._started)
        with self._database.read() as connection:
            found = reports.read(connection)
        if found is not None and not -NOTICED_SECONDS <= self._started - found[1] < STEADY_SECONDS:
            self._steady_at = self._last[1] + STEADY_SECONDS

    def check(self) -> None:
        """Find out whether the clock was set since the last call, and mend what suffers from it."""
        before, (now, elapsed) = self._last, (self._wall(), self._elapsed())
        jump = (now - before[0]) - (elapsed - before[1])
        self._last = now, elapsed
        if abs(jump) < NOTICED_SECONDS:
            return
        self.jumps += 1
        log.warning("ingest.clock_was_set seconds=%+.0f", jump)
        self._cap_waits(now)
        if abs(jump) < GREAT_SECONDS:
            return
        self._steady_at = elapsed + STEADY_SECONDS
        with self._database.write() as connection:
            until = before[0] + (elapsed - before[1])
            clock_changes.redate_images(connection, self._started, until, jump)
        self._started += jump

    def _cap_waits(self, now: float) -> None:
        with self._database.write() as connection:
            capped = clock_changes.cap_waits(connection, now, self._settle_seconds, _LONGEST_RETRY)
        if capped:
            log.info("ingest.waits_shortened files=%d", capped)

    def may_expire(self) -> bool:
        """Whether the clock has gone right for long enough to erase anything by its word."""
        if self._elapsed() < self._steady_at:
            return False
        with self._database.write() as connection:
            clock_changes.cap_creation(connection, self._wall())
        return True
