"""`make lint` asks for known holes: against an advisory service of this test's own."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
Audit = Callable[..., tuple[int, list[str]]]


def hole(package: str, *events: dict[str, str]) -> dict[str, Any]:
    """An advisory about *package*, as the service tells it."""
    affected = {
        "package": {"name": package, "ecosystem": "PyPI"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, *events]}],
    }
    return {"vulns": [{"id": f"TEST-{package}", "summary": "a hole", "affected": [affected]}]}


HOLES = {"curable": hole("curable", {"fixed": "1.1"}), "incurable": hole("incurable")}


class AdvisoryService(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = json.dumps(HOLES.get(question["package"]["name"], {})).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), AdvisoryService) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()
        thread.join()


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    def run(address: str, *installed: str) -> tuple[int, list[str]]:
        """The exit code and the lines for packages of version 1.0."""
        for name in installed:
            folder = tmp_path / f"{name}-1.0.dist-info"
            folder.mkdir()
            text = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
            (folder / "METADATA").write_text(text)
        where = ["--path", str(tmp_path), "--osv-url", address]
        done = subprocess.run(
            [sys.executable, str(PROJECT / ".ci" / "audit.py"), *where],
            capture_output=True,
            check=False,
            text=True,
            timeout=100,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout.splitlines()

    return run


def test_what_an_upgrade_closes_fails(audit: Audit, address: str) -> None:
    code, lines = audit(address, "curable", "harmless")
    assert code == 1
    assert lines == [
        "audit: curable 1.0: TEST-curable, fixed in 1.1",
        "audit: 2 packages checked, 0 not",
    ]


def test_what_nobody_has_fixed_is_reported_and_does_not_fail(audit: Audit, address: str) -> None:
    code, lines = audit(address, "incurable", "harmless")
    assert code == 0
    assert lines[0] == "audit: incurable 1.0: TEST-incurable, not fixed in any version yet"


def test_without_the_service_it_says_that_nothing_was_checked(audit: Audit) -> None:
    nobody = "http://127.0.0.1:9/v1/query"  # the discard port: nothing listens there
    code, lines = audit(nobody, "curable")
    assert (code, len(lines)) == (0, 1)
    assert lines[0].startswith("audit: not checked: ")
    assert "ConnectionError" in lines[0]
