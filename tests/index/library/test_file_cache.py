"""What answers look up of files: right at every commit, and read once between two of them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event

from index.base.errors import StoreUnavailableError
from index.database.engine import Database
from index.database.kept_connections import KeptConnections
from index.database.queries import generations, sightings, stored_images
from index.database.queries.faces import faces_of
from index.database.queries.files import FileRow
from index.database.queries.generations import GenerationRow
from index.database.states import FileState, GenerationState
from index.library import file_cache
from index.library.file_cache import CachedImage, FileCache, cached_files
from tests.index.builders import (
    by_hand,
    image,
    index_file,
    open_copy,
    sighting,
    signature,
    small_generation,
)

PATHS = ["/a", "/b", "/c", "/none"]


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """What any reader runs from now on, in SQL."""
    ran: list[str] = []

    def trace(connection: Connection) -> None:
        connection.connection.dbapi_connection.set_trace_callback(ran.append)  # type: ignore[union-attr]

    assert isinstance(database._readers, KeptConnections)
    event.listen(database._readers._engine, "begin", trace, insert=True)
    try:
        yield ran
    finally:
        event.remove(database._readers._engine, "begin", trace)


class Seen(NamedTuple):
    """A file, and what is known of its image."""

    row: FileRow
    image: CachedImage | None

    @property
    def faces(self) -> list[int]:
        assert self.image is not None
        return [face.id for face in self.image.faces]


def look(connection: Connection, paths: list[str]) -> dict[str, Seen]:
    found = cached_files(connection, paths)
    rows = {path: found.files[path] for path in paths if path in found.files}
    return {path: Seen(row, found.images.get(row.image_id or 0)) for path, row in rows.items()}


def plain(connection: Connection, paths: list[str]) -> object:
    """All that was found as something that can be compared, which arrays cannot."""
    seen = look(connection, paths)
    images = [file.image for file in seen.values() if file.image is not None]
    flat = [
        (image.is_whole, [(*face[:4], face.landmarks.tolist(), *face[5:]) for face in image.faces])
        for image in images
    ]
    return cached_files(connection, paths).generation, [file.row for file in seen.values()], flat


class TestLookingUp:
    def test_a_file_comes_with_its_row_and_its_faces(
        self, database: Database, small: GenerationRow
    ) -> None:
        two = index_file(database, small.id, "/a", image("two", 2))
        none = index_file(database, small.id, "/b", image("none", 0), version=4)
        with database.read() as connection:
            found = cached_files(connection, PATHS)
            expected = faces_of(connection, small.id, [two])
        assert found.generation == small
        assert sorted(found.files) == ["/a", "/b"]
        assert found.files["/a"] == ("/a", signature(1), FileState.INDEXED, two, None, 0)
        assert found.files["/b"] == ("/b", signature(4), FileState.INDEXED, none, None, 0)
        first, second = found.images[two].faces
        assert first[:4] == expected[0][:4]
        np.testing.assert_array_equal(second.landmarks, expected[1].landmarks)
        assert found.images[none].faces == ()
        assert found.images[two].is_whole
        assert found.images[none].is_whole

    def test_files_of_one_image_have_the_same_faces_each_once(
        self, database: Database, small: GenerationRow
    ) -> None:
        for path in ("/a", "/b"):
            index_file(database, small.id, path, image("same", 3))
        with database.read() as connection:
            found = look(connection, ["/b", "/a"])
        assert found["/a"].image is found["/b"].image
        assert found["/a"].faces == [1, 2, 3]

    def test_an_image_that_lacks_faces_or_was_not_analysed_is_not_whole(
        self, database: Database, small: GenerationRow
    ) -> None:
        for path, faces in (("/a", 2), ("/b", 1)):
            index_file(database, small.id, path, image(path, faces))
        by_hand(database, "DELETE FROM faces WHERE id = 2")
        by_hand(database, "DELETE FROM analyses WHERE image_id = 2")
        with database.read() as connection:
            found = look(connection, PATHS)
        assert [file.image is not None and file.image.is_whole for file in found.values()] == [
            False,
            False,
        ]

    def test_a_file_that_is_not_indexed_has_its_state_and_reason(
        self, database: Database, small: GenerationRow
    ) -> None:
        index_file(database, small.id, "/a", image("a"))
        with database.write() as connection:
            sightings.record(connection, [sighting("/a", 2), sighting("/b", refusal="a link")])
        with database.read() as connection:
            found = look(connection, PATHS)
        assert found["/a"].row.state is FileState.PENDING
        assert (found["/b"].row.state, found["/b"].row.error) == (FileState.FAILED, "a link")

    def test_faces_are_those_of_the_active_generation(
        self, database: Database, small: GenerationRow
    ) -> None:
        other = small_generation(database, GenerationState.BUILDING)
        index_file(database, small.id, "/a", image("a"))
        with database.write() as connection:
            stored_images.record_images(connection, other.id, [image("a", 2)])
        with database.read() as connection:
            assert len(look(connection, ["/a"])["/a"].faces) == 1
        with database.write() as connection:
            generations.switch(connection, other.id)
        with database.read() as connection:
            active = cached_files(connection, ["/a"]).generation
            assert len(look(connection, ["/a"])["/a"].faces) == 2
        assert active is not None
        assert active.id == other.id

    def test_before_anything_was_indexed_there_are_rows_without_faces(
        self, database: Database
    ) -> None:
        with database.write() as connection:
            sightings.record(connection, [sighting("/a")])
        with database.read() as connection:
            found = cached_files(connection, PATHS)
        assert found.generation is None
        assert list(found.files) == ["/a"]
        assert found.images == {}


class TestKeeping:
    def test_what_was_looked_up_is_not_read_again_while_nobody_commits(
        self, database: Database, small: GenerationRow
    ) -> None:
        for path in ("/a", "/b"):
            index_file(database, small.id, path, image(path))
        with database.read() as connection:
            first = look(connection, ["/a"])
        with statements(database) as ran:
            with database.read() as connection:
                again = look(connection, ["/a"])
            assert not [sql for sql in ran if "SELECT" in sql]
            with database.read() as connection:
                both = look(connection, ["/b", "/a"])
            files, faces = [sql for sql in ran if "SELECT" in sql]
        assert "'/b'" in files
        assert "'/a'" not in files
        assert "FROM analyses" in faces
        assert again["/a"].image is both["/a"].image is first["/a"].image

    def test_a_commit_in_between_is_seen_by_the_next_transaction_and_not_by_this_one(
        self, database: Database, small: GenerationRow
    ) -> None:
        index_file(database, small.id, "/a", image("one", 1))
        with database.read() as connection:
            assert len(look(connection, ["/a"])["/a"].faces) == 1
        with database.read() as connection:
            assert len(look(connection, ["/a"])["/a"].faces) == 1
            index_file(database, small.id, "/a", image("two", 2), version=2)
            index_file(database, small.id, "/b", image("three", 3))
            assert len(look(connection, ["/a"])["/a"].faces) == 1
            assert "/b" not in look(connection, ["/a", "/b"])
        with database.read() as connection:
            found = look(connection, ["/a", "/b"])
        assert [len(file.faces) for file in found.values()] == [2, 3]

    def test_no_more_is_kept_than_a_limit(
        self, database: Database, small: GenerationRow, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(file_cache, "MAX_KEPT", 6)
        for number, path in enumerate(PATHS):
            index_file(database, small.id, path, image(path, number))
        with statements(database) as ran, database.read() as connection:
            for number, path in enumerate(PATHS):  # 1, 2, 3 and 4 files and faces
                assert len(look(connection, [path])[path].faces) == number
                assert (FileCache in connection.info) == (number < 3)
            found = look(connection, PATHS)
            assert [len(file.faces) for file in found.values()] == [0, 1, 2, 3]
            assert FileCache not in connection.info  # all at once are more than may be kept
        assert len([sql for sql in ran if "FROM files" in sql]) == 5

    def test_a_look_up_that_broke_off_leaves_nothing_behind(
        self, database: Database, small: GenerationRow, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        index_file(database, small.id, "/a", image("a"))

        def fail(*_: object) -> None:
            raise StoreUnavailableError("the disk fails")

        with database.read() as connection, monkeypatch.context() as patch:
            patch.setattr(file_cache, "whole_faces", fail)
            with pytest.raises(StoreUnavailableError):
                look(connection, ["/a"])
        with database.read() as connection:
            assert look(connection, ["/a"])["/a"].faces == [1]

    def test_copies_of_a_group_photo_share_its_faces(
        self, database: Database, small: GenerationRow
    ) -> None:
        """Else a thousand names of one photo of two hundred would take a gigabyte."""
        for number in range(20):
            index_file(database, small.id, f"/copy-{number}", image("group", 30))
        with database.read() as connection:
            found = cached_files(connection, [f"/copy-{number}" for number in range(20)])
        assert (len(found.files), len(found.images), found.size) == (20, 1, 50)


CHANGES = st.sampled_from(["index", "change", "forget", "lose a face", "activate", "nothing"])


@given(
    st.lists(
        st.tuples(
            CHANGES,
            st.sampled_from(PATHS[:3]),
            st.integers(0, 2),
            st.integers(0, 1),
            st.lists(st.sampled_from(PATHS), min_size=1, max_size=4, unique=True),
        ),
        min_size=1,
        max_size=25,
    )
)
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
)
def test_old_connections_always_find_what_a_new_one_does(
    steps: list[tuple[str, str, int, int, list[str]]],
) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        database = stack.enter_context(open_copy(folder / "library.db"))
        both = [small_generation(database), small_generation(database, GenerationState.BUILDING)]
        old = [stack.enter_context(database._readers.connect()) for _ in range(2)]
        for version, (change, path, number, which, paths) in enumerate(steps):
            if change == "index":
                index_file(database, both[which].id, path, image(str(number), number), version)
            elif change == "activate":
                with database.write() as connection:
                    generations.switch(connection, both[1].id)
                both = [both[1], small_generation(database, GenerationState.BUILDING)]
            elif change == "change":
                with database.write() as connection:
                    sightings.record(connection, [sighting(path, 1000 + version)])
            elif change == "forget":
                with database.write() as connection:
                    sightings.forget(connection, path, 0.0)
                    stored_images.drop_orphans(connection, 1.0)
            elif change == "lose a face":
                by_hand(database, "DELETE FROM faces WHERE id = (SELECT max(id) FROM faces)")
            with Database(database.path) as new, new.read() as connection:
                expected = plain(connection, paths)
            for connection in old if number else old[:1]:  # one of them may miss some commits
                with connection.begin():
                    assert plain(connection, paths) == expected
