"""A watcher running over a real folder, and what it is expected to know."""

import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

import pytest

from index.base.paths import signature_of
from index.base.settings import Settings
from ingest.watching.scan import Scanner
from ingest.watching.watcher import Watcher
from tests.ingest.builders import Ingest
from tests.waiting import wait_until

# watchdog registers a folder twice when it is made and filled at once, and warns of it in the
# thread that reads inotify; taken for an error, the warning would end that thread
REGISTERED_TWICE = pytest.mark.filterwarnings("ignore:Callback with id:RuntimeWarning")


class Messages(logging.Handler):
    """What ingest logs; pytest's own fixture begins anew in each phase of a test."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


class TellingScanner(Scanner):
    """Says when it has looked at what the events named."""

    def examine(self, paths: Iterable[str]) -> None:
        super().examine(paths)
        logging.getLogger("ingest.test").info("test.examined")


class Watched:
    """A running watcher over an inbox, and the table that it keeps."""

    def __init__(self, ingest: Ingest, settings: Settings) -> None:
        self.ingest = ingest
        self.inbox = ingest.inbox
        self._messages = Messages()
        roots = settings.resolve_roots()
        scanner = TellingScanner(ingest.database, roots, settings.settle_seconds)
        self.watcher = Watcher(scanner, roots.real, settings)

    def __enter__(self) -> Self:
        logging.getLogger("ingest").addHandler(self._messages)
        self.watcher.start()
        wait_until(lambda: self.scans() == 1, "the first scan")
        return self

    def __exit__(self, *_: object) -> None:
        self.watcher.close()
        logging.getLogger("ingest").removeHandler(self._messages)

    def scans(self) -> int:
        return self.logged("watcher.scanned")

    def logged(self, event: str) -> int:
        return sum(text.startswith(event) for text in list(self._messages.texts))

    def expect(self, *names: str) -> None:
        """Wait until the table holds exactly *names*, each as the file is now."""

        def right() -> bool:
            rows = self.ingest.rows()
            if set(rows) != set(names):
                return False
            there = {name: signature_of(os.lstat(self.inbox / name)) for name in names}
            return all(rows[name].signature == there[name] for name in names)

        wait_until(right, f"the table holds {names}")

    def write(self, name: str, content: bytes = b"x") -> Path:
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


Watch = Callable[..., Watched]


def paths_known(ingest: Ingest) -> set[str]:
    with ingest.database.read() as connection:
        return set(connection.exec_driver_sql("SELECT path FROM files").scalars())
