"""What one large question may cost, and what it did cost."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Protocol, TypeVar

from index.base.errors import RequestError
from index.base.kernel import processors

Shared = TypeVar("Shared")
Result = TypeVar("Result")
MAX_THREADS = 4  # each needs room for a block of dot products: 100 MB with 100,000 faces
LINKS_A_FACE = 400  # links between living groups take 16 bytes each


class Elsewhere(Protocol):
    """Computes blocks outside of this process."""

    def blocks(
        self,
        work: Callable[[Shared, int, int], Result],
        shared: Shared,
        count: int,
        block: int,
        check_time: Callable[[], None],
    ) -> list[Result] | None:
        """The results of every block, in order; None if they have to be computed here.

        It calls *check_time* now and then, and gives up if that raises.
        """


@dataclass(slots=True)
class Effort:
    """The limits of one large question; the time runs from when this is made.

    Attributes:
        seconds: the most that it may take; None sets no limit.
        rounds: how often the merges were made, until the proof found nothing missing.
        links: how many pairs of faces were linked in the last round.
        threads: how many compute at once; None: one for each processor, MAX_THREADS at most.
        elsewhere: what computes the blocks of pure_blocks() instead.
    """

    seconds: float | None = None
    rounds: int = 0
    links: int = 0
    threads: int | None = None
    elsewhere: Elsewhere | None = None
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

    def pure_blocks(
        self, work: Callable[[Shared, int, int], Result], shared: Shared, count: int, block: int
    ) -> list[Result]:
        """work(shared, start, stop) for every block of 0 to *count*, here or elsewhere.

        Args:
            work: a function of a module, which changes nothing.
            shared: arrays, which go elsewhere once.

        Returns, raises: as in_blocks().
        """
        if self.elsewhere is not None and count > block:
            found = self.elsewhere.blocks(work, shared, count, block, self.check_time)
            if found is not None:
                return found
        return self.in_blocks(partial(work, shared), count, block)

    def in_blocks(self, work: Callable[[int, int], Result], count: int, block: int) -> list[Result]:
        """Do work(start, stop) for every block of 0 to *count*, in several threads.

        The libraries' own threads would not end between two blocks, and wait in busy loops.

        Returns: the results in order.

        Raises:
            RequestError: 413, the time is over. What *work* raises ends it, too.
        """

        def checked(start: int) -> Result:
            self.check_time()
            return work(start, min(start + block, count))

        starts = range(0, count, block)
        threads = self.threads or min(processors(), MAX_THREADS)
        if threads == 1:
            return [checked(start) for start in starts]
        with ThreadPoolExecutor(threads, "effort") as pool:
            return list(pool.map(checked, starts))  # of an error it cancels the rest
