import threading

import pytest

from index.database import Database
from index.schema import FileState
from index.settings import Settings
from index.store import library, queue
from index.store.generations import GenerationRow
from index.store.queue import CRASH_LIMIT, CRASH_RETRY_SECONDS, Claim
from tests.index.builders import (
    ask,
    claim_all,
    image,
    index_file,
    sighting,
    signature,
)

NOW = 1000.0


def note(database: Database, *paths: str, version: int = 1, priority: int = 0) -> int:
    with database.write() as connection:
        seen = [sighting(path, version, ready_at=NOW) for path in paths]
        return queue.note(connection, seen, priority=priority)


def claim(database: Database, limit: int = 100, now: float = NOW) -> list[Claim]:
    with database.write() as connection:
        return queue.claim(connection, limit, now)


def paths_of(claims: list[Claim]) -> list[str]:
    return [each.path for each in claims]


def row(database: Database, path: str) -> queue.FileRow:
    with database.read() as connection:
        return queue.rows_of(connection, [path])[path]


def crash(database: Database, now: float = NOW) -> int:
    with database.write() as connection:
        return queue.release(connection, now)


class TestNoting:
    def test_new_and_changed_files_become_pending_and_others_are_left_alone(
        self, database: Database, small: GenerationRow
    ) -> None:
        assert note(database, "/a", "/b") == 2
        index_file(database, small.id, "/a", image("a"))
        assert note(database, "/a", "/b") == 0
        assert row(database, "/a").state is FileState.INDEXED
        assert note(database, "/a", version=2) == 1
        assert row(database, "/a").state is FileState.PENDING
        assert row(database, "/a").signature == signature(2)

    def test_nothing_noted_changes_nothing(self, database: Database) -> None:
        assert note(database) == 0

    def test_a_file_that_is_never_read_keeps_the_reason(self, database: Database) -> None:
        with database.write() as connection:
            queue.note(connection, [sighting("/a", ready_at=NOW, refusal="it is a link")])
        assert (row(database, "/a").state, row(database, "/a").error) == ("failed", "it is a link")
        assert claim(database, now=1e12) == []

    def test_a_changed_file_starts_over(self, database: Database) -> None:
        note(database, "/a")
        [first] = claim(database)
        with database.write() as connection:
            queue.fail(connection, first, "cut off", None)
        note(database, "/a", version=2)
        [second] = claim(database)
        assert (second.attempts, second.signature) == (0, signature(2))
        assert row(database, "/a").error is None

    def test_a_file_that_became_a_link_gives_its_image_up(
        self, database: Database, small: GenerationRow
    ) -> None:
        image_id = index_file(database, small.id, "/a", image("a"))
        with database.write() as connection:
            queue.note(connection, [sighting("/a", 2, refusal="it is a link")])
            library.drop_orphans(connection, 1e12)
        assert row(database, "/a").image_id is None
        assert ask(database, "SELECT id FROM images WHERE id = :id", id=image_id) == []


class TestClaiming:
    def test_hands_each_file_out_once_when_it_is_ready(self, database: Database) -> None:
        note(database, "/a")
        assert claim(database, now=NOW - 0.001) == []
        [given] = claim(database, now=NOW)
        assert (given.path, given.signature, given.attempts) == ("/a", signature(), 0)
        assert claim(database, now=1e12) == []

    def test_the_longest_waiting_come_first_and_no_more_than_asked(
        self, database: Database
    ) -> None:
        with database.write() as connection:
            for number, path in enumerate(["/late", "/early", "/middle"]):
                ready = {"/early": 1.0, "/middle": 2.0, "/late": 3.0}[path]
                queue.note(connection, [sighting(path, number, ready_at=ready)])
        assert paths_of(claim(database, limit=2)) == ["/early", "/middle"]
        assert paths_of(claim(database, limit=2)) == ["/late"]

    def test_files_that_somebody_waits_for_come_first(self, database: Database) -> None:
        note(database, "/a", "/b", "/c", "/d")
        note(database, "/e", priority=1)
        with database.write() as connection:
            queue.prioritise(connection, ["/c", "/unknown"])
        assert set(paths_of(claim(database, limit=2))) == {"/c", "/e"}
        assert paths_of(claim(database)) == ["/a", "/b", "/d"]

    def test_the_backlog_says_how_many_since_when_and_for_whom(self, database: Database) -> None:
        with database.write() as connection:
            assert queue.backlog(connection, NOW) == (0, None, False)
            queue.note(connection, [sighting("/a", ready_at=5.0), sighting("/b", ready_at=3.0)])
            queue.note(connection, [sighting("/c", ready_at=2 * NOW)], priority=1)
            assert queue.backlog(connection, NOW) == (2, 3.0, False)
            queue.prioritise(connection, ["/a"])
            assert queue.backlog(connection, NOW) == (2, 3.0, True)
            queue.claim(connection, 2, NOW)
            assert queue.backlog(connection, NOW) == (0, None, False)


class TestSettling:
    def test_a_finished_file_is_indexed_and_nobody_waits_any_more(
        self, database: Database, small: GenerationRow
    ) -> None:
        note(database, "/a", priority=1)
        [given] = claim(database)
        with database.write() as connection:
            image_id = library.record_image(connection, small.id, image("a"))
            assert queue.finish(connection, given, image_id)
            assert queue.counts(connection) == {"pending": 0, "indexed": 1, "failed": 0}
            queue.requeue(connection, ["/a"], NOW)
            assert queue.backlog(connection, NOW) == (1, NOW, False)

    def test_a_failed_file_is_tried_again_only_when_it_is_time(self, database: Database) -> None:
        note(database, "/a", "/b")
        first, second = claim(database)
        with database.write() as connection:
            assert queue.fail(connection, first, "cut off", NOW + 5)
            assert queue.fail(connection, second, "no image", None)
            expected = [("/a", "cut off"), ("/b", "no image")]
            assert sorted(queue.failures(connection, 10)) == expected
            assert len(queue.failures(connection, 1)) == 1
        assert claim(database, now=NOW + 4.9) == []
        [again] = claim(database, now=1e12)
        assert (again.path, again.attempts) == ("/a", 1)

    @pytest.mark.parametrize("outcome", ["finish", "fail"])
    def test_a_file_that_changed_while_in_hand_stays_pending(
        self, database: Database, small: GenerationRow, outcome: str
    ) -> None:
        note(database, "/a")
        [given] = claim(database)
        note(database, "/a", version=2)
        with database.write() as connection:
            image_id = library.record_image(connection, small.id, image("a"))
            if outcome == "finish":
                assert not queue.finish(connection, given, image_id)
            else:
                assert not queue.fail(connection, given, "no image", None)
        assert row(database, "/a").state is FileState.PENDING
        assert row(database, "/a").image_id is None
        [again] = claim(database)
        assert (again.signature, again.attempts) == (signature(2), 0)

    def test_a_file_that_is_forgotten_while_in_hand_does_not_come_back(
        self, database: Database, small: GenerationRow
    ) -> None:
        note(database, "/a")
        [given] = claim(database)
        with database.write() as connection:
            queue.forget(connection, "/a", NOW)
            image_id = library.record_image(connection, small.id, image("a"))
            assert not queue.finish(connection, given, image_id)
            assert queue.rows_of(connection, ["/a"]) == {}

    def test_a_file_that_is_still_growing_goes_back_into_the_queue(
        self, database: Database
    ) -> None:
        note(database, "/a", priority=1)
        [given] = claim(database)
        with database.write() as connection:
            queue.resight(connection, given, signature(9), NOW + 2)
        assert claim(database, now=NOW + 1) == []
        [again] = claim(database, now=NOW + 2)
        assert (again.signature, again.attempts) == (signature(9), 0)


class TestCrashing:
    def test_files_in_hand_are_taken_back_and_others_left_alone(self, database: Database) -> None:
        note(database, "/a", "/b")
        note(database, "/c", version=3)
        taken = paths_of(claim(database, limit=2))
        assert crash(database, NOW + 1) == 2
        assert crash(database, NOW + 1) == 0
        assert claim(database, limit=1)[0].path == "/c"
        assert sorted(taken) == ["/a", "/b"]

    def test_suspects_are_handed_out_alone_and_after_the_unsuspected(
        self, database: Database
    ) -> None:
        note(database, "/a", "/b", "/c")
        claim(database)
        crash(database)
        note(database, "/d", "/e")
        handed_out = []
        while claims := claim(database):
            handed_out.append(paths_of(claims))
        assert handed_out == [["/d", "/e"], ["/a"], ["/b"], ["/c"]]

    def test_a_suspect_has_its_turn_alone_however_many_others_come(
        self, database: Database
    ) -> None:
        note(database, "/suspect")
        claim(database)
        crash(database)
        handed_out = []
        for minute in range(3):
            note(database, f"/{minute}a", f"/{minute}b")
            handed_out.append(paths_of(claim(database, now=NOW + 60 * minute)))
        assert handed_out == [["/0a", "/0b"], ["/suspect"], ["/1a", "/1b", "/2a", "/2b"]]

    def test_only_the_file_that_crashes_every_time_is_given_up(self, database: Database) -> None:
        note(database, "/good", "/bad", "/fine")
        done = set()
        for _ in range(20):
            claims = claim(database)
            if not claims:
                break
            if "/bad" in paths_of(claims):
                crash(database)
                continue
            with database.write() as connection:
                for each in claims:
                    done.add(each.path)
                    queue.fail(connection, each, "done", None)
        assert done == {"/good", "/fine"}
        assert row(database, "/bad").state is FileState.FAILED
        assert f"ended {CRASH_LIMIT} times" in (row(database, "/bad").error or "")

    def test_a_file_that_was_given_up_is_tried_again_after_a_while(
        self, database: Database
    ) -> None:
        note(database, "/a")
        for _ in range(CRASH_LIMIT):
            claim(database)
            crash(database)
        assert claim(database, now=NOW + CRASH_RETRY_SECONDS - 1) == []
        [again] = claim(database, now=NOW + CRASH_RETRY_SECONDS)
        assert again.attempts == 0

    def test_failures_to_read_a_file_are_no_crashes(self, database: Database) -> None:
        note(database, "/a")
        for _ in range(2):
            [given] = claim(database)
            with database.write() as connection:
                queue.fail(connection, given, "cut off", NOW)
        claim(database)
        crash(database)
        assert row(database, "/a").state is FileState.PENDING, row(database, "/a").error


class TestRequeueing:
    def test_any_file_can_be_made_pending_again(
        self, database: Database, small: GenerationRow
    ) -> None:
        image_id = index_file(database, small.id, "/a", image("a"))
        note(database, "/b")
        [given] = claim(database)
        with database.write() as connection:
            queue.fail(connection, given, "no image", None)
            queue.requeue(connection, ["/a", "/b", "/unknown"], NOW)
            assert sorted(queue.pending_paths(connection)) == ["/a", "/b"]
        assert row(database, "/a").image_id == image_id
        assert row(database, "/b").error is None
        assert [each.attempts for each in claim(database)] == [0, 0]

    def test_failed_files_are_tried_once_more(self, database: Database) -> None:
        note(database, "/a")
        [given] = claim(database)
        with database.write() as connection:
            queue.fail(connection, given, "no image", None)
            assert queue.retry_failed(connection, NOW) == 1
        assert paths_of(claim(database)) == ["/a"]

    def test_files_that_are_never_read_are_not_tried_again(self, database: Database) -> None:
        with database.write() as connection:
            queue.note(connection, [sighting("/link", refusal="it is a symbolic link")])
            queue.retry_failed(connection, NOW)
        assert claim(database) == []
        assert row(database, "/link").error == "it is a symbolic link"

    def test_a_thousand_paths_are_looked_up_and_moved_at_once(self, database: Database) -> None:
        paths = [f"/{number}" for number in range(1000)]
        note(database, *paths)
        with database.write() as connection:
            assert sorted(queue.rows_of(connection, paths)) == sorted(paths)
            queue.prioritise(connection, paths)
            queue.requeue(connection, paths, NOW + 1)
            assert queue.backlog(connection, NOW + 1) == (1000, NOW + 1, True)


class TestForgetting:
    def test_takes_what_is_below_and_nothing_that_only_looks_alike(
        self, database: Database
    ) -> None:
        below = ["/d%_", "/d%_/x", "/d%_/0", "/d%_/%", "/d%_/ÿ/z"]
        beside = ["/d%_0", "/d%_.jpg", "/d%_-1", "/dab/x", "/d%__/x", "/d%", "/D%_/x"]
        note(database, *below, *beside)
        with database.write() as connection:
            assert queue.forget(connection, "/d%_", NOW) == len(below)
            assert sorted(queue.pending_paths(connection)) == sorted(beside)

    def test_can_take_one_path_alone(self, database: Database) -> None:
        note(database, "/d", "/d/x")
        with database.write() as connection:
            assert queue.forget(connection, "/d", NOW, below=False) == 1
            assert queue.pending_paths(connection) == ["/d/x"]
            assert queue.forget(connection, "/nothing", NOW) == 0

    def test_a_name_of_zeros_next_to_a_folder_is_not_in_it(self, database: Database) -> None:
        note(database, "/r/a/1", "/r/a0", "/r/a0/1", "/r/a")
        with database.write() as connection:
            assert list(queue.signatures_below(connection, "/r/a")) == ["/r/a/1"]
            assert list(queue.signatures_below(connection, "/r/a/")) == ["/r/a/1"]
            assert len(queue.signatures_below(connection, "/")) == 4
            queue.forget(connection, "/r/a", NOW)
            assert sorted(queue.pending_paths(connection)) == ["/r/a0", "/r/a0/1"]

    def test_the_last_file_of_an_image_leaves_it_an_orphan(
        self, database: Database, small: GenerationRow
    ) -> None:
        image_id = index_file(database, small.id, "/a", image("a"))
        index_file(database, small.id, "/b", image("a"))
        orphaned = "SELECT orphaned_at FROM images WHERE id = :id"
        with database.write() as connection:
            queue.forget(connection, "/a", NOW)
        assert ask(database, orphaned, id=image_id) == [(None,)]
        with database.write() as connection:
            assert [file.path for file in queue.files_of(connection, image_id)] == ["/b"]
            queue.forget(connection, "/b", NOW + 1)
            queue.mark_orphans(connection, [image_id], NOW + 2)
        assert ask(database, orphaned, id=image_id) == [(NOW + 1,)]
        index_file(database, small.id, "/c", image("a"))
        assert ask(database, orphaned, id=image_id) == [(None,)]


class TestTwoHandles:
    def test_two_workers_never_get_the_same_file(
        self, database: Database, settings: Settings
    ) -> None:
        paths = [f"/{number}" for number in range(120)]
        note(database, *paths)
        taken: list[str] = []
        failures: list[Exception] = []

        def work() -> None:
            try:
                with Database(settings.database_path) as own:
                    while claims := claim(own, limit=3):
                        taken.extend(paths_of(claims))
            except Exception as error:  # noqa: BLE001 - shown by the assertion below
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert sorted(taken) == sorted(paths)

    def test_a_reader_sees_one_state_while_another_handle_writes(
        self, database: Database, settings: Settings
    ) -> None:
        note(database, "/a")
        with Database(settings.database_path) as other, database.read() as connection:
            assert queue.pending_paths(connection) == ["/a"]
            note(other, "/b")
            assert queue.pending_paths(connection) == ["/a"]
        with database.read() as connection:
            assert queue.pending_paths(connection) == ["/a", "/b"]

    def test_what_fails_halfway_leaves_nothing(self, database: Database) -> None:
        def fail_halfway() -> None:
            with database.write() as connection:
                queue.note(connection, [sighting("/a")])
                claim_all(connection)
                raise KeyError

        with pytest.raises(KeyError):
            fail_halfway()
        with database.read() as connection:
            assert queue.rows_of(connection, ["/a"]) == {}
