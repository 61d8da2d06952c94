from collections.abc import Iterator

import numpy as np
import pytest

from index.base.errors import IndexOutOfDateError, StoreError
from index.database.engine import Database
from index.database.queries import embeddings, generations, snapshots, stored_images
from index.database.queries.generations import GenerationRow
from index.vectors.snapshot_writer import write_snapshot
from index.vectors.space import Profile, Space
from index.vectors.vector_index import VectorIndex
from tests.index.builders import (
    DIM,
    SPACE,
    ask,
    by_hand,
    flip_byte,
    image,
    index_file,
    small_generation,
    stored_units,
)

pytestmark = [pytest.mark.engines, pytest.mark.usefixtures("small_chunks")]


def reopened(database: Database, generation: GenerationRow) -> VectorIndex:
    index = VectorIndex(generation.id, SPACE)
    with database.read() as connection:
        index.open(connection)
    return index


def refresh(index: VectorIndex, database: Database) -> None:
    with database.read() as connection:
        index.refresh(connection)


def assert_equals_rows(index: VectorIndex, database: Database) -> None:
    with database.read() as connection:
        ids = embeddings.face_ids(connection, index.generation_id).tolist()
    assert index.ids.tolist() == ids
    assert len(index) == len(ids)
    if ids:
        expected = stored_units(database, index.generation_id, ids)
        np.testing.assert_array_equal(index.vectors(ids), expected)


class TestOpening:
    @pytest.fixture
    def twice_stored(self, database: Database, small: GenerationRow) -> Iterator[GenerationRow]:
        """Two snapshots, and changes after the second."""
        for number in range(3):
            index_file(database, small.id, f"/a{number}", image(f"a{number}", 3))
        assert write_snapshot(database, small.id, SPACE, 1.0)
        index_file(database, small.id, "/b", image("b", 4))
        with database.write() as connection:
            stored_images.drop_analyses(connection, [2])
        assert write_snapshot(database, small.id, SPACE, 2.0)
        index_file(database, small.id, "/c", image("c", 2))
        with database.write() as connection:
            stored_images.drop_analyses(connection, [1])
        return small

    def chunks_of_newest(self, database: Database, generation: GenerationRow) -> tuple[int, ...]:
        with database.read() as connection:
            return snapshots.newest_first(connection, generation.id)[0].chunk_ids

    def test_an_empty_library_opens_empty(self, database: Database, small: GenerationRow) -> None:
        index = reopened(database, small)
        assert (len(index), index.rebuilds, index.applied_seq) == (0, 0, 0)
        assert index.vectors([]).shape == (0, DIM)

    def test_snapshot_and_replay_give_the_rows(
        self, database: Database, twice_stored: GenerationRow
    ) -> None:
        index = reopened(database, twice_stored)
        assert index.rebuilds == 0
        assert_equals_rows(index, database)

    def test_a_damaged_newest_snapshot_gives_way_to_the_older(
        self, database: Database, twice_stored: GenerationRow, caplog: pytest.LogCaptureFixture
    ) -> None:
        with database.read() as connection:
            newest, older = snapshots.newest_first(connection, twice_stored.id)
        own = sorted(set(newest.chunk_ids) - set(older.chunk_ids))
        flip_byte(database, "index_chunks", "data", own[-1], -1)
        index = reopened(database, twice_stored)
        assert index.rebuilds == 1
        assert f"index.snapshot_damaged snapshot={newest.id} " in caplog.text
        assert "index.rows_differ" not in caplog.text
        assert_equals_rows(index, database)

    def test_when_every_snapshot_is_damaged_the_rows_decide(
        self, database: Database, twice_stored: GenerationRow
    ) -> None:
        by_hand(database, "UPDATE index_chunks SET sha256 = :zero", zero=bytes(32))
        index = reopened(database, twice_stored)
        assert index.rebuilds == 2
        assert_equals_rows(index, database)

    def test_a_snapshot_that_lists_too_few_chunks_is_damaged(
        self, database: Database, twice_stored: GenerationRow, caplog: pytest.LogCaptureFixture
    ) -> None:
        last = self.chunks_of_newest(database, twice_stored)[-1]
        by_hand(database, "DELETE FROM snapshot_chunks WHERE chunk_id = :last", last=last)
        index = reopened(database, twice_stored)
        assert "reason=holds " in caplog.text
        assert "index.rows_differ" not in caplog.text
        assert_equals_rows(index, database)

    def test_a_snapshot_of_another_faiss_version_is_not_used(
        self, database: Database, twice_stored: GenerationRow
    ) -> None:
        by_hand(database, "UPDATE snapshots SET faiss_version = '0.1'")
        index = reopened(database, twice_stored)
        assert index.rebuilds == 2
        assert_equals_rows(index, database)

    @pytest.mark.parametrize("which", ["id = (SELECT max(id) FROM snapshots)", "true"])
    def test_a_deleted_snapshot_changes_nothing_but_the_way(
        self, database: Database, twice_stored: GenerationRow, which: str
    ) -> None:
        assert by_hand(database, f"DELETE FROM snapshots WHERE {which}")
        assert_equals_rows(reopened(database, twice_stored), database)

    @pytest.mark.parametrize("which", ["min", "max"])
    def test_a_face_row_deleted_by_hand_is_noticed(
        self,
        database: Database,
        twice_stored: GenerationRow,
        caplog: pytest.LogCaptureFixture,
        which: str,
    ) -> None:
        by_hand(database, f"DELETE FROM faces WHERE id = (SELECT {which}(id) FROM faces)")
        index = reopened(database, twice_stored)
        assert_equals_rows(index, database)
        if which == "min":  # the newest face is not in the snapshot, so nothing disagrees
            assert index.rebuilds == 1
            assert "index.rows_differ" in caplog.text

    def test_a_snapshot_of_another_profile_is_not_used(
        self, database: Database, twice_stored: GenerationRow
    ) -> None:
        other = Space.calibrated(Profile((1.0,) * DIM, 0.4))
        index = VectorIndex(twice_stored.id, other)
        with database.read() as connection:
            index.open(connection)
            ids, raw = embeddings.embeddings_of(connection, twice_stored.id, index.ids.tolist())
        assert index.rebuilds == 2
        np.testing.assert_array_equal(index.vectors(ids), other.unit(raw))

    def test_damaged_rows_are_refused_not_answered_from(
        self, database: Database, small: GenerationRow
    ) -> None:
        index_file(database, small.id, "/a", image("a", 2))
        flip_byte(database, "faces", "embedding", 2, 5)
        with pytest.raises(StoreError, match="face 2 does not match its checksum"):
            reopened(database, small)

    def test_a_snapshot_with_an_emptied_chunk_answers(
        self, database: Database, small: GenerationRow
    ) -> None:
        for number in range(3):
            index_file(database, small.id, f"/a{number}", image(f"a{number}", 4))
        write_snapshot(database, small.id, SPACE, 1.0)
        with database.write() as connection:
            stored_images.drop_analyses(connection, [2])
        write_snapshot(database, small.id, SPACE, 2.0)
        assert_equals_rows(reopened(database, small), database)


class TestFollowing:
    def test_each_refresh_applies_what_was_committed(
        self, database: Database, small: GenerationRow
    ) -> None:
        index = reopened(database, small)
        for number in range(4):
            index_file(database, small.id, f"/a{number}", image(f"a{number}", 3))
            refresh(index, database)
            assert_equals_rows(index, database)
        with database.write() as connection:
            stored_images.drop_analyses(connection, [1, 3, 4])
        refresh(index, database)
        assert_equals_rows(index, database)
        assert index.rebuilds == 0

    def test_an_index_that_was_left_behind_by_pruning_catches_up(
        self, database: Database, small: GenerationRow
    ) -> None:
        index = reopened(database, small)
        for number in range(4):
            index_file(database, small.id, f"/a{number}", image(f"a{number}", 3))
            write_snapshot(database, small.id, SPACE, float(number))
        assert ask(database, "SELECT min(seq) > 1 FROM changelog") == [(1,)]
        refresh(index, database)
        assert_equals_rows(index, database)

    def test_an_index_catches_up_after_all_snapshots_were_dropped(
        self, database: Database, small: GenerationRow
    ) -> None:
        index = reopened(database, small)
        index_file(database, small.id, "/a", image("a", 3))
        write_snapshot(database, small.id, SPACE, 1.0)  # prunes the changes that it covers
        with database.write() as connection:
            snapshots.prune(connection, small.id, keep=0)  # as verify.repair does
        write_snapshot(database, small.id, SPACE, 2.0)
        refresh(index, database)
        assert_equals_rows(index, database)

    def test_another_generations_faces_stay_out(
        self, database: Database, small: GenerationRow
    ) -> None:
        other = small_generation(database, state=generations.GenerationState.BUILDING)
        index_file(database, small.id, "/a", image("a", 2))
        with database.write() as connection:
            stored_images.record_images(connection, other.id, [image("a", 3)])
        assert reopened(database, small).ids.tolist() == [1, 2]
        assert reopened(database, other).ids.tolist() == [3, 4, 5]

    @pytest.mark.parametrize("missing", [[0], [3], [7], [2, 3], [1, 2, 6, 9], [5, 6]])
    def test_faces_that_are_not_there_are_never_answered_with_others(
        self, database: Database, small: GenerationRow, missing: list[int]
    ) -> None:
        index_file(database, small.id, "/a", image("a", 2))
        index_file(database, small.id, "/b", image("b", 1))
        index_file(database, small.id, "/c", image("c", 3))
        with database.write() as connection:
            stored_images.drop_analyses(connection, [2])
        index = reopened(database, small)
        assert index.ids.tolist() == [1, 2, 4, 5, 6]
        if missing == [5, 6]:
            np.testing.assert_array_equal(
                index.vectors(missing), stored_units(database, small.id, missing)
            )
            return
        with pytest.raises(IndexOutOfDateError, match="is not in the index"):
            index.vectors(missing)
