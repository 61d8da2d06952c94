import logging

import numpy as np
import pytest

from index.base.errors import StoreError
from index.database.engine import Database
from index.database.queries import embeddings, snapshots, stored_images
from index.database.queries.generations import GenerationRow
from index.database.queries.snapshots import SnapshotRow
from index.vectors.chunks import load_chunks
from index.vectors.snapshot_writer import pending_changes, write_snapshot
from index.vectors.space import Profile, Space
from index.vectors.vector_index import VectorIndex
from tests.index.builders import (
    DIM,
    PROFILE,
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


def add(database: Database, generation: GenerationRow, name: str, faces: int) -> int:
    return index_file(database, generation.id, f"/{name}", image(name, faces))


def drop(database: Database, *images: int) -> None:
    with database.write() as connection:
        stored_images.drop_analyses(connection, images)


def stored(database: Database, generation: GenerationRow) -> list[SnapshotRow]:
    with database.read() as connection:
        return snapshots.newest_first(connection, generation.id)


def ids_by_chunk(database: Database, row: SnapshotRow) -> list[list[int]]:
    with database.read() as connection:
        chunks = list(load_chunks(connection, row, SPACE))
    for chunk in chunks:
        expected = stored_units(database, 1, chunk.ids.tolist()) if len(chunk.ids) else None
        if expected is not None:
            np.testing.assert_array_equal(chunk.vectors, expected)
    return [chunk.ids.tolist() for chunk in chunks]


def test_the_first_snapshot_holds_all_faces_in_order(
    database: Database, small: GenerationRow
) -> None:
    for number in range(3):
        add(database, small, f"a{number}", 3)
    assert pending_changes(database, small.id) == 9
    assert write_snapshot(database, small.id, SPACE, 12.5)
    [row] = stored(database, small)
    assert (row.upto_seq, row.face_count, row.created_at) == (9, 9, 12.5)
    assert ids_by_chunk(database, row) == [[1, 2, 3, 4], [5, 6, 7, 8], [9]]
    assert pending_changes(database, small.id) == 0


def test_an_empty_library_has_a_snapshot_too(database: Database, small: GenerationRow) -> None:
    assert write_snapshot(database, small.id, SPACE, 1.0)
    assert stored(database, small)[0].face_count == 0
    assert not write_snapshot(database, small.id, SPACE, 2.0)
    add(database, small, "a", 2)
    assert write_snapshot(database, small.id, SPACE, 3.0)
    assert ids_by_chunk(database, stored(database, small)[0]) == [[1, 2]]


def test_with_nothing_new_there_is_nothing_to_do(database: Database, small: GenerationRow) -> None:
    add(database, small, "a", 3)
    assert write_snapshot(database, small.id, SPACE, 1.0)
    before = stored(database, small)
    assert not write_snapshot(database, small.id, SPACE, 2.0)
    assert stored(database, small) == before


def test_untouched_chunks_are_taken_over_not_rewritten(
    database: Database, small: GenerationRow
) -> None:
    for number in range(5):
        add(database, small, f"a{number}", 2)
    write_snapshot(database, small.id, SPACE, 1.0)
    [old] = stored(database, small)
    drop(database, 3)  # faces 5 and 6, in the second chunk
    add(database, small, "b", 3)  # faces 11 to 13, into the third chunk and a fourth
    write_snapshot(database, small.id, SPACE, 2.0)
    new = stored(database, small)[0]
    assert ids_by_chunk(database, new) == [[1, 2, 3, 4], [7, 8], [9, 10, 11, 12], [13]]
    assert new.chunk_ids[0] == old.chunk_ids[0]
    assert not set(new.chunk_ids[1:]) & set(old.chunk_ids)
    assert (new.upto_seq, new.face_count) == (15, 11)


def test_a_full_last_chunk_is_taken_over_when_faces_are_only_added(
    database: Database, small: GenerationRow
) -> None:
    add(database, small, "a", 4)
    write_snapshot(database, small.id, SPACE, 1.0)
    add(database, small, "b", 1)
    write_snapshot(database, small.id, SPACE, 2.0)
    new, old = stored(database, small)
    assert new.chunk_ids[:1] == old.chunk_ids
    assert ids_by_chunk(database, new) == [[1, 2, 3, 4], [5]]


def test_faces_that_came_and_went_between_two_snapshots_leave_no_trace(
    database: Database, small: GenerationRow
) -> None:
    add(database, small, "a", 3)
    write_snapshot(database, small.id, SPACE, 1.0)
    [old] = stored(database, small)
    drop(database, add(database, small, "b", 2))
    assert write_snapshot(database, small.id, SPACE, 2.0)
    new = stored(database, small)[0]
    assert new.chunk_ids == old.chunk_ids
    assert (new.upto_seq, new.face_count) == (7, 3)
    with database.read() as connection:
        assert [chunk.ids.tolist() for chunk in load_chunks(connection, new, SPACE)] == [[1, 2, 3]]


def test_a_library_that_was_emptied_can_grow_again(
    database: Database, small: GenerationRow
) -> None:
    drop_later = [add(database, small, f"a{number}", 4) for number in range(2)]
    write_snapshot(database, small.id, SPACE, 1.0)
    drop(database, *drop_later)
    write_snapshot(database, small.id, SPACE, 2.0)
    assert stored(database, small)[0].face_count == 0
    add(database, small, "b", 5)
    write_snapshot(database, small.id, SPACE, 3.0)
    newest = stored(database, small)[0]
    assert [ids for ids in ids_by_chunk(database, newest) if ids] == [[9, 10, 11, 12], [13]]


def test_another_profile_makes_the_snapshot_anew(database: Database, small: GenerationRow) -> None:
    add(database, small, "a", 5)
    write_snapshot(database, small.id, SPACE, 1.0)
    moved = Space.calibrated(Profile((1.0,) * DIM, 0.4))
    assert write_snapshot(database, small.id, moved, 2.0)
    new, old = stored(database, small)
    assert (new.space_id, new.upto_seq) == (moved.space_id, old.upto_seq)
    assert not set(new.chunk_ids) & set(old.chunk_ids)
    index = VectorIndex(small.id, moved)
    with database.read() as connection:
        index.open(connection)
    assert index.rebuilds == 0
    assert not write_snapshot(database, small.id, moved, 3.0)


def test_another_faiss_version_makes_the_snapshot_anew(
    database: Database, small: GenerationRow
) -> None:
    add(database, small, "a", 5)
    write_snapshot(database, small.id, SPACE, 1.0)
    by_hand(database, "UPDATE snapshots SET faiss_version = '0.1'")
    assert write_snapshot(database, small.id, SPACE, 2.0)
    assert ids_by_chunk(database, stored(database, small)[0]) == [[1, 2, 3, 4], [5]]


def test_another_operating_distance_alone_leaves_the_vectors_as_they_are(
    database: Database, small: GenerationRow
) -> None:
    add(database, small, "a", 5)
    write_snapshot(database, small.id, SPACE, 1.0)
    stricter = Space.calibrated(Profile(PROFILE.centre, 0.3))
    assert not write_snapshot(database, small.id, stricter, 2.0)


def test_two_snapshots_are_kept_with_their_chunks_only(
    database: Database, small: GenerationRow
) -> None:
    for number in range(6):
        add(database, small, f"a{number}", 3)
        write_snapshot(database, small.id, SPACE, float(number))
    kept = stored(database, small)
    assert [row.created_at for row in kept] == [5.0, 4.0]
    used = {chunk_id for row in kept for chunk_id in row.chunk_ids}
    assert {row[0] for row in ask(database, "SELECT id FROM index_chunks")} == used
    assert ids_by_chunk(database, kept[1])[-1][-1] == 15
    assert ids_by_chunk(database, kept[0])[-1][-1] == 18


def test_the_changelog_reaches_back_to_the_older_snapshot_and_no_further(
    database: Database, small: GenerationRow
) -> None:
    for number in range(4):
        add(database, small, f"a{number}", 2)
        write_snapshot(database, small.id, SPACE, float(number))
    assert ask(database, "SELECT seq FROM changelog ORDER BY seq") == [(7,), (8,)]
    assert stored(database, small)[1].upto_seq == 6


def test_chunks_that_a_crash_left_without_a_snapshot_are_removed_by_the_next(
    database: Database, small: GenerationRow
) -> None:
    add(database, small, "a", 2)
    with database.write() as connection:
        lost = snapshots.add_chunk(connection, small.id, 2, bytes(32), b"half a snapshot")
    write_snapshot(database, small.id, SPACE, 1.0)
    assert ask(database, "SELECT id FROM index_chunks WHERE id = :id", id=lost) == []


def test_attempts_that_break_off_again_and_again_leave_the_chunks_of_one(
    database: Database, small: GenerationRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(database, small, "a", 10)  # three chunks

    def break_off(*_: object, **__: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "add_snapshot", break_off)
        for _ in range(3):
            with pytest.raises(StoreError):
                write_snapshot(database, small.id, SPACE, 1.0)
            assert ask(database, "SELECT count(*) FROM index_chunks") == [(3,)]
    assert write_snapshot(database, small.id, SPACE, 2.0)
    assert ask(database, "SELECT count(*) FROM index_chunks") == [(3,)]


def test_chunks_that_a_reindex_is_writing_are_left_alone(
    database: Database, small: GenerationRow
) -> None:
    other = small_generation(database)
    add(database, small, "a", 2)
    with database.write() as connection:
        under_way = snapshots.add_chunk(connection, other.id, 2, bytes(32), b"being written")
    write_snapshot(database, small.id, SPACE, 1.0)
    with database.read() as connection:
        assert snapshots.chunk(connection, under_way) == (2, bytes(32), b"being written")


def test_other_generations_snapshots_are_left_alone(
    database: Database, small: GenerationRow
) -> None:
    add(database, small, "a", 2)
    write_snapshot(database, small.id, SPACE, 1.0)
    before = stored(database, small)
    other = small_generation(database)
    with database.write() as connection:
        stored_images.record_images(connection, other.id, [image("a", 2)])
    for now in (2.0, 3.0, 4.0):
        by_hand(database, "DELETE FROM snapshots WHERE generation_id = :other", other=other.id)
        write_snapshot(database, other.id, SPACE, now)
    assert stored(database, small) == before
    assert not write_snapshot(database, small.id, SPACE, 5.0)


def test_an_index_follows_across_snapshots_and_pruning(
    database: Database, small: GenerationRow
) -> None:
    index = VectorIndex(small.id, SPACE)
    for number in range(9):
        image_id = add(database, small, f"a{number}", 3)
        write_snapshot(database, small.id, SPACE, float(number))
        if number % 2:
            drop(database, image_id - 1)
        if number % 3 == 2:  # by now the changes since the last refresh have been pruned
            with database.read() as connection:
                index.refresh(connection)
                expected = embeddings.face_ids(connection, small.id)
            np.testing.assert_array_equal(index.ids, expected)
    assert index.rebuilds == 0


def test_damaged_rows_make_no_snapshot(database: Database, small: GenerationRow) -> None:
    add(database, small, "a", 2)
    write_snapshot(database, small.id, SPACE, 1.0)
    before = stored(database, small)
    add(database, small, "b", 2)
    flip_byte(database, "faces", "embedding", 4, 0)
    with pytest.raises(StoreError, match="face 4 does not match its checksum"):
        write_snapshot(database, small.id, SPACE, 2.0)
    assert stored(database, small) == before


def test_a_damaged_snapshot_is_made_anew_from_the_rows(
    database: Database, small: GenerationRow, caplog: pytest.LogCaptureFixture
) -> None:
    add(database, small, "a", 6)
    write_snapshot(database, small.id, SPACE, 1.0)
    [damaged] = stored(database, small)
    flip_byte(database, "index_chunks", "data", damaged.chunk_ids[0], 100)
    add(database, small, "b", 1)
    with caplog.at_level(logging.WARNING):
        assert write_snapshot(database, small.id, SPACE, 2.0)
    assert "index.snapshot_damaged" in caplog.text
    newest = stored(database, small)[0]
    assert ids_by_chunk(database, newest) == [[1, 2, 3, 4], [5, 6, 7]]
    assert not set(newest.chunk_ids) & set(damaged.chunk_ids)
