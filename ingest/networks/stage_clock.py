"""Measures how long the stages of the pipeline take, added up over all threads."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class StageClock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to the stage *name*."""
        start = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.seconds[name] += time.perf_counter() - start

    def totals(self) -> dict[str, float]:
        """Seconds by stage so far, to the millisecond."""
        with self._lock:
            return {name: round(seconds, 3) for name, seconds in self.seconds.items()}
