"""Keeps the ingest process running beside the service."""

import logging
import subprocess
import threading
import time
from collections.abc import Sequence

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 60.0
STEADY_SECONDS = 60.0  # after a child ran for so long, the delays start from the first again
STOP_SECONDS = 8.0  # a batch takes one or two


class IngestKeeper:
    """Starts a command, and restarts it whenever it ends; close() stops it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._stop = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="keeper")
        self.restarts = 0

    def start(self) -> None:
        """Start the command."""
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The child's process id; None while there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def state(self) -> str:
        """The child's state in a word."""
        return "running" if self.pid is not None else "restarting"

    def ask_to_stop(self) -> None:
        """Let the child finish what it has in hand and end; returns at once."""
        self._stop.set()

    def close(self) -> None:
        """Ask the child to stop, wait for it, and kill it if it does not."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        delay = FIRST_DELAY_SECONDS
        while not self._stop.is_set():
            started = time.monotonic()
            status = self._run_once()
            if self._stop.is_set():
                break
            if time.monotonic() - started >= STEADY_SECONDS:
                delay = FIRST_DELAY_SECONDS
            self.restarts += 1
            log.error("keeper.ingest_ended status=%s retry_seconds=%.0f", status, delay)
            self._stop.wait(delay)
            delay = min(2 * delay, LONGEST_DELAY_SECONDS)
        self._end()

    def _run_once(self) -> str:
        """Start the command, and wait until it ends or close() is called. Returns its status."""
        try:
            self._process = subprocess.Popen(self._command)  # noqa: S603 - our own program
        except OSError as error:  # no memory, no processes left
            return str(error.strerror)
        while self._process.poll() is None and not self._stop.is_set():
            self._stop.wait(POLL_SECONDS)
        return str(self._process.returncode)

    def _end(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("keeper.ingest_killed")
            self._process.kill()
            self._process.wait()
