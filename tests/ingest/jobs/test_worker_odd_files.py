"""Files that cannot be read for reasons of the machine's: none keeps others waiting."""

import errno
import os
from collections.abc import Sequence

import pytest

from index.base.paths import Signature
from ingest.decoding import reading
from tests.index.builders import ask
from tests.ingest.builders import Ingest


@pytest.mark.parametrize("how", ["gone", "shorter", "another"])
def test_a_file_that_is_listed_otherwise_than_it_opens_does_not_go_round_in_circles(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """As network file systems may show them: see the files below /sys, of 4096 bytes each."""
    ingest.drop("a.png", 1)
    ingest.scanner.scan()
    ingest.drain()
    image = ingest.row("a.png").image_id
    os.utime(ingest.inbox / "a.png", ns=(1, 1))
    ingest.drop("b.png", 2)
    ingest.scanner.scan()
    known = reading._open_below

    def open_below(root: str, parts: Sequence[str]) -> int:
        if parts != ("a.png",):
            return known(root, parts)
        if how == "gone":
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        handle = known(root, ("b.png",) if how == "another" else parts)
        if how == "shorter":
            os.lseek(handle, 100, os.SEEK_SET)
        return handle

    with monkeypatch.context() as patch:
        patch.setattr(reading, "_open_below", open_below)
        assert sum(ingest.worker.step() for _ in range(5)) == 2
        assert ingest.states() == {"a.png": "failed", "b.png": "indexed"}
        assert ingest.reason("a.png").startswith("the file that can be opened is not ")
        assert ingest.retry_at("a.png") == pytest.approx(ingest.clock.now + 5)
        assert ingest.row("a.png").image_id == image
        ingest.clock.advance(6)
        assert sum(ingest.worker.step() for _ in range(5)) == 1
    ingest.clock.advance(61)
    assert ingest.index() == 1
    assert ingest.states() == {"a.png": "indexed", "b.png": "indexed"}
    ingest.check()


def test_a_file_too_large_for_the_memory_that_is_left_keeps_none_of_its_batch_waiting(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    large = ingest.drop("1.png", 1)
    for number in (0, 2, 3):
        ingest.drop(f"{number}.png", number)
    read = reading._content

    def content(handle: int, path: str, signature: Signature, max_bytes: int) -> bytes:
        if path == str(large):
            raise MemoryError
        return read(handle, path, signature, max_bytes)

    ingest.scanner.scan()
    with monkeypatch.context() as patch:
        patch.setattr(reading, "_content", content)
        assert ingest.worker.step() == 3
        assert ingest.worker.step() == 0
        ingest.clock.advance(6)
        assert ingest.worker.step() == 0
    states = ingest.states()
    assert states.pop("1.png") == "pending"
    assert set(states.values()) == {"indexed"}
    assert caplog.text.count("ingest.out_of_resources files=1") == 2
    ingest.clock.advance(6)
    assert ingest.worker.step() == 1
    assert ask(ingest.database, "SELECT max(crashes), max(attempts) FROM files") == [(0, 0)]
    ingest.check()
