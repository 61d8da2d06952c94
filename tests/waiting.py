"""Waiting for what other threads and processes do."""

import time
from collections.abc import Callable

DEADLINE_SECONDS = 60.0  # nothing here takes a tenth of that unless it hangs
SOON_SECONDS = 12.0  # for what ends of itself, and must not need a limit: those are 15 and more
STEP_SECONDS = 0.01


def wait_until(
    condition: Callable[[], object],
    what: str,
    seconds: float = DEADLINE_SECONDS,
    *,
    step: float = STEP_SECONDS,
) -> None:
    """Return once *condition* holds; fail with *what* was waited for after *seconds*."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(step)
