"""The real service on a port of its own, with a worker of fake models beside it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from index.base.choices import DistanceScale
from index.database.engine import Database
from index.database.queries.generations import GenerationRow
from service.answering.follower import Follower
from service.edge import connections, server, streams
from tests.fakes import save_picture
from tests.service.running import NOT_THERE, Service, running_service
from tests.waiting import wait_until


@pytest.fixture
def make_service(tmp_path: Path, engine: str) -> Iterator[Callable[..., Service]]:
    """A function that starts services with the given settings; all end with the test."""
    with ExitStack() as stack:
        started: list[Service] = []

        def make(**changes: object) -> Service:
            folder = tmp_path / f"service{len(started)}"
            started.append(stack.enter_context(running_service(folder, engine=engine, **changes)))
            return started[-1]

        yield make


@pytest.fixture(params=[True, False], ids=["tls", "plain"])
def either(
    request: pytest.FixtureRequest, make_service: Callable[..., Service]
) -> Iterator[Service]:
    """A service that, whatever a test did to it, answers the next caller."""
    service = make_service(tls=request.param)
    yield service
    wait_until(lambda: service.answerer.in_hand == 0, "nothing is under way any more")
    assert service.ask("none.png").body == NOT_THERE


@pytest.fixture
def brief_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused connections are closed soon, so that reading to the end does not take seconds."""
    monkeypatch.setattr(streams, "LINGER_SECONDS", 0.3)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that start now cut slow clients off within a second."""
    monkeypatch.setattr(server, "IDLE_SECONDS", 0.7)
    monkeypatch.setattr(connections, "SILENT_SECONDS", 0.7)


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    """A service of this test's own."""
    return make_service()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, engine: str) -> Iterator[Service]:
    """A service that a module's tests share; they only ask.

    a.png and b.png show one person each, both.png the two of them, crowd.png three others and
    small.png one with a bystander; wall.png has no face, copy.png is a.png again, broken.jpg is
    text, and folder/c.png lies deeper.
    """
    with running_service(tmp_path_factory.mktemp("library"), engine=engine) as service:
        inbox = service.settings.inbox
        service.drop("a.png", 1)
        service.drop("b.png", 2)
        service.drop("a again.png", 1, seed=7)
        service.drop("both.png", 1, 2)
        service.drop("crowd.png", 3, 4, 5)
        service.drop("wall.png")
        service.drop("folder/c.png", 6)
        service.drop("张三/合影 一.png", 7)
        service.drop("Jos\u00e9.png", 8)  # composed: NFC
        service.drop("one+one = two.png", 9)
        service.drop(" padded .png", 10)
        (inbox / "copy.png").write_bytes((inbox / "a.png").read_bytes())
        (inbox / "broken.jpg").write_text("this is text")
        names = [
            str(path.relative_to(inbox))
            for path in sorted(inbox.rglob("*"))
            if path.is_file() and path.suffix != ".jpg"
        ]
        answer = service.ask(*names)
        assert (answer.status, answer.json["person_num"]) == (200, 10)
        assert service.ask("broken.jpg").status == 422  # the worker has nothing left to do
        yield service


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.fixture
def follower(
    database: Database, generation: GenerationRow, loop: asyncio.AbstractEventLoop
) -> Iterator[Follower]:
    """A follower that has seen the empty library."""
    made = Follower(database, DistanceScale.CALIBRATED)
    made.start(loop)
    wait_until(lambda: made.ready, f"generation {generation.id} is loaded")
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, engine: str) -> Iterator[Service]:
    """A service that a module's tests share; what they leave in it, they name and draw apart."""
    with running_service(tmp_path_factory.mktemp("shared"), engine=engine) as service:
        yield service


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, engine: str) -> Iterator[Service]:
    """A service with two roots, things that are not to be had, and ways to try for them."""
    folder = tmp_path_factory.mktemp("house")
    outside, other = folder / "outside", folder / "other"
    outside.mkdir()
    (other / ".hidden").mkdir(parents=True)
    save_picture(folder / "secret.png", 1)
    save_picture(outside / "secret.png", 1)
    save_picture(other / ".hidden" / "secret.png", 1)
    save_picture(other / ".secret.png", 1)
    with running_service(folder, engine=engine, roots=(other,)) as service:
        inbox = service.settings.inbox
        service.drop("a.png", 1)
        service.drop("folder/b.png", 2)
        service.drop(".hidden/secret.png", 3)
        (inbox / "way out").symlink_to(outside)
        (inbox / "way in").symlink_to(inbox / "folder")
        (inbox / "devices").symlink_to("/dev")
        (inbox / "loop").symlink_to(inbox / "loop")
        (inbox / "processes").symlink_to("/proc")
        yield service
