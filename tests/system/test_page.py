"""The page's whole way with the real program: a photo is uploaded, counted, and its faces shown."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.crash.processes import children, has_ended
from tests.system.runner import Service, wait_until

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]


def call(
    service: Service, method: str, target: str, data: bytes | None = None
) -> tuple[int, bytes]:
    context = ssl.create_default_context(cafile=service.folder / "data" / "tls.crt")
    headers = {"Content-Type": "image/jpeg"} if data else {}
    request = urllib.request.Request(service.url + target, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, context=context, timeout=120) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_a_photo_is_uploaded_counted_and_shown(
    make_service: Callable[..., Service], lfw: Callable[[int, int], list[Path]]
) -> None:
    service = make_service()
    leftover = service.inbox / ".upload-00.part"
    leftover.write_bytes(b"half a photo")
    service.start()
    assert not leftover.exists()
    assert call(service, "GET", "/")[0] == 200
    for number, photo in enumerate(lfw(2, 1)):
        status, body = call(service, "PUT", f"/files/{number}.jpg", photo.read_bytes())
        assert (status, json.loads(body)) == (201, {"filepath": f"{number}.jpg"})
    wait_until(
        lambda: service.files()["indexed"] == 2, "both are indexed without being asked about"
    )
    status, answer = service.get("/persons", [("filepath", "0.jpg"), ("filepath", "1.jpg")])
    assert (status, answer["person_num"]) == (200, 2)
    faces: list[dict[str, Any]] = [face for one in answer["persons"] for face in one["faces"]]
    for face in faces:
        for target in (f"/faces/{face['id']}.jpg", f"/faces/{face['id']}/photo.jpg"):
            status, picture = call(service, "GET", target)
            assert (status, picture[:3]) == (200, b"\xff\xd8\xff")
    assert service.process is not None
    helpers = children(service.process.pid)
    assert len(helpers) == 2  # ingest, and the one that makes pictures
    service.stop()
    assert all(has_ended(pid) for pid in helpers)


def test_the_child_ends_with_a_service_that_was_killed(
    make_service: Callable[..., Service], lfw: Callable[[int, int], list[Path]]
) -> None:
    service = make_service()
    service.start()
    (photo,) = lfw(1, 1)
    assert call(service, "PUT", "/files/a.jpg", photo.read_bytes())[0] == 201
    wait_until(lambda: service.files()["indexed"] == 1, "it is indexed")
    (face,) = service.get("/persons", [("filepath", "a.jpg")])[1]["persons"][0]["faces"]
    assert call(service, "GET", f"/faces/{face['id']}.jpg")[0] == 200
    assert service.process is not None
    helpers = children(service.process.pid)
    assert len(helpers) == 2
    service.process.kill()  # only the service itself
    service.process.wait()
    service.process = None
    wait_until(lambda: all(has_ended(pid) for pid in helpers), "its children have ended")
