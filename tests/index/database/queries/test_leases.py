"""Files and jobs are leased: who does not renew in time has lost them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from index.base.errors import WriterBusyError
from index.database import sole_jobs
from index.database.engine import Database
from index.database.queries import leases, queue
from index.database.queries.queue import Claim
from index.database.sole_jobs import Turn, sole
from tests.index.builders import ask
from tests.index.queueing import NOW, note, paths_of
from tests.waiting import DEADLINE_SECONDS

pytestmark = pytest.mark.engines


def claim(database: Database, holder: str, limit: int = 100) -> list[Claim]:
    with database.write() as connection:
        return queue.claim(connection, limit, NOW, holder)


def release(database: Database, home: str | None = None) -> int:
    with database.write() as connection:
        return leases.release_lost(connection, NOW, home)


def held(database: Database, claims: list[Claim]) -> list[str]:
    with database.write() as connection:
        return paths_of(leases.still_held(connection, claims))


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that are given from now on have ended already."""
    monkeypatch.setattr(queue, "LEASE_SECONDS", -1.0)
    monkeypatch.setattr(leases, "LEASE_SECONDS", -1.0)


class TestFiles:
    def test_nobody_takes_what_a_worker_has_in_hand(self, database: Database) -> None:
        note(database, "/a", "/b")
        first = claim(database, "one/1", limit=1)
        assert release(database) == 0
        assert paths_of(claim(database, "two/1")) == ["/b"]
        assert held(database, first) == ["/a"]

    @pytest.mark.usefixtures("ended")
    def test_a_lost_lease_goes_to_others_and_the_late_worker_has_nothing(
        self, database: Database
    ) -> None:
        note(database, "/a")
        late = claim(database, "one/1")
        assert held(database, late) == ["/a"]  # as long as nobody else wants it
        assert release(database) == 1
        assert held(database, late) == []
        [taken] = claim(database, "two/1")
        assert (held(database, late), held(database, [taken])) == ([], ["/a"])
        assert ask(database, "SELECT crashes FROM files") == [(1,)]

    def test_a_renewed_lease_goes_on(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        note(database, "/a", "/b")
        with monkeypatch.context() as patch:
            patch.setattr(queue, "LEASE_SECONDS", -1.0)
            claims = claim(database, "one/1")
        with database.write() as connection:
            assert leases.renew(connection, claims[:1]) == 1
        assert release(database) == 1
        assert held(database, claims) == ["/a"]
        with database.write() as connection:
            assert leases.renew(connection, claims) == 1  # a lost one does not come back

    def test_who_has_the_lock_of_a_data_folder_takes_its_dead_workers_files(
        self, database: Database
    ) -> None:
        note(database, "/a", "/b")
        claim(database, "one/1", limit=1)
        claim(database, "two/1", limit=1)
        assert release(database, "one/") == 1
        assert ask(database, "SELECT path FROM files WHERE ready_at IS NOT NULL") == [("/a",)]

    def test_files_that_are_done_are_nobodys(self, database: Database) -> None:
        note(database, "/a", "/b", "/c")
        done, back, failed = claim(database, "one/1")
        with database.write() as connection:
            queue.fail(connection, done, "it is text", None)
            queue.hand_back(connection, [back], NOW)
            queue.requeue(connection, [failed.path], NOW)
        left = "SELECT count(*) FROM files WHERE claimed_until IS NOT NULL"
        assert ask(database, left) == [(0,)]

    @pytest.mark.usefixtures("ended")
    def test_a_late_worker_hands_nothing_back_that_others_have(self, database: Database) -> None:
        note(database, "/a")
        late = claim(database, "one/1")
        release(database)
        claim(database, "two/1")
        with database.write() as connection:
            queue.hand_back(connection, late, NOW)
        assert claim(database, "three/1") == []


class TestJobs:
    def take(self, database: Database, holder: str) -> bool:
        with database.write() as connection:
            return leases.take_turn(connection, "watch", holder)

    def test_one_has_a_job_until_he_leaves_it(self, database: Database) -> None:
        assert self.take(database, "one")
        assert not self.take(database, "two")
        assert self.take(database, "one")
        with database.write() as connection:
            leases.leave_turn(connection, "watch", "two")
        assert not self.take(database, "two")
        with database.write() as connection:
            leases.leave_turn(connection, "watch", "one")
        assert self.take(database, "two")

    @pytest.mark.usefixtures("ended")
    def test_a_job_that_is_not_kept_goes_to_another(self, database: Database) -> None:
        assert self.take(database, "one")
        assert self.take(database, "two")

    def test_where_several_can_be_only_one_does_it(self, database: Database) -> None:
        with Turn(database, "watch", "one") as one, Turn(database, "watch", "two") as two:
            assert one.is_mine()
            assert one.is_mine()
            assert two.is_mine() is not database.is_shared
        with sole(database, "watch", "three"):
            if database.is_shared:
                with pytest.raises(WriterBusyError), sole(database, "watch", "four"):
                    pass

    def test_a_job_of_which_there_is_one_waits_for_its_turn(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sole_jobs, "LOOK_SECONDS", 0.01)
        done: list[str] = []
        first = Turn(database, "erasure", "one")
        assert first.is_mine()

        def second() -> None:
            with sole(database, "erasure", "two", wait_seconds=DEADLINE_SECONDS):
                done.append("two")

        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(second)
            done.append("one")
            first.leave()
            waiting.result()
        assert sorted(done) == ["one", "two"]
