"""A watcher in a user namespace of its own, where limits can be lowered and disks mounted.

Run by test_kernel.py as: unshare -Urm python -m tests.ingest.confined limit|mount FOLDER. It prints
what it has seen as JSON, a line each; nothing that it does outlives it.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from index.base.settings import Settings
from index.database.engine import Database
from index.database.migration import migrate
from index.database.queries.files import signatures_below
from index.library.ingest_report import stored_report
from ingest.jobs.reporter import Reporter
from ingest.watching import watcher as module
from ingest.watching.scan import Scanner
from ingest.watching.watcher import Watcher
from tests.waiting import wait_until

LIMIT = Path("/proc/sys/user/max_inotify_watches")  # of this namespace alone


class Confined:
    """A watcher over an inbox, and what others see of it."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.inbox = settings.inbox
        self.database = database
        roots = settings.resolve_roots()
        reporter = Reporter(database)
        scanner = Scanner(database, roots, 0.0)
        self.watcher = Watcher(scanner, roots.real, settings, reporter.watcher_changed)

    def names(self) -> set[str]:
        with self.database.read() as connection:
            found = signatures_below(connection, str(self.inbox))
        return {path[len(str(self.inbox)) + 1 :] for path in found}

    def write(self, *names: str) -> None:
        """Write files, and wait until they are noted."""
        for name in names:
            (self.inbox / name).parent.mkdir(parents=True, exist_ok=True)
            (self.inbox / name).write_bytes(b"x")
        wait_until(lambda: set(names) <= self.names(), f"{names} are noted")

    def wait(self, **figures: object) -> None:
        """Wait until the stored report has these figures of the watcher."""

        def right() -> bool:
            found = stored_report(self.database, 0.0).get("watcher", {})
            return all(found.get(name) == value for name, value in figures.items())

        wait_until(right, f"the report says {figures}")

    def tell(self, step: str) -> None:
        report = self.watcher.report
        seen = {
            "step": step,
            "files": len(self.names()),
            "mode": report.mode,
            "limit_reached": report.limit_reached,
            "held": report.removals_held,
            "scans": report.scans,
        }
        print(json.dumps(seen), flush=True)  # noqa: T201 - for the test to read


def limit(confined: Confined) -> None:
    """Use every watch up, and get more later."""
    LIMIT.write_text("4")
    confined.watcher.start()
    confined.wait(mode="inotify")
    confined.write(*(f"{number}/a.png" for number in range(8)))
    confined.wait(mode="polling", limit_reached=True)
    confined.write("7/deep/b.png")
    confined.tell("polling")
    LIMIT.write_text("1000")
    confined.wait(mode="inotify", limit_reached=False)
    confined.write("7/deep/c.png")
    confined.tell("inotify again")


def at_once(confined: Confined) -> None:
    """Have fewer watches than folders from the start."""
    for number in range(8):
        (confined.inbox / str(number)).mkdir()
    LIMIT.write_text("4")
    confined.watcher.start()
    confined.wait(mode="polling", limit_reached=True)
    confined.write("7/a.png")
    confined.tell("polling")


def mount(confined: Confined) -> None:
    """Mount a disk over the inbox or below it, drop it and bring it back."""
    _drop_and_bring_back(confined, confined.inbox, "a.png")
    _drop_and_bring_back(confined, confined.inbox / "disk", "disk/b.png")


def _drop_and_bring_back(confined: Confined, place: Path, name: str) -> None:
    disk = confined.inbox.parent / f"disk-{place.name}"
    disk.mkdir()
    place.mkdir(exist_ok=True)
    _run("mount", "-t", "tmpfs", "none", disk)
    _run("mount", "--bind", disk, place)  # so that its files outlive the mount over the inbox
    if not confined.watcher.is_alive():
        confined.watcher.start()
    (confined.inbox / name).write_bytes(b"x")
    confined.watcher._event_paths.lose()  # no event tells of a new mount; a scan finds it
    wait_until(lambda: name in confined.names(), "it was scanned as mounted")
    before = confined.watcher.report.scans
    confined.watcher._event_paths.lose()
    wait_until(lambda: confined.watcher.report.scans > before, "the scan is over")
    _run("umount", "--lazy", place)
    confined.wait(roots_held=1, removals_held=1)
    confined.tell(f"{place.name} dropped")
    _run("mount", "--bind", disk, place)
    confined.wait(roots_held=0, removals_held=0)
    confined.write(f"{name}.new.png")
    confined.tell(f"{place.name} back")


def _run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True)


STORIES: dict[str, tuple[Callable[[Confined], None], dict[str, float]]] = {
    "limit": (limit, {"poll_seconds": 0.2}),
    "at-once": (at_once, {"poll_seconds": 0.2}),
    "mount": (mount, {}),
}


def main(story: str, folder: Path) -> None:
    """Run one of the stories."""
    tell, changes = STORIES[story]
    module.TICK_SECONDS = 0.02
    module.RETRY_INOTIFY_SECONDS = 0.5
    made = Settings(inbox=folder / "inbox", data=folder / "data", settle_seconds=0.0, **changes)
    made.inbox.mkdir()
    migrate(made.database_path)
    with Database(made.database_path) as database:
        confined = Confined(made, database)
        try:
            tell(confined)
        finally:
            confined.watcher.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
