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
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
    from tests.crash.launcher import without_networks

    without_networks()

from index.database.engine import Database
from index.database.queries import generations
from index.vectors.space import shipped_profile
from tests.crash.audit import Audit
from tests.crash.oracle import NAMES, Folder
from tests.crash.processes import children, figures
from tests.system.runner import Service, wait_until

LAUNCHER = Path(__file__).with_name("launcher.py")
MODEL = "facenet"
OTHER_MODELS = ("facenet-vggface2", MODEL)  # a re-index goes to and fro
CHECK_EVERY = 50  # rounds
WARM_UP_QUESTIONS = 30  # a service that was just started imports 80 MiB with its first answers
MORE_MIB = 20  # of memory than when warm is still flat: pages of SQLite and FAISS, pools of malloc
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
            model=MODEL,
        )
        self._database_path = folder / "data" / "person_count.db"
        self._folder = Folder(self._service.inbox, self._random, MODEL)
        self._profile = shipped_profile(MODEL, 512)
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
                if number == rounds // 2:  # from here on the service is spared
                    self._warm_up()
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

    def _warm_up(self) -> None:
        wait_until(self._is_ingesting, "ingest is up")
        for _ in range(WARM_UP_QUESTIONS):
            self._ask()

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
        target = next(model for model in OTHER_MODELS if model != active.model)
        words = ("reindex", "--model", target, "--config", str(self._service.config))
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
        audit = Audit(self._database_path, self._folder)
        wait_until(audit.is_settled, "everything is indexed", 60)
        audit.compare()
        self.tally.losses += audit.losses
        self.tally.duplicates += audit.duplicates
        self.tally.problems += audit.problems

    def _measure(self) -> None:
        self.tally.changes = self._folder.changes
        self.tally.last_mib, self.tally.last_descriptors = self._figures()
        if not self.tally.first_mib:
            return  # ended before the second half: nothing to compare with
        self.tally.flat = (
            self.tally.last_mib <= self.tally.first_mib + MORE_MIB
            and self.tally.last_descriptors <= self.tally.first_descriptors + MORE_DESCRIPTORS
        )

    def _figures(self) -> tuple[float, int]:
        assert self._service.process is not None
        return figures(self._service.process.pid)

    def _count_log(self) -> None:
        text = self._service.log.read_text()
        self.tally.resumed += text.count("ingest.resumed")
        self.tally.snapshots += text.count("index.snapshot_written")
        for line in text.splitlines():
            if "traceback" in line.lower() or "service.failed" in line or "rows_differ" in line:
                self.tally.problems.append(line)

    def _line(self) -> str:
        tally = self.tally
        mib, descriptors = self._figures()
        return (
            f"round {tally.rounds}, {tally.seconds:.0f} s: kills {dict(tally.kills)}, answers "
            f"{dict(tally.answers)}, losses {tally.losses}, duplicates {tally.duplicates}, wrong "
            f"answers {tally.wrong_answers}; service {mib:.0f} MiB, {descriptors} descriptors"
        )


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
