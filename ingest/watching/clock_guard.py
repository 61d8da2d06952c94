"""Notices that the machine's clock was changed, and corrects waits and dates for it.

A clock that is set back by a day would make files wait for a day. A clock that is set forward would
let retention erase photos that are not old enough yet.
"""

import logging
import time
from collections.abc import Callable

from index.database.engine import Database
from index.database.queries import clock_changes, reports
from index.database.queries.queue import CRASH_RETRY_SECONDS
from index.library.settling import RETRY_SECONDS

log = logging.getLogger(__name__)

NOTICED_SECONDS = 5.0  # time synchronisation moves a clock by less
GREAT_SECONDS = 3_600.0  # retention counts days, so less does not matter to it
STEADY_SECONDS = 86_400.0  # retention erases nothing before the clock has gone right for so long
_LONGEST_RETRY = max(*RETRY_SECONDS, CRASH_RETRY_SECONDS)


def since_boot() -> float:
    """Seconds since boot, which cannot be set; they include the time that the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class ClockGuard:
    """Compares the wall clock with one that cannot be set. Make it when the process starts."""

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
        self._started = self._last[0]  # by the present setting of the clock
        self._steady_at = 0.0  # since boot
        self.jumps = 0
        self._compare_with_last_life()

    def _compare_with_last_life(self) -> None:
        """Distrust the clock if the last report is from the future or from long ago."""
        self._cap_waits(self._started)
        with self._database.read() as connection:
            found = reports.read(connection)
        if found is not None and not -NOTICED_SECONDS <= self._started - found[1] < STEADY_SECONDS:
            self._steady_at = self._last[1] + STEADY_SECONDS

    def check(self) -> None:
        """Find out whether the clock was changed since the last call; if so, correct the rows."""
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
        """Whether the clock has gone right for long enough to let photos expire by it."""
        if self._elapsed() < self._steady_at:
            return False
        with self._database.write() as connection:
            clock_changes.cap_creation(connection, self._wall())
        return True
