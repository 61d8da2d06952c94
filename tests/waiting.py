"""Waiting for what other threads and processes do."""

import time
from collections.abc import Callable

DEADLINE_SECONDS = 15.0  # nothing here takes a tenth of that unless it hangs
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
