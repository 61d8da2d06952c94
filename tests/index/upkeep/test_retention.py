"""What is older than its days is forgotten, and what cannot be looked at is not."""

import pytest

from index.upkeep import erasure
from index.upkeep.erasure import expire
from index.upkeep.erasure_log import FORGOTTEN
from ingest.jobs import process
from ingest.jobs.process import Housekeeping
from tests.index.builders import ask, by_hand
from tests.index.erasing import Home

pytestmark = pytest.mark.engines

DAY = 86_400.0


def test_what_is_older_than_its_days_is_forgotten(home: Home) -> None:
    by_hand(home.database, "UPDATE images SET created_at = 100.0 * id")
    assert expire(home.database, home.data, 1.0, DAY + 50).images == 0
    assert not (home.data / "erasures.log").exists()
    assert expire(home.database, home.data, 1.0, DAY + 250).images == 2
    assert len(home.states()) == 1
    home.index()
    assert sorted(home.states().values()) == ["failed", "failed", "indexed"]


def test_what_is_gone_from_the_folder_is_erased_but_may_come_back(home: Home) -> None:
    content = (home.inbox / "ann.png").read_bytes()
    (home.inbox / "ann.png").unlink()
    home.scanner.scan()
    expire(home.database, home.data, 1.0, home.clock() + 2 * DAY)
    assert home.states() == {}
    (home.inbox / "ann.png").write_bytes(content)
    home.index()
    assert home.states()["ann.png"] == "indexed"
    assert home.reason("trip/bob.png") == FORGOTTEN


def test_a_dropped_mount_counts_as_still_there(home: Home) -> None:
    (home.inbox / "trip").rename(home.inbox.parent / "trip-elsewhere")
    expire(home.database, home.data, 1.0, home.clock() + 2 * DAY)
    (home.inbox.parent / "trip-elsewhere").rename(home.inbox / "trip")
    home.index()
    assert set(home.states().values()) == {"failed"}


def test_what_is_held_as_missing_counts_as_still_there(home: Home) -> None:
    """The disk of the whole root dropped out: an empty folder is left."""
    away = home.inbox.with_name("away")
    home.inbox.rename(away)
    home.inbox.mkdir()
    home.scanner.scan()
    expire(home.database, home.data, 1.0, home.clock() + 2 * DAY)
    home.inbox.rmdir()
    away.rename(home.inbox)
    home.index()
    assert set(home.states().values()) == {"failed"}


def test_many_expire_in_small_transactions(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "EXPIRE_IMAGES", 2)
    assert expire(home.database, home.data, 1.0, home.clock() + 2 * DAY).faces == 4
    home.check()


def test_housekeeping_forgets_and_writes_the_next_snapshot(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "HOUSEKEEPING_SECONDS", 0.0)
    settings = home.settings.model_copy(update={"retention_days": 3.0})
    housekeeping = Housekeeping(home.database, settings, home.clock)
    housekeeping.run_if_due()
    assert len(home.states()) == 3
    home.clock.advance(4 * DAY)
    monkeypatch.setattr(process, "EXPIRY_SECONDS", 0.0)
    housekeeping = Housekeeping(home.database, settings, home.clock)
    housekeeping.run_if_due()
    assert home.states() == {}
    assert ask(home.database, "SELECT face_count FROM snapshots") == [(0,)]
    home.check()
