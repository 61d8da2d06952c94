"""Photos that are sent to a service, and what they leave in its drop folder."""

import http.client
import os
from io import BytesIO
from urllib.parse import quote

from tests.fakes import picture
from tests.service.running import Answer, Service
from tests.waiting import wait_until

MIB = 1 << 20


def png(*people: int, seed: int = 0) -> bytes:
    made = BytesIO()
    picture(*people, seed=seed).save(made, "PNG")
    return made.getvalue()


def put(
    service: Service, name: str, data: bytes, kind: str = "image/png", **headers: str
) -> Answer:
    given = {"Content-Type": kind} | {key.replace("_", "-"): headers[key] for key in headers}
    return service.send("PUT", f"/files/{quote(name, safe='')}", data, given)


def everything_in(service: Service) -> dict[str, bytes]:
    """All files in the drop folder, hidden ones too."""
    folder = service.settings.inbox
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def is_at_rest(service: Service) -> bool:
    """No upload is under way, and none has left anything."""
    names = os.listdir(service.settings.inbox)
    return service.answerer.in_hand == 0 and not any(name.startswith(".") for name in names)


def raw(service: Service, data: bytes) -> Answer:
    """The answer to bytes as they are; hangs up after it."""
    with service.open_socket() as bare:
        bare.sendall(data)
        found = http.client.HTTPResponse(bare)
        found.begin()
        return Answer(found.status, found.headers, found.read())


def expect_rest(service: Service) -> None:
    wait_until(lambda: is_at_rest(service), "uploads have ended and left nothing")


def refused(service: Service, head: str, body: bytes = b"") -> int:
    """The status of an upload whose head is written by hand; the file is called a.png."""
    head = f"PUT /files/a.png HTTP/1.1\r\nHost: x\r\n{head}\r\n"
    return raw(service, head.encode() + body).status
