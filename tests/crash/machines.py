"""Machines that share a library on a server: each a data folder of its own, and one program."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

from pydantic import SecretStr

from tests.crash import forked
from tests.crash.soaking import SETTINGS, FakedService

PACE_SECONDS = 0.03  # a fake model takes so long for a face, so that kills hit work in hand
UP = ("ingest.only_works", "ingest.started")


class Site:
    """The photos and the database that all machines share."""

    def __init__(self, folder: Path, url: SecretStr) -> None:
        self.folder = folder
        self.url = url
        self.inbox = folder / "inbox"
        self.inbox.mkdir()

    def settings(self, **more: object) -> dict[str, object]:
        """For the config.yaml of each machine."""
        shared = {"inbox": str(self.inbox), "database_url": self.url.get_secret_value()}
        return SETTINGS | shared | more

    def link_erasures(self, home: Path) -> None:
        """Have the data folder below *home* use the erasure log of all, as docs/cluster.md says."""
        data = home / "data"
        data.mkdir(mode=0o700, parents=True)
        (data / "erasures.log").symlink_to(self.folder / "erasures.log")

    def service(self, name: str, **more: object) -> FakedService:
        """A machine that only answers; it is not started."""
        home = self.folder / name
        self.link_erasures(home)
        made = FakedService(home, **self.settings(**more))
        made.command = ("serve", "--no-ingest")
        return made


class Machine:
    """A machine that reads photos."""

    def __init__(self, site: Site, name: str, command: str) -> None:
        """Prepare it to run *command*: watch or work."""
        self.command = command
        self.home = site.folder / name
        site.link_erasures(self.home)
        values = site.settings(data=str(self.home / "data"))
        (self.home / "config.yaml").write_text(
            "".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items())
        )
        self.log = self.home / "program.log"
        self._process: BaseProcess | None = None
        self._said = 0  # characters in the log when it was started last

    def start(self) -> None:
        """Start it, unless it runs."""
        if not self.runs():
            self._said = len(self.said())
            pace = ("--pace", str(PACE_SECONDS))
            self._process = forked.start(self.home, self.log, *pace, self.command)

    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.is_alive()

    def is_up(self) -> bool:
        """Whether it has begun to work since it was started last."""
        return any(event in self.said()[self._said :] for event in UP)

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.join()

    def stop(self) -> int | None:
        """SIGTERM. Returns: how it ended; None: it did not run."""
        if not self.runs():
            return None
        assert self._process is not None
        self._process.terminate()
        self._process.join(30)
        return self._process.exitcode

    def said(self) -> str:
        """Its log so far."""
        return self.log.read_text() if self.log.exists() else ""


@contextmanager
def machines(site: Site, commands: list[str]) -> Iterator[list[Machine]]:
    """One for each of *commands*; those that still run at the end are killed."""
    made = [Machine(site, f"machine{place}", command) for place, command in enumerate(commands)]
    try:
        yield made
    finally:
        for machine in made:
            if machine.runs():
                machine.kill()
