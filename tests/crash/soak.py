"""Kills the real service and its ingest process at random moments, and counts what goes wrong.

    python -m tests.crash.soak --rounds 1000 --seed 0

Between the kills a folder is changed at random and questions are asked over TLS; an oracle that
knows the folder compares every answer. Prints progress, and a summary as one line of JSON; Ctrl-C
ends it early. Exit 1 if anything was lost, duplicated or answered wrongly, or something leaks.
"""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

if __name__ == "__main__":
    from tests.crash.launcher import without_networks

    without_networks()

from tests.crash.processes import children
from tests.crash.soaking import SETTINGS, FakedService, SoakRun, Tally, arguments, run_in_folder
from tests.system.runner import wait_until

CHECK_EVERY = 50  # rounds


class Soak(SoakRun):
    """One run in a folder of its own."""

    def __init__(self, folder: Path, seed: int) -> None:
        service = FakedService(folder, **SETTINGS)
        super().__init__(service, folder / "data" / "person_count.db", seed)

    def run(self, rounds: int, stop: Callable[[], bool], report: Callable[[str], None]) -> Tally:
        """Do *rounds* rounds unless *stop* says otherwise, then compare everything."""
        started = time.monotonic()
        self._service.start()
        try:
            for number in range(1, rounds + 1):
                if stop():
                    break
                self._round(number > rounds // 2)
                self.tally.rounds = number
                self.tally.seconds = round(time.monotonic() - started, 1)
                if number == rounds // 2:  # from here on the service is spared
                    wait_until(self._is_ingesting, "ingest is up")
                    self._warm_up()
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
        self._count_log(self._service.log)
        self.tally.seconds = round(time.monotonic() - started, 1)
        return self.tally

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
        self._count_log(self._service.log)
        if draw < 0.9:
            self._service.kill()
            self.tally.kills["both"] += 1
        else:
            process.kill()  # its ingest process notices, and ends by itself
            process.wait()
            self.tally.kills["service"] += 1
        self._service.start()

    def _is_ingesting(self) -> bool:
        """Whether the last ingest process has started and nothing says that it ended."""
        text = self._service.log.read_text()
        return text.rfind("ingest.started") > text.rfind("keeper.ingest_ended") and any(
            children(self._service.process.pid if self._service.process else 0)
        )


def main() -> None:
    """Run as asked on the command line."""
    given = arguments(__doc__, rounds=1000)
    report = partial(print, flush=True)
    run_in_folder(lambda folder, stop: Soak(folder, given.seed).run(given.rounds, stop, report))


if __name__ == "__main__":
    main()
