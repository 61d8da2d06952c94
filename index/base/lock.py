"""Locks: let only one process at a time do a job in a data folder."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from index.base.errors import StoreUnavailableError, WriterBusyError

POLL_SECONDS = 0.1


@contextmanager
def exclusive(
    data: Path, job: str, *, wait_seconds: float = 0.0, stop: threading.Event | None = None
) -> Iterator[None]:
    """Let no other process do *job* ("ingest", "reindex") in the folder *data* meanwhile.

    Raises:
        WriterBusyError: another process is still doing it after *wait_seconds*, or when *stop* is
            set.
        StoreUnavailableError: the folder cannot be written.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(data / f"{job}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailableError(
            f"the data folder {data} cannot be written: {error.strerror}"
        ) from error
    stop = stop or threading.Event()
    try:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if stop.is_set() or time.monotonic() >= deadline:
                    raise WriterBusyError(
                        f"another person-count is at work on {data} ({job}); wait for it or stop it"
                    ) from error
                stop.wait(POLL_SECONDS)
        yield
    finally:
        os.close(handle)
