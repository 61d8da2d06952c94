"""Re-indexes that have to give up change nothing, and say what stopped them."""

import pytest

from index.base.errors import IngestError
from index.database.queries.generations import GenerationRow
from index.upkeep.verify import verify
from ingest.jobs import filling
from ingest.jobs import reindex as module
from ingest.jobs.missing_images import MissingImages
from ingest.networks.models import Models
from tests.fakes import fake_models, picture
from tests.ingest.builders import Ingest
from tests.ingest.reindexing import Reindexing, everybody, generation_states


def check_unchanged(small: Ingest, old: GenerationRow) -> None:
    assert small.active() == old
    assert everybody(small) == 4
    assert set(small.states().values()) == {"indexed"}
    assert verify(small.database).problems == []


def test_an_image_beyond_todays_limits_aborts_and_changes_nothing(
    small: Ingest, reindexing: Reindexing
) -> None:
    old = small.active()
    large = small.inbox / "large.bmp"
    picture(*range(20)).resize((3000, 1500)).save(large)
    small.index()
    large_limit = small.settings.model_copy(update={"max_megapixels": 1})
    answer = everybody(small)
    with pytest.raises(IngestError, match="nothing has changed, the old index goes on answering"):
        reindexing.run(settings=large_limit)
    assert small.active() == old
    assert everybody(small) == answer
    assert reindexing.run() is not None  # with the old limits it goes on


def test_a_file_that_is_too_large_today_aborts_and_is_named(
    small: Ingest, reindexing: Reindexing
) -> None:
    large = small.inbox / "large.png"
    large.write_bytes((small.inbox / "0.png").read_bytes() + bytes(2 << 20))
    small.index()
    old = small.active()
    limit = small.settings.model_copy(update={"max_file_mib": 1})
    with pytest.raises(IngestError, match=r"large\.png cannot be read now: .*nothing has changed"):
        reindexing.run(settings=limit)
    check_unchanged(small, old)


def test_a_file_whose_content_changed_but_not_its_times_aborts_and_is_named(
    small: Ingest, reindexing: Reindexing
) -> None:
    """A disk that lost bits; here the table is made to believe in the new times."""
    old = small.active()
    path = small.inbox / "3.png"
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    found = path.lstat()
    with small.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE files SET mtime_ns = ?, ctime_ns = ?, inode = ? WHERE path = ?",
            (found.st_mtime_ns, found.st_ctime_ns, str(found.st_ino), str(path)),
        )
    with pytest.raises(IngestError, match=r"3\.png has changed, but its times have not"):
        reindexing.run()
    check_unchanged(small, old)


def test_models_that_cannot_be_had_change_nothing(
    small: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Models:
        raise IngestError("no weights")

    monkeypatch.setattr(module, "load_models", fail)
    old = small.active()
    with pytest.raises(IngestError, match="no weights"):
        Reindexing(small, fake_models()).run()
    check_unchanged(small, old)
    assert list(generation_states(small.database)) == [old.id]


@pytest.mark.parametrize("scanned", [True, False])
def test_a_disk_that_dropped_out_aborts_and_nothing_on_it_is_lost(
    small: Ingest, reindexing: Reindexing, scanned: bool
) -> None:
    old = small.active()
    away = small.inbox.with_name("away")
    small.inbox.rename(away)
    small.inbox.mkdir()
    if scanned:
        small.scanner.scan()
    with pytest.raises(
        IngestError, match=r"perhaps because a disk is not mounted: mount it, .*nothing"
    ):
        reindexing.run()
    check_unchanged(small, old)
    small.inbox.rmdir()
    away.rename(small.inbox)
    small.scanner.scan()
    outcome = reindexing.run()
    assert outcome is not None
    assert outcome.images == 8


def test_every_file_that_is_gone_is_queued_however_many(
    small: Ingest, reindexing: Reindexing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "MISSING_IMAGES", 3)
    for number in range(8):
        (small.inbox / f"{number}.png").unlink()  # and nobody has noticed yet
    assert reindexing.run() is not None
    assert set(small.states().values()) == {"pending"}
    small.clock.advance(60)
    small.drain()
    assert small.rows() == {}


def test_files_are_read_before_the_transaction_that_switches(
    small: Ingest, reindexing: Reindexing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or ingest and uploads would wait for a slow disk."""
    real = MissingImages.content

    def content(missing: MissingImages, image: tuple[int, bytes]) -> bytes | None:
        with small.database.write():  # would wait for ever inside another one
            pass
        return real(missing, image)

    (small.inbox / "7.png").unlink()
    monkeypatch.setattr(MissingImages, "content", content)
    assert reindexing.run() is not None
