"""Vectors read by row: the same as those of the index, never more than wanted, gone when erased."""

import numpy as np
import pytest

from index.base.errors import StoreError
from index.database.engine import Database
from index.database.queries.embeddings import stored_vectors
from index.database.queries.generations import GenerationRow
from index.vectors.snapshot_writer import write_snapshot
from index.vectors.vector_index import VectorIndex
from index.vectors.vector_rows import VectorRows, is_larger
from tests.index.builders import (
    DIM,
    SPACE,
    by_hand,
    drop_orphans,
    flip_byte,
    image,
    index_file,
)

pytestmark = pytest.mark.engines


def opened(database: Database, generation: GenerationRow, most: int) -> VectorRows:
    rows = VectorRows(generation.id, SPACE, most)
    with database.read() as connection:
        rows.open(connection)
    return rows


def ask(rows: VectorRows, database: Database, *ids: int) -> np.ndarray:
    with database.read() as connection:
        return rows.vectors(connection, ids)


def erase(database: Database, path: str) -> None:
    by_hand(
        database,
        "UPDATE images SET orphaned_at = 1 WHERE id = (SELECT image_id FROM files "
        "WHERE path = :path)",
        path=path,
    )
    by_hand(database, "DELETE FROM files WHERE path = :path", path=path)
    assert drop_orphans(database) == 1


@pytest.fixture
def four(database: Database, small: GenerationRow) -> GenerationRow:
    """Two photos with two faces each: 1, 2 and 3, 4."""
    for number in range(2):
        index_file(database, small.id, f"/{number}", image(str(number), 2))
    return small


def test_they_are_those_of_the_index_whether_read_or_kept(
    database: Database, four: GenerationRow
) -> None:
    index = VectorIndex(four.id, SPACE)
    with database.read() as connection:
        index.open(connection)
    rows = opened(database, four, 10)
    for ids in ([2], [1, 2, 4], [1, 2, 3, 4], []):
        found = ask(rows, database, *ids)
        assert found.shape == (len(ids), DIM)
        np.testing.assert_array_equal(found, index.vectors(ids))


def test_those_that_were_used_longest_ago_are_forgotten_first(
    database: Database, four: GenerationRow
) -> None:
    rows = opened(database, four, 2)
    for ids in ([1, 2], [1], [3]):
        ask(rows, database, *ids)
    assert len(rows) == 2
    by_hand(database, "UPDATE faces SET crc32 = 0")  # whatever is read again is refused
    ask(rows, database, 1, 3)
    with pytest.raises(StoreError, match="checksum"):
        ask(rows, database, 2)


def test_a_question_larger_than_all_that_may_be_kept_keeps_nothing(
    database: Database, four: GenerationRow
) -> None:
    rows = opened(database, four, 2)
    ask(rows, database, 1, 2, 3)
    assert len(rows) == 0


@pytest.mark.parametrize("pruned", [False, True])
def test_a_face_that_was_erased_is_not_kept(
    database: Database, four: GenerationRow, pruned: bool
) -> None:
    rows = opened(database, four, 10)
    ask(rows, database, 1, 2, 3, 4)
    erase(database, "/0")
    if pruned:  # and so is the changelog that tells of it
        for moment in range(3):
            index_file(database, four.id, f"/new{moment}", image(f"new{moment}", 1))
            write_snapshot(database, four.id, SPACE, moment)
    with database.read() as connection:
        rows.refresh(connection)
    assert len(rows) == (0 if pruned else 2)
    with pytest.raises(StoreError, match="disappeared"):
        ask(rows, database, 1)


def test_what_only_an_older_view_shows_is_not_kept(database: Database, four: GenerationRow) -> None:
    """The reader of a long question may still see a face that was erased and dropped."""
    rows = opened(database, four, 10)
    with database.read() as before:
        before.exec_driver_sql("SELECT 1 FROM files")
        erase(database, "/0")
        with database.read() as connection:
            rows.refresh(connection)
        assert rows.vectors(before, [1]).shape == (1, DIM)
    assert len(rows) == 0


def test_a_library_is_larger_by_its_snapshot_or_by_its_rows(
    database: Database, four: GenerationRow
) -> None:
    for _ in range(2):
        with database.read() as connection:
            assert [is_larger(connection, four.id, most) for most in (3, 4)] == [True, False]
        write_snapshot(database, four.id, SPACE, 1.0)


class TestVectorsThatTheCallerHasRead:
    """They come with the faces, in one statement; see faces.whole_faces()."""

    def test_they_are_not_read_again_and_the_others_are(
        self, database: Database, four: GenerationRow
    ) -> None:
        expected = ask(opened(database, four, 10), database, 1, 2, 3, 4)
        with database.read() as connection:
            stored = stored_vectors(connection, four.id, [1, 4])
        by_hand(database, "UPDATE faces SET crc32 = 0 WHERE id IN (1, 4)")  # refused if read again
        rows = opened(database, four, 10)
        with database.read() as connection:
            found = rows.vectors(connection, [1, 2, 3, 4], stored)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(ask(rows, database, 1, 4), expected[[0, 3]])

    def test_damage_is_refused_if_the_face_is_wanted(
        self, database: Database, four: GenerationRow
    ) -> None:
        flip_byte(database, "faces", "embedding", 2, 3)
        rows = opened(database, four, 10)
        with database.read() as connection:
            stored = stored_vectors(connection, four.id, [1, 2])
            assert rows.vectors(connection, [1], stored).shape == (1, DIM)
            with pytest.raises(StoreError, match="face 2 does not match"):
                rows.vectors(connection, [1, 2], stored)
        assert len(rows) == 1
