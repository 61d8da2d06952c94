"""A PostgreSQL server for tests: started once in a process, with a new database for each test.

It refuses to run as root, so then it runs as nobody. It listens on a Unix socket, in its folder.
"""

import atexit
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from index.database.migration import migrate
from tests.waiting import wait_until

PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
TEMPLATE = "empty_library"
# nothing here needs to survive a power cut
OPTIONS = ("fsync=off", "full_page_writes=off", "autovacuum=off", "max_connections=200")
_numbers = itertools.count()


class Server:
    """A running server, and its folder."""

    def __init__(self, programs: Path, options: Sequence[str] = OPTIONS) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pc-postgres-"))
        self._programs = programs
        self._options = options
        self.port = 5432  # a part of the Unix socket's name; nothing listens on it
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
            shutil.chown(self.folder, "nobody", "nogroup")
        # an order other than that of code points, as most servers have
        locale = ("--locale-provider=icu", "--icu-locale=en", "--locale=C.UTF-8")
        self._run(
            "initdb", "-D", "data", "-U", "tester", "-A", "trust", "-N", "-E", "UTF8", *locale
        )
        self.start()

    def _run(self, program: str, *options: str) -> None:
        subprocess.run(
            [self._programs / program, *options],
            cwd=self.folder,
            check=True,
            capture_output=True,
            **self._user,
        )

    def start(self, *more: str) -> None:
        """Start it, with *more* options than usual."""
        settings = [part for option in (*self._options, *more) for part in ("-c", option)]
        self.process = subprocess.Popen(
            [
                self._programs / "postgres",
                *("-D", "data", "-k", self.folder, "-p", str(self.port)),
                *("-c", "listen_addresses="),
                *settings,
            ],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._user,
        )
        wait_until(self.answers, "the server answers")

    def answers(self) -> bool:
        import psycopg  # noqa: PLC0415 - an extra

        try:
            self.run("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """At once, as in a power cut."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()

    @contextmanager
    def encrypted(self, certificate: Path, key: Path) -> Iterator[None]:
        """Meanwhile it listens on its port of localhost with TLS, too."""
        for path, name in ((certificate, "server.crt"), (key, "server.key")):
            there = self.folder / "data" / name
            there.write_bytes(path.read_bytes())
            there.chmod(0o600)
            if self._user:
                shutil.chown(there, self._user["user"], self._user["group"])
        before = self.port
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.stop()
        self.start("ssl=on", "listen_addresses=localhost")
        try:
            yield
        finally:
            self.stop()
            self.port = before
            self.start()

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str) -> SecretStr:
        return SecretStr(f"postgresql://tester:geheim@/{name}?host={self.folder}&port={self.port}")

    def run(self, sql: str, name: str = "postgres") -> list[tuple[Any, ...]]:
        import psycopg  # noqa: PLC0415 - an extra

        url = self.url(name).get_secret_value()
        with psycopg.connect(url, autocommit=True) as connection:
            found = connection.execute(sql)
            return found.fetchall() if found.description else []


def installed() -> list[Path]:
    """The folders of PostgreSQL's programs, one for each version that is installed."""
    return [found for place in PLACES for found in Path("/").glob(place[1:])]


@cache
def server() -> Server:
    """The server of this process; tests skip where PostgreSQL is not installed, except in CI."""
    pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    programs = installed()
    if not programs:
        if os.environ.get("CI"):
            pytest.fail("CI needs PostgreSQL; .ci/tools installs it")
        pytest.skip("PostgreSQL is not installed; .ci/tools installs it")
    made = Server(max(programs))
    atexit.register(made.close)
    made.run(f"CREATE DATABASE {TEMPLATE}")
    migrate(made.url(TEMPLATE))
    return made


@contextmanager
def new_database(template: str = TEMPLATE) -> Iterator[SecretStr]:
    """The URL of a new database; by default it has the tables."""
    name = f"test_{next(_numbers)}"
    server().run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    try:
        yield server().url(name)
    finally:
        server().run(f"DROP DATABASE {name} WITH (FORCE)")
