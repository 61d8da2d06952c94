"""Erasures while a worker, a re-index or a snapshot is at work."""

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from index.base.errors import WriterBusyError
from index.base.lock import exclusive
from index.upkeep.erasure import eraser
from index.upkeep.erasure_log import FORGOTTEN
from index.upkeep.forget import Forgotten
from index.upkeep.verify import verify
from index.vectors import snapshot_writer
from ingest.jobs import reindex
from tests.fakes import fake_models
from tests.index.builders import ask, quiet
from tests.index.erasing import Home, parts, pragma

pytestmark = pytest.mark.engines


def test_a_photo_forgotten_while_it_is_in_hand_is_not_recorded(home: Home) -> None:
    home.drop("late.png", 6)
    home.scanner.scan()
    encoder = home.models.encoder
    plain: Callable[..., NDArray[np.float32]] = encoder.encode

    def encode(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        home.forget("late.png")
        return plain(crops)

    encoder.encode = encode  # type: ignore[method-assign]
    home.worker.step()
    encoder.encode = plain  # type: ignore[method-assign]
    home.index()
    assert home.reason("late.png") == FORGOTTEN
    assert ask(home.database, "SELECT count(*) FROM images") == [(3,)]
    home.check()


def test_a_reindex_does_not_bring_back_what_is_forgotten_meanwhile(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = fake_models("fake-2", salt=2)
    plain: Callable[..., NDArray[np.float32]] = models.encoder.encode
    erased: list[Forgotten] = []

    def encode(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        if not erased:
            erased.append(home.forget("ann.png"))
        return plain(crops)

    monkeypatch.setattr(models.encoder, "encode", encode)
    monkeypatch.setattr(reindex, "load_models", lambda *_: models)
    reindexer = reindex.Reindexer(home.database, home.settings, "fake", threading.Event())
    outcome = reindexer.run(quiet)
    assert outcome is not None
    assert (outcome.images, outcome.faces) == (2, 3)
    assert ask(home.database, "SELECT count(*) FROM images") == [(2,)]
    assert verify(home.database).problems == []


@pytest.mark.engines("sqlite")  # it shortens SQLite's time-out
def test_a_snapshot_under_way_does_not_bring_vectors_back(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    vector = home.vectors("trip/bob.png")[0]
    home.drop("more.png", 6)
    home.index()
    load, erased = snapshot_writer.load_chunks, []
    pragma(home.database, "busy_timeout=50")  # the snapshot's own reading holds the log back

    def slow(*arguments: object) -> Iterator[object]:
        yield from load(*arguments)  # type: ignore[arg-type]
        if not erased:
            with exclusive(home.data, "ingest"):  # held by whoever writes the snapshot
                erased.append(home.forget("trip/bob.png"))

    monkeypatch.setattr(snapshot_writer, "load_chunks", slow)
    home.snapshot()
    assert erased
    home.database.checkpoint()
    assert not any(part in home.bytes_of() for part in parts(vector))
    assert ask(home.database, "SELECT face_count FROM snapshots") == [(4,)]
    home.check()


def test_one_erasure_at_a_time(home: Home) -> None:
    with eraser(home.database, home.data), pytest.raises(WriterBusyError, match="erasure"):
        home.forget("ann.png")
