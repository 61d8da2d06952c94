"""Logs once that the database cannot be used, and once that it can be used again."""

import logging
import time

from index.base.errors import StoreUnavailableError

log = logging.getLogger(__name__)

AGAIN_SECONDS = 600.0  # an outage that lasts is logged again after this time


class Outage:
    """An outage of the database, as one part of the program meets it."""

    def __init__(self, part: str) -> None:
        self._part = part
        self._logged: tuple[str, float] | None = None

    def begin(self, error: StoreUnavailableError) -> None:
        """Log *error*, unless it has just been logged."""
        now = time.monotonic()
        if (
            self._logged is None
            or self._logged[0] != str(error)
            or now > self._logged[1] + AGAIN_SECONDS
        ):
            self._logged = str(error), now
            log.error(
                "store.waits part=%s reason=%s; nothing is lost, and it goes on when this ends",
                self._part,
                error,
            )

    def end(self) -> None:
        """Log that the outage is over, if there was one."""
        if self._logged is not None:
            self._logged = None
            log.info("store.goes_on part=%s", self._part)
