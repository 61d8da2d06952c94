"""Says once that the database cannot be used, and once that it can again."""

import logging
import time

from index.base.errors import StoreUnavailableError

log = logging.getLogger(__name__)

AGAIN_SECONDS = 600.0  # an outage that lasts is mentioned again


class Outage:
    """What one part of the program sees of the disk's troubles."""

    def __init__(self, part: str) -> None:
        self._part = part
        self._said: tuple[str, float] | None = None

    def begin(self, error: StoreUnavailableError) -> None:
        """Log *error* unless that has been said."""
        now = time.monotonic()
        if self._said is None or self._said[0] != str(error) or now > self._said[1] + AGAIN_SECONDS:
            self._said = str(error), now
            log.error(
                "store.waits part=%s reason=%s; nothing is lost, and it goes on when this ends",
                self._part,
                error,
            )

    def end(self) -> None:
        """Log that it is over, if it had begun."""
        if self._said is not None:
            self._said = None
            log.info("store.goes_on part=%s", self._part)
