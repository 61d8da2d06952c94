"""Kills the real service and its ingest process at random moments, and counts what goes wrong.

    python -m tests.crash.soak --rounds 1000 --seed 0

Between the kills a folder is changed at random and questions are asked over TLS; an oracle that
knows the folder compares every answer. Prints progress, and a summary as one line of JSON; Ctrl-C
ends it early. Exit 1 if anything was lost, duplicated or answered wrongly, or something leaks.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
    from tests.crash.launcher import without_networks

    without_networks()

from index.database import Database
from index.schema import FileState
from index.space import shipped_profile
from index.store import generations, library, queue
from index.verify import verify
from tests.crash.launcher import models_of
from tests.crash.oracle import NAMES, Folder
from tests.system.runner import Service, wait_until

LAUNCHER = Path(__file__).with_name("launcher.py")
WEIGHTS = "casia-webface"
OTHER_WEIGHTS = ("vggface2", WEIGHTS)  # a re-index goes to and fro
CHECK_EVERY = 50  # rounds
MORE_MIB = 40  # of memory than at first is still flat: pages of SQLite and FAISS, pools of malloc
MORE_DESCRIPTORS = 12


class FakedService(Service):
    """The real `serve` and `watch` with fake models."""

    program = (sys.executable, str(LAUNCHER))


@dataclass
class Tally:
    """What happened. All of the first five must stay as they are."""

    losses: int = 0
    duplicates: int = 0
    wrong_answers: int = 0
    problems: list[str] = field(default_factory=list)
    flat: bool = True

    seed: int = 0
    rounds: int = 0
    seconds: float = 0.0
    changes: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)
    resumed: int = 0  # ingest processes that took over files which a killed one had in hand
    snapshots: int = 0
    reindexes: int = 0
    first_mib: float = 0.0  # of the service that lived through the second half
    last_mib: float = 0.0
    first_descriptors: int = 0
    last_descriptors: int = 0

    @property
    def good(self) -> bool:
        wrong = self.losses + self.duplicates + self.wrong_answers + len(self.problems)
        return not wrong and self.flat


class Soak:
    """One run in a folder of its own."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.tally = Tally(seed=seed)
        self._random = random.Random(seed)
        self._service = FakedService(
            folder,
            settle_seconds=0.0,
            batch_wait_seconds=0.0,
            batch_files=8,
            snapshot_changes=5,
            wait_seconds=3.0,
            weights=WEIGHTS,
        )
        self._database_path = folder / "data" / "person_count.db"
        self._folder = Folder(self._service.inbox, self._random, WEIGHTS)
        self._profile = shipped_profile(WEIGHTS)
        self._reindex: subprocess.Popen[bytes] | None = None
        self._log = ""  # of the services that are gone

    def run(self, rounds: int, stop: Callable[[], bool], report: Callable[[str], None]) -> Tally:
        """Do *rounds* rounds unless *stop* says otherwise, then compare everything."""
        started = time.monotonic()
        self._start()
        try:
            for number in range(1, rounds + 1):
                if stop():
                    break
                self._round(number > rounds // 2)
                self.tally.rounds = number
                self.tally.seconds = round(time.monotonic() - started, 1)
                if number == rounds // 2 + 1:
                    self.tally.first_mib, self.tally.first_descriptors = self._figures()
                if number % CHECK_EVERY == 0:
                    self._check()
                if number % 10 == 0 or number == rounds:
                    report(self._line())
            self._check()
            self._measure()
            self._service.stop()
        finally:
            self._end_reindex()
            if self._service.process is not None:
                self._service.kill()
        self._count_log()
        self.tally.seconds = round(time.monotonic() - started, 1)
        return self.tally

    # --- a round ---

    def _round(self, spare_service: bool) -> None:
        if self._random.random() < 0.9:  # else the next kill hits an ingest that is starting
            wait_until(self._is_ingesting, "ingest is up")
        if self._random.random() < 0.1:
            self._start_reindex()
        for _ in range(self._random.randint(1, 6)):
            for _ in range(self._random.randint(1, 4)):
                self._folder.change()
            if self._random.random() < 0.4:
                self._ask()
        time.sleep(self._random.random() ** 2 * 0.3)
        self._kill(spare_service)

    def _ask(self) -> None:
        there = self._folder.names()
        if self._random.random() < 0.9:
            there = [name for name in there if self._folder.content(name)[1] is not None]
        asked = self._random.sample(there, min(len(there), self._random.randint(1, 12)))
        if not asked or self._random.random() < 0.1:
            asked.append(self._random.choice(NAMES))
        status, answer = self._service.count(asked, linkage="single")
        self.tally.answers[status] += 1
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            return  # not indexed yet, and said so
        expected, count = self._folder.expected(asked, self._profile)
        if (status, answer.get("person_num")) != (expected, count):
            self.tally.wrong_answers += 1
            self.tally.problems.append(f"round {self.tally.rounds + 1}: {asked} {answer} {count}")

    def _kill(self, spare_service: bool) -> None:
        process = self._service.process
        assert process is not None
        if self._reindex is not None and self._random.random() < 0.5:
            self._end_reindex()
            self.tally.kills["reindex"] += 1
        draw = self._random.random()
        if draw < 0.75 or spare_service:
            for child in children(process.pid):
                os.kill(child, signal.SIGKILL)
                self.tally.kills["ingest"] += 1
            return
        self._count_log()
        if draw < 0.9:
            self._service.kill()
            self.tally.kills["both"] += 1
        else:
            process.kill()  # its ingest process notices, and ends by itself
            process.wait()
            self.tally.kills["service"] += 1
        self._start()

    def _start(self) -> None:
        self._service.start()

    def _start_reindex(self) -> None:
        if self._reindex is not None and self._reindex.poll() is None:
            return
        with Database(self._database_path) as database, database.read() as connection:
            active = generations.active(connection)
        if active is None:
            return
        target = next(weights for weights in OTHER_WEIGHTS if weights != active.weights)
        words = ("reindex", "--weights", target, "--config", str(self._service.config))
        self._reindex = subprocess.Popen(
            [*FakedService.program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.tally.reindexes += 1

    def _end_reindex(self) -> None:
        if self._reindex is not None:
            self._reindex.kill()
            self._reindex.wait()
            self._reindex = None

    def _is_ingesting(self) -> bool:
        """Whether the last ingest process has started and nothing says that it ended."""
        text = self._service.log.read_text()
        return text.rfind("ingest.started") > text.rfind("keeper.ingest_ended") and any(
            children(self._service.process.pid if self._service.process else 0)
        )

    # --- what came of it ---

    def _check(self) -> None:
        """Wait until nothing is pending, then compare every row with the folder."""
        if self._reindex is not None:
            self._reindex.wait(60)
            self._reindex = None
        wait_until(self._is_settled, "everything is indexed", 60)
        with Database(self._database_path) as database:
            self.tally.problems += verify(database).problems
            with database.read() as connection:
                self._compare(connection)

    def _is_settled(self) -> bool:
        with Database(self._database_path) as database, database.read() as connection:
            found = {
                os.path.relpath(path, self._service.inbox): row.state
                for path, row in queue.rows_of(
                    connection, [str(self._service.inbox / name) for name in NAMES]
                ).items()
            }
            total = sum(queue.counts(connection).values())
        there = self._folder.names()
        return (
            found.keys() == set(there)
            and FileState.PENDING not in found.values()
            and total >= len(there)
        )

    def _compare(self, connection: library.Connection) -> None:
        active = generations.active(connection)
        assert active is not None
        models = models_of(active.weights)
        rows = queue.rows_of(connection, [str(self._service.inbox / name) for name in NAMES])
        total = sum(queue.counts(connection).values())
        self.tally.duplicates += total - len(rows)
        contents: dict[bytes, int] = {}
        for name in self._folder.names():
            row = rows[str(self._service.inbox / name)]
            digest, faces = self._folder.content(name)
            if faces is None:
                self.tally.losses += row.state is not FileState.FAILED
                continue
            known = library.known_images(connection, active.id, [digest])
            if row.state is not FileState.INDEXED or known.get(digest) != row.image_id:
                self.tally.losses += 1
                self.tally.problems.append(f"{name}: {row}")
                continue
            contents[digest] = len(faces)
            data = (self._service.inbox / name).read_bytes()
            self._compare_vectors(connection, active.id, row.image_id or 0, models, data)
        orphans = connection.exec_driver_sql(
            "SELECT coalesce(sum(face_count), 0) FROM analyses JOIN images ON id = image_id "
            f"WHERE orphaned_at IS NOT NULL AND generation_id = {active.id}"
        ).scalar_one()
        faces_in_all = library.totals(connection, active.id)["faces"] - orphans
        self.tally.duplicates += faces_in_all - sum(contents.values())

    def _compare_vectors(
        self, connection: library.Connection, generation: int, image: int, models: Any, data: bytes
    ) -> None:
        [expected] = models.analyse([(b"", data)], 50)
        ids = [face.id for face in library.faces_of(connection, generation, [image])]
        _, raw = library.embeddings(connection, generation, ids)
        wanted = [face.embedding.tobytes() for face in expected.faces]
        if [vector.tobytes() for vector in raw] != wanted:
            self.tally.losses += 1
            self.tally.problems.append(f"image {image} has other vectors than its file")

    def _measure(self) -> None:
        self.tally.last_mib, self.tally.last_descriptors = self._figures()
        self.tally.flat = (
            self.tally.last_mib <= self.tally.first_mib + MORE_MIB
            and self.tally.last_descriptors <= self.tally.first_descriptors + MORE_DESCRIPTORS
        )
        self.tally.changes = self._folder.changes

    def _figures(self) -> tuple[float, int]:
        """MiB of memory and open descriptors of the service process."""
        assert self._service.process is not None
        place = Path("/proc") / str(self._service.process.pid)
        status = (place / "status").read_text()
        [kib] = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
        return round(int(kib) / 1024, 1), len(list((place / "fd").iterdir()))

    def _count_log(self) -> None:
        text = self._service.log.read_text()
        self.tally.resumed += text.count("ingest.resumed")
        self.tally.snapshots += text.count("index.snapshot_written")
        for line in text.splitlines():
            if "Traceback" in line or "service.failed" in line or "rows_differ" in line:
                self.tally.problems.append(line)

    def _line(self) -> str:
        tally = self.tally
        mib, descriptors = self._figures()
        return (
            f"round {tally.rounds}, {tally.seconds:.0f} s: kills {dict(tally.kills)}, answers "
            f"{dict(tally.answers)}, losses {tally.losses}, duplicates {tally.duplicates}, wrong "
            f"answers {tally.wrong_answers}; service {mib:.0f} MiB, {descriptors} descriptors"
        )


def children(pid: int) -> list[int]:
    """The processes that a process has started, in any of its threads, and that have not ended."""
    found: list[int] = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # the thread has ended
            found += map(int, tasks.read_text().split())
    return [child for child in found if not is_zombie(child)]


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def main() -> None:
    """Run as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    interrupted: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: interrupted.append(number))
    signal.signal(signal.SIGTERM, lambda number, _: interrupted.append(number))
    with tempfile.TemporaryDirectory(prefix="person-count-soak-") as folder:
        soak = Soak(Path(folder), given.seed)
        tally = soak.run(
            given.rounds, lambda: bool(interrupted), lambda line: print(line, flush=True)
        )
    print(json.dumps(vars(tally)))
    sys.exit(not tally.good)


if __name__ == "__main__":
    main()
