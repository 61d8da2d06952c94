"""A database that is moved away under the running service: it stops answering, and says so."""

import logging
from collections.abc import Callable

import pytest

from index.database.migration import migrate
from tests.service.running import Service
from tests.waiting import wait_until

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("another", [False, True])
def test_it_answers_503_until_the_database_is_back(
    make_service: Callable[..., Service], caplog: pytest.LogCaptureFixture, another: bool
) -> None:
    caplog.set_level(logging.INFO)
    service = make_service()
    name = service.drop("a.png", 1)
    answer = service.ask(name, path="/persons")
    face = answer.json["persons"][0]["faces"][0]["id"]
    assert service.send("GET", f"/faces/{face}.jpg").status == 200
    service.worker.close()
    data = service.settings.data
    data.rename(data.with_name("moved"))
    if another:
        data.mkdir(mode=0o700)
        migrate(service.settings.database_path)
    wait_until(lambda: service.send("GET", "/readyz").status == 503, "it is not ready")
    for target in (f"/faces/{face}.jpg", f"/faces/{face}/photo.jpg", "/files", "/status"):
        refused = service.send("GET", target)
        assert refused.status == 503
        assert refused.json["error"] == (
            "the database was moved, deleted or replaced; ask again later"
        )
    assert service.ask(name).status == 503
    wait_until(lambda: "store.waits part=follower" in caplog.text, "it is in the log")
    assert service.send("GET", "/healthz").status == 200
    if another:
        data.rename(data.with_name("other"))
    data.with_name("moved").rename(data)
    wait_until(lambda: service.send("GET", "/readyz").status == 200, "it is ready again")
    assert service.ask(name).status == 200
