"""What one large question may cost, and what it did cost."""

import time
from dataclasses import dataclass, field
from http import HTTPStatus

from index.base.errors import RequestError

LINKS_A_FACE = 400  # links between living groups take 16 bytes each


@dataclass(slots=True)
class Effort:
    """The limits of one large question; the time runs from when this is made.

    Attributes:
        seconds: the most that it may take; None sets no limit.
        rounds: how often the merges were made, until the proof found nothing missing.
        links: how many pairs of faces were linked in the last round.
    """

    seconds: float | None = None
    rounds: int = 0
    links: int = 0
    _started: float = field(default_factory=time.monotonic)

    def check_time(self) -> None:
        """Give up once the time is over.

        Raises:
            RequestError: 413, it is.
        """
        if self.seconds is not None and time.monotonic() - self._started > self.seconds:
            raise RequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"these faces could not be counted exactly within {self.seconds:g} seconds "
                "(setting max_request_seconds); ask about fewer photos",
            )

    def check_links(self, links: int, faces: int) -> None:
        """Give up before links take too much memory.

        Raises:
            RequestError: 413, there would be more than LINKS_A_FACE for each face.
        """
        if links > LINKS_A_FACE * faces:
            raise RequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"these {faces} faces are so alike that counting them exactly needs too much "
                "memory; ask about fewer photos, or use a lower threshold",
            )
