"""What `serve` writes to a terminal and to everything else."""

import json
import os
import pty
import re
import subprocess
import urllib.request
from collections.abc import Callable

import pytest

from tests.system.runner import PROGRAM, Service, wait_until

pytestmark = pytest.mark.processes

Make = Callable[..., Service]


def test_a_log_that_is_no_terminal_gets_json_lines_only(make_service: Make) -> None:
    service = make_service(tls=False)
    with service.log.open("wb") as stream:
        command = [*PROGRAM, "serve", "--no-ingest", "--config", str(service.config)]
        service.process = subprocess.Popen(command, stderr=stream, start_new_session=True)
    wait_until(lambda: "service.listening" in service.log.read_text(), "the service is up")
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    url = next(line["url"] for line in lines if line["event"] == "service.listening")
    asked = urllib.request.Request(
        url.removesuffix("/person_count") + "/status", headers={"X-Request-ID": "one"}
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert answer.headers["X-Request-ID"] == "one"
    service.stop()
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    request = next(line for line in lines if line["event"] == "service.request")
    assert (request["route"], request["status"], request["request_id"]) == ("Status", 200, "one")
    assert request["pid"] != os.getpid()
    assert lines[-1]["event"] == "service.stopped"


def test_people_on_a_terminal_get_words(make_service: Make) -> None:
    service = make_service(tls=False, public_url="https://nas/faces")
    ours, theirs = pty.openpty()
    command = [*PROGRAM, "serve", "--no-ingest", "--config", str(service.config)]
    service.process = subprocess.Popen(command, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""
    while b"drop folder" not in shown:
        shown += os.read(ours, 4096)
    service.stop()
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # what Linux says at the end of a terminal
        pass
    os.close(ours)
    text = shown.decode()
    assert re.search(r"^answering at http://127\.0\.0\.1:\d+/person_count\r$", text, re.MULTILINE)
    assert "callers ask https://nas/faces/person_count, through a proxy" in text
    assert "without TLS: let only a proxy on this machine reach it" in text
    assert re.search(r"^[\d-]{10} [\d:]{8} INFO service\.stopped\r$", text, re.MULTILINE)
    assert '{"' not in text
