"""Runs the real program as its users do: own folder, own processes, HTTPS."""

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests import waiting

PROGRAM = [sys.executable, "-m", "person_count"]
PATIENCE_SECONDS = 120.0
ANSWER_SECONDS = PATIENCE_SECONDS + 30  # a request may wait as long as a test does


def wait_until(
    condition: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS
) -> None:
    """Wait for what processes do: longer, and without asking them a hundred times a second."""
    waiting.wait_until(condition, what, seconds, step=0.1)


class Service:
    """A folder with config.yaml, and `person-count serve` in it as often as wanted.

    Attributes:
        command: what is started; a subclass or a test may add options.
    """

    program: Sequence[str] = PROGRAM
    command: Sequence[str] = ("serve",)

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder = folder
        self.inbox = Path(str(settings.get("inbox", folder / "inbox")))
        self.inbox.mkdir(parents=True, exist_ok=True)
        self.log = folder / "serve.log"
        chosen = {"inbox": str(self.inbox), "data": str(folder / "data"), "port": 0, **settings}
        self.config = folder / "config.yaml"
        self.config.write_text("".join(f"{k}: {json.dumps(v)}\n" for k, v in chosen.items()))
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.run("migrate")

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.program, command, *arguments, "--config", str(self.config)],
            capture_output=True,
            check=False,
            text=True,
            timeout=PATIENCE_SECONDS,
        )

    def start(self) -> None:
        with self.log.open("wb") as stream:
            self.process = subprocess.Popen(
                [*self.program, *self.command, "--config", str(self.config)],
                stderr=stream,
                start_new_session=True,
            )
        wait_until(lambda: self._address() or self.process.poll() is not None, "the service is up")
        self.url = self._address() or ""
        assert self.url, self.log.read_text()

    def _address(self) -> str | None:
        found = re.search(r'"url": "(\S+)/person_count"', self.log.read_text())
        return found[1] if found else None

    def kill(self) -> None:
        """kill -9 of the service and its ingest process at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def stop(self) -> None:
        """SIGTERM."""
        if self.process is None:
            return
        self.process.terminate()
        assert self.process.wait(30) == 0, self.log.read_text()
        self.process = None

    def get(self, path: str, pairs: Sequence[tuple[str, str]] = ()) -> tuple[int, dict[str, Any]]:
        """The status and document of a GET that trusts exactly this service's certificate."""
        context = ssl.create_default_context(cafile=self.folder / "data" / "tls.crt")
        url = f"{self.url}{path}?{urllib.parse.urlencode(pairs)}"
        try:
            with urllib.request.urlopen(url, context=context, timeout=ANSWER_SECONDS) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def count(self, names: Sequence[str], **parameters: str) -> tuple[int, dict[str, Any]]:
        pairs = [("filepath", name) for name in names]
        return self.get("/person_count", [*pairs, *parameters.items()])

    def files(self) -> dict[str, int]:
        return dict(self.get("/status")[1]["files"])

    def wait_indexed(self, number: int) -> None:
        wait_until(lambda: self.files()["indexed"] == number, f"{number} files are indexed", 300)
