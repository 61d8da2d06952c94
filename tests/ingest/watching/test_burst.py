"""20,000 files at once through the real watcher, the real kernel's queue and a worker."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from watchdog.observers.inotify_c import InotifyEvent, InotifyFD

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import queue
from index.database.queries.generations import GenerationRow
from ingest.watching.scan import Scanner
from ingest.watching.watcher import Watcher
from tests.fakes import save_picture
from tests.ingest.builders import Ingest
from tests.ingest.watched import REGISTERED_TWICE
from tests.waiting import wait_until

pytestmark = REGISTERED_TWICE

FILES, FOLDERS, CONTENTS = 20_000, 40, 10


class Burst:
    """A watcher over an inbox into which everything comes at once."""

    def __init__(self, ingest: Ingest) -> None:
        self.ingest = ingest
        roots = ingest.settings.resolve_roots()
        self.watcher = Watcher(Scanner(ingest.database, roots, 0.0), roots.real, ingest.settings)
        self._pictures = [
            save_picture(ingest.inbox.parent / f"{number}.png", number)
            for number in range(CONTENTS)
        ]

    def prepare(self) -> None:
        """Make the folders, and wait until they are watched."""
        for number in range(FOLDERS):
            (self.ingest.inbox / str(number)).mkdir()
            save_picture(self.ingest.inbox / str(number) / "first.png", 1)
        wait_until(lambda: self.known() == FOLDERS, "the folders are known")

    def drop(self) -> None:
        """Link every file in; links cost the disk nothing, and are events like others."""
        for number in range(FILES):
            folder = self.ingest.inbox / str(number % FOLDERS)
            folder.mkdir(exist_ok=True)
            os.link(self._pictures[number % CONTENTS], folder / f"{number}.png")

    def known(self) -> int:
        with self.ingest.database.read() as connection:
            return sum(queue.counts(connection).values())


@pytest.fixture
def burst(database: Database, settings: Settings, generation: GenerationRow) -> Iterator[Burst]:
    settings = settings.model_copy(update={"batch_files": 256})
    made = Burst(Ingest(database, settings, generation))
    made.watcher.start()
    wait_until(lambda: made.watcher.report.scans == 1, "the first scan")
    yield made
    made.watcher.close()


def memory(field: str) -> float:
    """A field of this process's status in MiB."""
    with open("/proc/self/status", encoding="ascii") as stream:
        lines = dict(line.split(":", 1) for line in stream)
    return int(lines[field].split()[0]) / 1024


def test_nothing_of_a_burst_is_lost_and_memory_is_bounded(burst: Burst) -> None:
    with open("/proc/self/clear_refs", "w", encoding="ascii") as stream:
        stream.write("5")  # the highest memory use is counted anew
    before = memory("VmRSS")
    burst.drop()
    wait_until(lambda: burst.known() == FILES, "every file is known", seconds=60)
    assert memory("VmHWM") - before < 150
    wanted = {f"{number % FOLDERS}/{number}.png" for number in range(FILES)}
    assert set(burst.ingest.rows()) == wanted
    burst.ingest.clock.advance(60)
    assert burst.ingest.worker.step() == burst.ingest.settings.batch_files
    assert burst.ingest.images_seen <= CONTENTS
    assert burst.watcher.report.errors == 0


@contextmanager
def stopped_reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let nobody read what the kernel reports, as on a machine that is too busy."""
    go_on = threading.Event()
    real = InotifyFD.handle_event

    def handle_event(reader: InotifyFD, event: InotifyEvent) -> None:
        go_on.wait()
        real(reader, event)

    monkeypatch.setattr(InotifyFD, "handle_event", handle_event)
    try:
        yield
    finally:
        go_on.set()


def test_a_queue_of_the_kernels_that_runs_over_loses_nothing(
    burst: Burst, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as stream:
        assert int(stream.read()) < FILES, "more files are needed to make it run over"
    burst.prepare()
    with stopped_reader(monkeypatch):
        burst.drop()
    wait_until(lambda: burst.known() == FILES + FOLDERS, "every file is known", seconds=60)
    assert burst.watcher.report.lost_events >= 1
    wait_until(lambda: burst.watcher.report.scans >= 2, "the scan that found them is over")
    late = burst.ingest.inbox / "late"
    late.mkdir()
    save_picture(late / "a.png", 1)
    wait_until(lambda: burst.known() == FILES + FOLDERS + 1, "events are noticed again", seconds=60)
