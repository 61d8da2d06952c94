"""Crashes within this process: an exception that nothing catches, before or after a function."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from unittest.mock import patch

from index.database.queries import generations, queue, sightings
from index.vectors import snapshot_writer
from ingest.jobs import worker as worker_module
from ingest.jobs.reindex import Reindexer

# where the program may end: before the function is called, or after it has returned
PLACES = [
    (sightings, "forget_files"),
    (queue, "finish"),
    (worker_module.stored_images, "record_images"),
    (worker_module.Worker, "_process"),
    (worker_module.Worker, "_commit"),
    (snapshot_writer.snapshots, "add_chunk"),
    (snapshot_writer.snapshots, "add_snapshot"),
    (snapshot_writer.snapshots, "prune"),
    (generations, "create"),
    (generations, "switch"),
    (generations, "remove_some"),
    (Reindexer, "_switch"),
]


class CrashError(BaseException):
    """The program ends here; nothing may catch it."""


@contextmanager
def crashing(owner: object, name: str, *, before: bool) -> Iterator[None]:
    """Within it, the program ends before or after a function."""
    original: Callable[..., object] = getattr(owner, name)

    def fatal(*arguments: object, **named: object) -> object:
        if not before:
            original(*arguments, **named)
        raise CrashError(name)

    with patch.object(owner, name, fatal), suppress(CrashError):
        yield
