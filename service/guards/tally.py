"""Counts what callers cause without limit, so that a flood of it does not fill the log."""

import time

REPORT_SECONDS = 60.0


class Tally:
    """Counts something whose number is logged once a minute."""

    def __init__(self) -> None:
        self._count = 0
        self._reported = -REPORT_SECONDS

    def add(self) -> int:
        """Count one more. Returns: the number to log now, 0 where it is not yet time."""
        self._count += 1
        now = time.monotonic()
        if now - self._reported < REPORT_SECONDS:
            return 0
        count, self._reported, self._count = self._count, now, 0
        return count
