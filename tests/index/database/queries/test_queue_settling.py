"""What becomes of claimed files: settled, failed, or left by a crash."""

import pytest

from index.database.engine import Database
from index.database.queries import queue, sightings, stored_images
from index.database.queries.files import rows_of
from index.database.queries.generations import GenerationRow
from index.database.queries.queue import CRASH_LIMIT, CRASH_RETRY_SECONDS
from index.database.states import FileState
from tests.index.builders import (
    image,
    signature,
)
from tests.index.queueing import NOW, claim, crash, note, paths_of, row


class TestSettling:
    def test_a_finished_file_is_indexed_and_nobody_waits_any_more(
        self, database: Database, small: GenerationRow
    ) -> None:
        note(database, "/a", priority=1)
        [given] = claim(database)
        with database.write() as connection:
            [image_id] = stored_images.record_images(connection, small.id, [image("a")]).values()
            assert queue.finish(connection, {given: image_id})
            assert queue.counts(connection) == {
                "pending": 0,
                "indexed": 1,
                "failed": 0,
                "no_photo": 0,
            }
            queue.requeue(connection, ["/a"], NOW)
            assert queue.backlog(connection, NOW) == (1, NOW, False)

    def test_a_failed_file_is_tried_again_only_when_it_is_time(self, database: Database) -> None:
        note(database, "/a", "/b")
        first, second = claim(database)
        with database.write() as connection:
            assert queue.fail(connection, first, "cut off", NOW + 5)
            assert queue.fail(connection, second, "no image", None)
        failed = [row(database, path) for path in ("/a", "/b")]
        assert [file.state for file in failed] == [FileState.FAILED] * 2
        assert [file.error for file in failed] == ["cut off", "no image"]
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
            [image_id] = stored_images.record_images(connection, small.id, [image("a")]).values()
            if outcome == "finish":
                assert not queue.finish(connection, {given: image_id})
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
            sightings.forget(connection, "/a", NOW)
            [image_id] = stored_images.record_images(connection, small.id, [image("a")]).values()
            assert not queue.finish(connection, {given: image_id})
            assert rows_of(connection, ["/a"]) == {}

    def test_a_file_that_is_still_growing_goes_back_into_the_queue(
        self, database: Database
    ) -> None:
        note(database, "/a", priority=1)
        [given] = claim(database)
        with database.write() as connection:
            queue.requeue_changed(connection, given, signature(9), NOW + 2)
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
