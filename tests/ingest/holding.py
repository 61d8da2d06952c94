"""A library whose disk a test lets drop out, and the time that scans have to confirm it."""

from pathlib import Path

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import places
from index.database.queries.files import signatures_below
from index.database.queries.places import HoldReason
from ingest.watching.removals import CONFIRMING_SCANS, CONFIRMING_SECONDS
from ingest.watching.scan import Scanner

HOUR = 3600.0


class Library:
    """A scanner over an inbox, with a stopwatch that only the test moves."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.inbox = settings.inbox
        self.seconds = 0.0
        self._roots = settings.resolve_roots()
        self.restart()

    def restart(self) -> None:
        """Go on as a new process would."""
        self.scanner = Scanner(self.database, self._roots, 0.0, stopwatch=lambda: self.seconds)

    def fill(self, count: int, folder: str = ".") -> None:
        (self.inbox / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (self.inbox / folder / f"{number}.png").write_bytes(b"x")

    def names(self) -> set[str]:
        with self.database.read() as connection:
            found = signatures_below(connection, str(self.inbox))
        return {path[len(str(self.inbox)) + 1 :] for path in found}

    def accept(self) -> int:
        with self.database.write() as connection:
            held = places.held_below(connection, self._roots.real)
            places.accept(connection, held)
        return sum(place.missing for place in held)

    def wait(self, reason: HoldReason) -> None:
        """Scan for as long as the removals have to be confirmed."""
        for _ in range(CONFIRMING_SCANS):
            self.seconds += CONFIRMING_SECONDS[reason] / CONFIRMING_SCANS
            self.scanner.scan()


def drop_out(inbox: Path) -> Path:
    """Let the disk of a root drop out. Returns where its files are now."""
    away = inbox.with_name("away")
    inbox.rename(away)
    inbox.mkdir()
    return away
