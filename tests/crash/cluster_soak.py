"""Kills workers and stops PostgreSQL at random moments, and counts what goes wrong.

    python -m tests.crash.cluster_soak --kills 1000 --stops 20 --seed 0

Four machines read the photos of one library, two of which may also watch the folder, and a fifth
answers. Between the kills it goes on as tests.crash.soak does: the folder is changed, the library
is embedded again, questions are asked over TLS. A stop is the server's immediate one, as in a
power cut. Prints progress, and a summary as one line of JSON; Ctrl-C ends it early. Exit 1 if
anything was lost, duplicated or answered wrongly, if the index differs from the rows, or something
leaks.
"""

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from http import HTTPStatus
from pathlib import Path

from pydantic import SecretStr

if __name__ == "__main__":
    from tests.crash.launcher import without_networks

    without_networks()

from index.database.engine import Database
from index.database.migration import migrate
from index.database.queries import analyses, generations
from tests.crash.machines import Machine, Site, machines
from tests.crash.soaking import SoakRun, Tally, arguments, run_in_folder
from tests.postgres import Server, installed
from tests.system.runner import wait_until

COMMANDS = ["watch", "watch", "work", "work"]
CHECK_EVERY = 100  # kills
DURABLE = ("max_connections=100",)  # besides that, as PostgreSQL comes


class ClusterSoak(SoakRun):
    """One run in a folder of its own, on an empty library of a server."""

    def __init__(self, folder: Path, server: Server, url: SecretStr, seed: int) -> None:
        self._server = server
        self._site = Site(folder, url)
        super().__init__(self._site.service("service"), url, seed)

    def run(
        self, kills: int, stops: int, end: Callable[[], bool], report: Callable[[str], None]
    ) -> Tally:
        """Kill workers and stop the server so often unless *end* says so, then compare all."""
        started = time.monotonic()
        due = sorted(self._random.sample(range(1, kills + 1), stops))  # stops, after so many kills
        check = CHECK_EVERY
        self._service.start()
        try:
            with machines(self._site, COMMANDS) as workers:
                while self._killed() < kills and not end():
                    self._round(workers)
                    while due and due[0] <= self._killed():
                        due.pop(0)
                        self._stop_server()
                    self.tally.rounds += 1
                    self.tally.seconds = round(time.monotonic() - started, 1)
                    if self._killed() >= check:
                        check += CHECK_EVERY
                        self._compare(workers)
                        report(self._line())
                self._compare(workers)
                self._measure()
                report(self._line())
                self._end(workers)
        finally:
            self._end_reindex()
            if self._service.process is not None:
                self._service.kill()
        self.tally.seconds = round(time.monotonic() - started, 1)
        return self.tally

    def _killed(self) -> int:
        return sum(self.tally.kills[command] for command in set(COMMANDS))

    # --- a round ---

    def _round(self, workers: list[Machine]) -> None:
        """Start some of the workers that do not run, give them work, and kill some."""
        down = [worker for worker in workers if not worker.runs()]
        for worker in down:
            if self._random.random() < 0.7 or len(down) == len(workers):
                worker.start()
        running = [worker for worker in workers if worker.runs()]
        if self._random.random() < 0.9:  # else some of the kills hit workers that are starting
            wait_until(lambda: all(is_up_or_over(worker) for worker in running), "workers are up")
        if self._random.random() < 0.05:
            self._start_reindex()
        for _ in range(self._random.randint(1, 4)):
            for _ in range(self._random.randint(1, 8)):
                self._folder.change()
            if self._random.random() < 0.4:
                self._ask()
        for _ in range(8):
            self._folder.change()
        time.sleep(self._random.random() * 0.8)  # until some are in hand, perhaps
        self._kill_some(workers)

    def _kill_some(self, workers: list[Machine]) -> None:
        if self._reindex is not None and self._random.random() < 0.2:
            self._end_reindex()
            self.tally.kills["reindex"] += 1
        running = [worker for worker in workers if worker.runs()]
        many = self._random.randint(1, len(running)) if running else 0
        for worker in self._random.sample(running, many):
            worker.kill()
            self.tally.kills[worker.command] += 1

    def _stop_server(self) -> None:
        """An immediate stop while all are at work; questions are asked before it is back."""
        for _ in range(8):
            self._folder.change()
        time.sleep(self._random.random() * 0.1)
        self._server.stop()
        self.tally.stops += 1
        status = self._ask_about(self._folder.names()[:3])
        if status not in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.NOT_FOUND):
            self.tally.problems.append(f"{status} without a database")
        time.sleep(self._random.random())
        self._server.start()

    # --- what came of it ---

    def _compare(self, workers: list[Machine]) -> None:
        """Have all settle; then compare the rows with the folder, and the service with both."""
        wait_until(lambda: all_run(workers), "workers are up")
        self._check()
        with Database(self._address) as database, database.read() as connection:
            active = generations.active(connection)
            faces = analyses.totals(connection, active.id)["faces"] if active else 0
        wait_until(lambda: self._service.get("/status")[1]["index"]["faces"] == faces, "it follows")
        images = [name for name in self._folder.names() if self._folder.content(name)[1]]
        if self._ask_about(images) != HTTPStatus.OK:
            self.tally.problems.append(f"round {self.tally.rounds}: no answer about all files")
        if not self.tally.first_mib:
            self._warm_up()

    def _end(self, workers: list[Machine]) -> None:
        """Stop everything as an operator does, and read the logs."""
        ended = [worker.stop() for worker in workers]
        if any(ended):
            self.tally.problems.append(f"workers ended with {ended}")
        self._service.stop()
        for log in (self._service.log, *(worker.log for worker in workers)):
            self._count_log(log)


def is_up_or_over(worker: Machine) -> bool:
    """Whether a worker is at work, or has ended by itself: the server was away when it began."""
    return worker.is_up() or not worker.runs()


def all_run(workers: list[Machine]) -> bool:
    """Whether all are at work; those that have ended are started."""
    for worker in workers:
        worker.start()
    return all(worker.is_up() for worker in workers)


def main() -> None:
    """Run as asked on the command line."""
    given = arguments(__doc__, kills=1000, stops=20)
    with closing(Server(max(installed()), DURABLE)) as server:

        def run(folder: Path, end: Callable[[], bool]) -> Tally:
            url = server.url("postgres")
            migrate(url)
            soak = ClusterSoak(folder, server, url, given.seed)
            return soak.run(given.kills, given.stops, end, partial(print, flush=True))

        run_in_folder(run)


if __name__ == "__main__":
    main()
