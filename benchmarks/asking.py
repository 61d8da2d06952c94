"""Starts servers as separate processes and asks them over TLS."""

import http.client
import json
import math
import os
import re
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
LONGEST_GET = 64 << 10
IDLE_SECONDS = 0.1  # of a processor in a second; a service polls its database


@dataclass(frozen=True)
class Process:
    """A running server, and its port."""

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """The processor time of all its threads so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait_until_idle(self) -> None:
        """Return once it does nothing: after its start, a service compiles for some seconds."""
        before = -math.inf
        while (now := self.cpu_seconds()) - before > IDLE_SECONDS:
            before = now
            time.sleep(1)

    def peak_mib(self) -> float:
        """Its peak memory."""
        return self._memory_mib("VmHWM:")

    def resident_mib(self) -> float:
        """Its present memory."""
        return self._memory_mib("VmRSS:")

    def _memory_mib(self, which: str) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition(which)[2].split()[0]) / 1024


@contextmanager
def started(
    command: list[str], log: Path, root: Path = ROOT, *, library_people: bool = False
) -> Iterator[Process]:
    """Run a server of the checkout at *root*, and read its address from its stderr.

    Args:
        library_people: it shall count the library's people in the background, too.
    """
    environment = {**os.environ, "COLUMNS": "200", "PYTHONPATH": str(root)}
    environment["PERSON_COUNT_LIBRARY_PEOPLE"] = str(library_people).lower()
    with log.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own
            command, stderr=stream, env=environment, cwd=root
        )
    try:
        yield Process(process.pid, _announced(process, log))
    finally:
        process.terminate()
        process.wait()


def _announced(process: "subprocess.Popen[bytes]", log: Path) -> int:
    while process.poll() is None:
        if found := re.search(r":(\d+)/person_count", log.read_text(errors="replace")):
            return int(found[1])
        time.sleep(0.02)
    raise SystemExit(f"the server ended: {log.read_text(errors='replace')[-2000:]}")


class Client:
    """One kept connection."""

    def __init__(self, port: int, longest_get: int = LONGEST_GET) -> None:
        """Ask by GET up to a target of *longest_get* characters, above by POST."""
        self._longest_get = longest_get
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=120, context=context
        )

    def ask(self, names: list[str]) -> int:
        """The number of persons in the files called *names*."""
        try:
            return self._ask(names)
        except (OSError, http.client.HTTPException):  # the server closes idle connections
            self._connection.close()
            return self._ask(names)

    def _ask(self, names: list[str]) -> int:
        target = "/person_count?" + urlencode([("filepath", name) for name in names])
        if len(target) <= self._longest_get:
            self._connection.request("GET", target)
        else:
            body = json.dumps({"filepaths": names}).encode()
            headers = {"Content-Type": "application/json"}
            self._connection.request("POST", "/person_count", body, headers)
        answer = self._connection.getresponse()
        document = json.loads(answer.read())
        if answer.status != http.client.OK:
            raise SystemExit(f"the server refused: {document}")
        return int(document["person_num"])

    def get(self, target: str) -> dict[str, Any]:
        """The document at *target*."""
        self._connection.request("GET", target)
        found: dict[str, Any] = json.loads(self._connection.getresponse().read())
        return found

    def wait_for(self, target: str) -> None:
        """Return once the server answers *target* with 200; /readyz does when it is ready."""
        while True:
            self._connection.request("GET", target)
            answer = self._connection.getresponse()
            answer.read()
            if answer.status == http.client.OK:
                return
            time.sleep(0.02)
