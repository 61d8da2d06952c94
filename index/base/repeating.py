"""Does something again and again in a thread, while the caller does something else."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def repeated(work: Callable[[], object], seconds: float, thread: str) -> Iterator[None]:
    """Call *work* every so many *seconds*, in a thread of the name *thread*, until the end.

    The first call is after *seconds*. *work* must not raise.
    """
    done = threading.Event()

    def run() -> None:
        while not done.wait(seconds):
            work()

    running = threading.Thread(target=run, name=thread)
    running.start()
    try:
        yield
    finally:
        done.set()
        running.join()
