"""Files on the queue: noted, claimed once, asked for again, forgotten."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import queue, sightings, stored_images
from index.database.queries.files import files_of, rows_of, signatures_below
from index.database.queries.generations import GenerationRow
from index.database.states import FileState
from tests.index.builders import (
    ask,
    by_hand,
    claim_all,
    image,
    index_file,
    sighting,
    signature,
)
from tests.index.queueing import NOW, claim, note, paths_of, row

pytestmark = pytest.mark.engines


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
            sightings.record(connection, [sighting("/a", ready_at=NOW, refusal="it is a link")])
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
            sightings.record(connection, [sighting("/a", 2, refusal="it is a link")])
            stored_images.drop_orphans(connection, 1e12)
        assert row(database, "/a").image_id is None
        assert ask(database, "SELECT id FROM images WHERE id = :id", id=image_id) == []

    def test_a_link_whose_name_is_written_alike_does_not_take_the_image_away(
        self, database: Database, small: GenerationRow
    ) -> None:
        image_id = index_file(database, small.id, "/a", image("a"))
        with database.write() as connection:
            sightings.record(connection, [sighting("/a", refusal="its name is not valid UTF-8")])
        assert (row(database, "/a").state, row(database, "/a").image_id) == ("indexed", image_id)

    def test_a_file_that_is_indexed_as_nothing_is_queued_although_it_is_the_same(
        self, database: Database, small: GenerationRow
    ) -> None:
        index_file(database, small.id, "/a", image("a"))
        by_hand(database, "UPDATE files SET image_id = NULL")
        assert note(database, "/a") == 1
        assert row(database, "/a").state is FileState.PENDING


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
                sightings.record(connection, [sighting(path, number, ready_at=ready)])
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
            sightings.record(
                connection, [sighting("/a", ready_at=5.0), sighting("/b", ready_at=3.0)]
            )
            sightings.record(connection, [sighting("/c", ready_at=2 * NOW)], priority=1)
            assert queue.backlog(connection, NOW) == (2, 3.0, False)
            queue.prioritise(connection, ["/a"])
            assert queue.backlog(connection, NOW) == (2, 3.0, True)
            queue.claim(connection, 2, NOW)
            assert queue.backlog(connection, NOW) == (0, None, False)

    def test_the_backlog_of_a_batch_is_counted_no_further(self, database: Database) -> None:
        note(database, "/a", "/b", "/c")
        with database.write() as connection:
            sightings.record(connection, [sighting("/d", ready_at=2.0)])
            assert queue.backlog(connection, NOW, 2) == (2, 2.0, False)
            assert queue.backlog(connection, 2.0, 2) == (1, 2.0, False)
            queue.prioritise(connection, ["/c"])
            assert queue.backlog(connection, NOW, 2)[2]

    @pytest.mark.engines("sqlite")  # PostgreSQL plans by what a table holds
    def test_a_batch_is_found_without_sorting_the_queue(self, database: Database) -> None:
        asked: list[str] = []
        with database.write() as connection, listening(connection.engine, asked):
            queue.claim(connection, 64, NOW)
            queue.backlog(connection, NOW, 64)
        assert len(asked) == 2
        for sql in asked:
            plan = str(ask(database, f"EXPLAIN QUERY PLAN {sql}".replace("?", "1")))
            assert "ix_files_claim" in plan
            assert "TEMP B-TREE" not in plan

    def test_what_is_no_photo_is_not_claimed_again(self, database: Database) -> None:
        note(database, "/a.xmp")
        [given] = claim(database)
        with database.write() as connection:
            queue.fail(connection, given, "it is text", NOW, state=FileState.NO_PHOTO)
        assert claim(database, now=1e12) == []


@contextmanager
def listening(engine: Engine, asked: list[str]) -> Iterator[None]:
    """Add every statement that is executed meanwhile."""

    def note_it(_connection: object, _cursor: object, sql: str, *_others: object) -> None:
        asked.append(sql)

    event.listen(engine, "before_cursor_execute", note_it)
    yield
    event.remove(engine, "before_cursor_execute", note_it)


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
            sightings.record(connection, [sighting("/link", refusal="it is a symbolic link")])
            queue.retry_failed(connection, NOW)
        assert claim(database) == []
        assert row(database, "/link").error == "it is a symbolic link"

    def test_a_thousand_paths_are_looked_up_and_moved_at_once(self, database: Database) -> None:
        paths = [f"/{number}" for number in range(1000)]
        note(database, *paths)
        with database.write() as connection:
            assert sorted(rows_of(connection, paths)) == sorted(paths)
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
            assert sightings.forget(connection, "/d%_", NOW) == len(below)
            assert sorted(queue.pending_paths(connection)) == sorted(beside)

    def test_can_take_one_path_alone(self, database: Database) -> None:
        note(database, "/d", "/d/x")
        with database.write() as connection:
            assert sightings.forget(connection, "/d", NOW, below=False) == 1
            assert queue.pending_paths(connection) == ["/d/x"]
            assert sightings.forget(connection, "/nothing", NOW) == 0

    def test_a_name_of_zeros_next_to_a_folder_is_not_in_it(self, database: Database) -> None:
        note(database, "/r/a/1", "/r/a0", "/r/a0/1", "/r/a")
        with database.write() as connection:
            assert list(signatures_below(connection, "/r/a")) == ["/r/a/1"]
            assert list(signatures_below(connection, "/r/a/")) == ["/r/a/1"]
            assert len(signatures_below(connection, "/")) == 4
            sightings.forget(connection, "/r/a", NOW)
            assert sorted(queue.pending_paths(connection)) == ["/r/a0", "/r/a0/1"]

    def test_the_last_file_of_an_image_leaves_it_an_orphan(
        self, database: Database, small: GenerationRow
    ) -> None:
        image_id = index_file(database, small.id, "/a", image("a"))
        index_file(database, small.id, "/b", image("a"))
        orphaned = "SELECT orphaned_at FROM images WHERE id = :id"
        with database.write() as connection:
            sightings.forget(connection, "/a", NOW)
        assert ask(database, orphaned, id=image_id) == [(None,)]
        with database.write() as connection:
            assert [file.path for file in files_of(connection, image_id)] == ["/b"]
            sightings.forget(connection, "/b", NOW + 1)
            sightings.mark_orphans(connection, [image_id], NOW + 2)
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
                with Database(settings.database_address) as own:
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
        with Database(settings.database_address) as other, database.read() as connection:
            assert queue.pending_paths(connection) == ["/a"]
            note(other, "/b")
            assert queue.pending_paths(connection) == ["/a"]
        with database.read() as connection:
            assert queue.pending_paths(connection) == ["/a", "/b"]

    def test_what_fails_halfway_leaves_nothing(self, database: Database) -> None:
        def fail_halfway() -> None:
            with database.write() as connection:
                sightings.record(connection, [sighting("/a")])
                claim_all(connection)
                raise KeyError

        with pytest.raises(KeyError):
            fail_halfway()
        with database.read() as connection:
            assert rows_of(connection, ["/a"]) == {}
