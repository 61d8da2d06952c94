"""The parts of every soak: an oracle's questions, rows compared with the folder, a tally."""

import argparse
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

from index.base.database_url import Address
from index.database.engine import Database
from index.database.queries import generations
from index.vectors.space import shipped_profile
from tests.crash.audit import Audit
from tests.crash.oracle import NAMES, Folder
from tests.crash.processes import figures
from tests.system.runner import Service, wait_until

LAUNCHER = Path(__file__).with_name("launcher.py")
MODEL = "facenet"
OTHER_MODELS = ("facenet-vggface2", MODEL)  # a re-index goes to and fro
# everything small and quick, so that a kill hits something
SETTINGS: dict[str, Any] = {
    "settle_seconds": 0.0,
    "batch_wait_seconds": 0.0,
    "batch_files": 8,
    "snapshot_changes": 5,
    "wait_seconds": 3.0,
    "model": MODEL,
}
WARM_UP_QUESTIONS = 30  # a service that was just started imports 80 MiB with its first answers
MORE_MIB = 20  # of memory than when warm is still flat: pages of SQLite and FAISS, pools of malloc
MORE_DESCRIPTORS = 12


class Judged(Protocol):
    """A tally."""

    @property
    def good(self) -> bool:
        """Whether all was as it must be."""


class FakedService(Service):
    """The real program with fake models."""

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
    files: int = 0  # in the folder at the end
    kills: Counter[str] = field(default_factory=Counter)
    stops: int = 0  # of the database's server
    answers: Counter[int] = field(default_factory=Counter)
    resumed: int = 0  # ingest processes that took over files which a killed one had in hand
    snapshots: int = 0
    reindexes: int = 0
    switches: int = 0  # re-indexes that came to their end
    first_mib: float = 0.0  # of the service that lived through the second half
    last_mib: float = 0.0
    first_descriptors: int = 0
    last_descriptors: int = 0

    @property
    def good(self) -> bool:
        wrong = self.losses + self.duplicates + self.wrong_answers + len(self.problems)
        return not wrong and self.flat


class SoakRun:
    """One service and one folder that is changed at random. What is killed, subclasses say."""

    def __init__(self, service: FakedService, address: Address, seed: int) -> None:
        self.tally = Tally(seed=seed)
        self._random = random.Random(seed)
        self._service = service
        self._address = address
        self._folder = Folder(service.inbox, self._random, MODEL)
        self._profile = shipped_profile(MODEL, 512)
        self._reindex: subprocess.Popen[bytes] | None = None

    # --- during a round ---

    def _ask(self) -> None:
        there = self._folder.names()
        if self._random.random() < 0.9:
            there = [name for name in there if self._folder.content(name)[1] is not None]
        asked = self._random.sample(there, min(len(there), self._random.randint(1, 12)))
        if not asked or self._random.random() < 0.1:
            asked.append(self._random.choice(NAMES))
        self._ask_about(asked)

    def _ask_about(self, names: list[str]) -> int:
        """Ask about files, and compare with the oracle. Returns: the status of the answer."""
        status, answer = self._service.count(names, linkage="single")
        self.tally.answers[status] += 1
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            return status  # not indexed yet, or no database, and said so
        expected, count = self._folder.expected(names, self._profile)
        if (status, answer.get("person_num")) != (expected, count):
            self.tally.wrong_answers += 1
            self.tally.problems.append(f"round {self.tally.rounds + 1}: {names} {answer} {count}")
        return status

    def _warm_up(self) -> None:
        for _ in range(WARM_UP_QUESTIONS):
            self._ask()
        self.tally.first_mib, self.tally.first_descriptors = self._figures()

    def _start_reindex(self) -> None:
        if self._reindex is not None and self._reindex.poll() is None:
            return
        self._end_reindex()
        with Database(self._address) as database, database.read() as connection:
            active = generations.active(connection)
        if active is None:
            return
        target = next(model for model in OTHER_MODELS if model != active.model)
        words = ("reindex", "--model", target, "--config", str(self._service.config))
        self._reindex = subprocess.Popen(
            [*FakedService.program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.tally.reindexes += 1

    def _end_reindex(self, patience_seconds: float = 0.0) -> None:
        """Kill a re-index that does not end by itself in time."""
        if self._reindex is None:
            return
        try:
            self._reindex.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self._reindex.kill()
        self.tally.switches += self._reindex.wait() == 0
        self._reindex = None

    # --- what came of it ---

    def _check(self) -> None:
        """Wait until nothing is pending, then compare every row with the folder."""
        self._end_reindex(patience_seconds=60)
        audit = Audit(self._address, self._folder)
        wait_until(audit.is_settled, "everything is indexed", 60)
        audit.compare()
        self.tally.losses += audit.losses
        self.tally.duplicates += audit.duplicates
        self.tally.problems += audit.problems

    def _measure(self) -> None:
        self.tally.changes, self.tally.files = self._folder.changes, len(self._folder.names())
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

    def _count_log(self, log: Path) -> None:
        text = log.read_text()
        self.tally.resumed += text.count("ingest.resumed")
        self.tally.snapshots += text.count("index.snapshot_written")
        self.tally.problems += errors_in(text)

    def _line(self) -> str:
        tally = self.tally
        mib, descriptors = self._figures()
        return (
            f"round {tally.rounds}, {tally.seconds:.0f} s: kills {dict(tally.kills)}, answers "
            f"{dict(tally.answers)}, losses {tally.losses}, duplicates {tally.duplicates}, wrong "
            f"answers {tally.wrong_answers}; service {mib:.0f} MiB, {descriptors} descriptors"
        )


def errors_in(log: str) -> list[str]:
    """What no log may hold: tracebacks, each with its last line, and signs of a fault."""
    ends = re.findall(r"^Traceback.*(?:\n[ \t].*|\n)*\n(\S.*)", log, re.MULTILINE)
    return ends + [
        line
        for line in log.splitlines()
        if "traceback" in line.lower() or "service.failed" in line or "rows_differ" in line
    ]


def arguments(description: str | None, **counts: int) -> argparse.Namespace:
    """The command line of a soak: how often, by name with a default, and the seed."""
    parser = argparse.ArgumentParser(description=description)
    for name, count in counts.items():
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def run_in_folder(run: Callable[[Path, Callable[[], bool]], Judged]) -> None:
    """Give *run* a folder, and whether to end early; print its tally, and exit."""
    interrupted: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: interrupted.append(number))
    signal.signal(signal.SIGTERM, lambda number, _: interrupted.append(number))
    with tempfile.TemporaryDirectory(prefix="person-count-soak-") as folder:
        tally = run(Path(folder), lambda: bool(interrupted))
    print(json.dumps(vars(tally)))
    sys.exit(not tally.good)
