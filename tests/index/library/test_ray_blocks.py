"""A library's persons, counted on a real Ray: those of one process, whatever becomes of Ray's."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.base.choices import Linkage
from index.base.errors import RequestError
from index.counting import evidence, neighbours, sparse_evidence
from index.counting.effort import Effort, Elsewhere
from index.counting.hierarchy import hierarchy
from index.library.ray_blocks import RayBlocks, Work
from tests.index.builders import Matrix, face_set, unit
from tests.ray_head import Head, ray_head

FACES, PEOPLE, BELOW = 400, 60, 0.5

pytestmark = [
    pytest.mark.processes,
    pytest.mark.usefixtures("joining", "small_blocks"),
    pytest.mark.timeout(180),
]


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    with ray_head() as made:
        yield made


@pytest.fixture
def joining(head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that this one starts may join the cluster."""
    for name, value in head.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several tasks, and several rounds, for few faces."""
    monkeypatch.setattr(evidence, "DENSE_FACES", 1)
    monkeypatch.setattr(sparse_evidence, "NEIGHBOURS", 2)
    monkeypatch.setattr(neighbours, "BLOCK_ROWS", 64)


def faces() -> tuple[Matrix, Any]:
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(PEOPLE, 32))[rng.integers(PEOPLE, size=FACES)]
    return unit(rows + 0.5 * rng.normal(size=rows.shape)), rng.integers(FACES // 2, size=FACES)


def persons(elsewhere: Elsewhere | None, effort: Effort | None = None) -> list[int]:
    vectors, photos = faces()
    effort = effort or Effort(threads=1, elsewhere=elsewhere)
    found = hierarchy(face_set(vectors, photos), Linkage.EVIDENCE, BELOW, effort)
    assert effort.rounds > 1
    return [int(number) for number in found.labels_at(BELOW)]


def dies_once(work: Work[Any, Any], folder: Path, shared: object, start: int, stop: int) -> object:
    """*work*, but the second block kills the process that it is in, the first time."""
    died = folder / "died"
    if start and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return work(shared, start, stop)


class Deadly(RayBlocks):
    """On it the blocks lose a process."""

    def __init__(self, address: str, folder: Path) -> None:
        super().__init__(address)
        self._folder = folder

    def blocks(self, work: Work[Any, Any], *others: Any) -> Any:
        return super().blocks(partial(dies_once, work, self._folder), *others)


def test_persons_are_the_same_though_ray_loses_processes(
    head: Head, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "index.library.ray_blocks")
    here = persons(None)
    assert 1 < len(set(here)) < FACES
    with closing(Deadly(head.address, tmp_path)) as there:
        assert persons(there) == here
    assert (tmp_path / "died").exists()
    assert "people.ray_joined" in caplog.text
    assert "people.ray_lost" not in caplog.text


class Killed(RayBlocks):
    """Its process is killed as soon as it has joined the cluster."""

    def _answer(self, *given: Any) -> Any:
        answer = super()._answer(*given)
        assert self.process is not None
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)
        return answer


def test_persons_are_computed_here_when_ray_is_lost(
    head: Head, caplog: pytest.LogCaptureFixture
) -> None:
    here = persons(None)
    with closing(Killed(head.address)) as there:
        assert persons(there) == here
    assert caplog.text.count("people.ray_lost") == 1


def test_persons_are_computed_here_where_no_ray_is(caplog: pytest.LogCaptureFixture) -> None:
    here = persons(None)
    with closing(RayBlocks("127.0.0.1:1")) as there:
        assert persons(there) == here
    assert "people.ray_lost" in caplog.text
    assert "Ray cannot be reached at 127.0.0.1:1" in caplog.text


class ImpatientError(Exception):
    pass


class Impatient(Effort):
    """Gives up when the first blocks are under way."""

    def check_time(self) -> None:
        raise ImpatientError


def test_a_count_that_is_given_up_ends_the_process(head: Head) -> None:
    there = RayBlocks(head.address)
    with pytest.raises(ImpatientError):
        persons(there, Impatient(threads=1, elsewhere=there))
    process = there.process
    assert process is not None
    number = process.pid
    there.close()
    there.close()
    assert not Path(f"/proc/{number}").exists()


def refuse(_shared: object, _start: int, _stop: int) -> None:
    raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too much")


def test_a_block_that_raises_there_is_tried_here_and_raises_what_it_raises(head: Head) -> None:
    with closing(RayBlocks(head.address)) as there:
        effort = Effort(elsewhere=there)
        with pytest.raises(RequestError, match="too much") as refusal:
            effort.pure_blocks(refuse, np.zeros(3), 3, 1)
    assert str(refusal.value) == "too much"
    assert refusal.value.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
