"""Counts what callers cause without limit, so that a flood of it does not fill the log."""

import logging
import time

log = logging.getLogger(__name__)

REPORT_SECONDS = 60.0


class Tally:
    """Counts something, and logs the number once a minute."""

    def __init__(self, template: str) -> None:
        """Make a tally of nothing so far; *template* is the log line, with a %d for the number."""
        self._template = template
        self._count = 0
        self._reported = -REPORT_SECONDS

    def add(self) -> None:
        """Count one more; the first one is logged at once."""
        self._count += 1
        now = time.monotonic()
        if now - self._reported >= REPORT_SECONDS:
            log.warning(self._template, self._count)
            self._reported, self._count = now, 0
