import hashlib
import zlib

import numpy as np
import pytest

from index.database import Database
from index.errors import StoreError
from index.schema import GenerationState
from index.snapshots import write_snapshot
from index.store import generations, library, queue
from index.store.generations import GenerationRow
from index.store.library import NewFace, NewImage
from tests.index.builders import (
    DIM,
    SPACE,
    ask,
    by_hand,
    claim_all,
    flip_byte,
    image,
    index_file,
    sighting,
    small_generation,
)

NOW = 1000.0


def count(database: Database, table: str) -> int:
    number = ask(database, f"SELECT count(*) FROM {table}")[0][0]
    assert isinstance(number, int)
    return number


def drop_orphans(database: Database, before: float = 1e12) -> int:
    with database.write() as connection:
        return library.drop_orphans(connection, before)


class TestRecording:
    def test_the_same_content_twice_is_stored_once(
        self, database: Database, small: GenerationRow
    ) -> None:
        first = index_file(database, small.id, "/a", image("same", 2))
        second = index_file(database, small.id, "/b", image("same", 2))
        index_file(database, small.id, "/c", image("other", 1))
        assert first == second
        assert (count(database, "images"), count(database, "faces")) == (2, 3)
        assert (count(database, "analyses"), count(database, "changelog")) == (2, 3)

    def test_a_face_comes_back_as_it_was_stored(
        self, database: Database, small: GenerationRow
    ) -> None:
        embedding = np.linspace(-1, 1, DIM, dtype=np.float32)
        points = np.arange(10, dtype=np.float32).reshape(5, 2)
        face = NewFace((-1.5, 2.25, 30.5, 40.75), 0.875, points, 12.5, embedding)
        image_id = index_file(database, small.id, "/a", NewImage(bytes(32), (640, 480), [face]))
        with database.read() as connection:
            [row] = library.faces_of(connection, small.id, [image_id])
            ids, raw = library.embeddings(connection, small.id, [row.id])
        assert (row.image_id, row.box, row.probability) == (image_id, face.box, 0.875)
        assert (row.sharpness, row.image_size) == (12.5, (640, 480))
        np.testing.assert_array_equal(row.landmarks, points)
        assert ids == [row.id]
        np.testing.assert_array_equal(raw, embedding[None])

    def test_vectors_are_stored_little_endian_under_their_crc32(
        self, database: Database, small: GenerationRow
    ) -> None:
        swapped = image("a").faces[0].embedding.astype(">f4")
        face = NewFace((0, 0, 1, 1), 0.9, np.zeros((5, 2), np.float32), 1.0, swapped)
        index_file(database, small.id, "/a", NewImage(bytes(32), (1, 1), [face]))
        [(dim, blob, crc32)] = ask(database, "SELECT dim, embedding, crc32 FROM faces")
        assert blob == swapped.astype("<f4").tobytes()
        assert (dim, crc32) == (DIM, zlib.crc32(swapped.astype("<f4").tobytes()))

    def test_face_ids_are_never_used_again(self, database: Database, small: GenerationRow) -> None:
        index_file(database, small.id, "/a", image("a", 3))
        with database.write() as connection:
            library.drop_analyses(connection, [1])
            queue.forget(connection, "/a", NOW)
        drop_orphans(database)
        index_file(database, small.id, "/a", image("a", 1))
        assert ask(database, "SELECT id, image_id FROM faces") == [(4, 2)]

    def test_content_known_to_one_generation_is_not_known_to_another(
        self, database: Database, small: GenerationRow
    ) -> None:
        other = small_generation(database, GenerationState.BUILDING)
        image_id = index_file(database, small.id, "/a", image("a"))
        digest = hashlib.sha256(b"a").digest()
        many = [digest, *(bytes([n % 256, n // 256]) * 16 for n in range(2000))]
        with database.read() as connection:
            assert library.known_images(connection, small.id, many) == {digest: image_id}
            assert library.known_images(connection, other.id, many) == {}

    def test_stored_faces_are_found_by_content_unless_damaged(
        self, database: Database, small: GenerationRow
    ) -> None:
        index_file(database, small.id, "/a", image("a", 2))
        index_file(database, small.id, "/none", image("none", 0))
        digest = hashlib.sha256(b"a").digest()
        with database.read() as connection:
            found = library.stored_faces(connection, small.id, digest)
            assert found is not None
            for (face, size), original in zip(found, image("a", 2).faces, strict=True):
                np.testing.assert_array_equal(face.embedding, original.embedding)
                assert size == (640, 480)
            none = hashlib.sha256(b"none").digest()
            assert library.stored_faces(connection, small.id, none) == []
            assert library.stored_faces(connection, small.id, bytes(32)) is None
        by_hand(database, "DELETE FROM faces WHERE id = 2")
        with database.read() as connection:
            assert library.stored_faces(connection, small.id, digest) is None


class TestLinking:
    def test_a_file_that_changed_in_hand_is_not_linked_and_its_image_is_an_orphan(
        self, database: Database, small: GenerationRow
    ) -> None:
        with database.write() as connection:
            queue.note(connection, [sighting("/a")])
            claim = claim_all(connection)["/a"]
            queue.note(connection, [sighting("/a", 2)])
            image_id = library.record_image(connection, small.id, image("a"))
            assert not library.link_file(connection, claim, image_id, NOW)
        assert ask(database, "SELECT orphaned_at FROM images") == [(NOW,)]
        assert drop_orphans(database) == 1

    def test_an_overwritten_file_lets_go_of_its_old_image(
        self, database: Database, small: GenerationRow
    ) -> None:
        old = index_file(database, small.id, "/a", image("old"))
        new = index_file(database, small.id, "/a", image("new"), version=2)
        assert ask(database, "SELECT image_id FROM files") == [(new,)]
        assert drop_orphans(database) == 1
        assert ask(database, "SELECT id FROM images") == [(new,)] != [(old,)]

    def test_a_file_that_became_unreadable_lets_go_of_its_old_image(
        self, database: Database, small: GenerationRow
    ) -> None:
        index_file(database, small.id, "/a", image("a"))
        with database.write() as connection:
            queue.note(connection, [sighting("/a", 2)])
            claim = claim_all(connection)["/a"]
            assert library.unlink_file(connection, claim, "no image", None, NOW)
        assert ask(database, "SELECT state, image_id, error FROM files") == [
            ("failed", None, "no image")
        ]
        assert drop_orphans(database) == 1


class TestDropping:
    def test_only_orphans_older_than_asked_go_and_not_more_than_the_limit(
        self, database: Database, small: GenerationRow
    ) -> None:
        for number in range(4):
            index_file(database, small.id, f"/{number}", image(str(number), 2))
            with database.write() as connection:
                queue.forget(connection, f"/{number}", NOW + number)
        index_file(database, small.id, "/kept", image("kept"))
        assert drop_orphans(database, NOW - 1) == 0
        assert drop_orphans(database, NOW) == 1
        with database.write() as connection:
            assert library.drop_orphans(connection, 1e12, limit=2) == 2
        assert drop_orphans(database) == 1
        assert drop_orphans(database) == 0
        assert (count(database, "images"), count(database, "faces")) == (1, 1)

    def test_an_image_that_found_a_file_again_is_kept(
        self, database: Database, small: GenerationRow
    ) -> None:
        image_id = index_file(database, small.id, "/a", image("a"))
        with database.write() as connection:
            queue.forget(connection, "/a", NOW)
        assert index_file(database, small.id, "/moved", image("a")) == image_id
        assert drop_orphans(database) == 0

    def test_the_index_is_told_of_every_face_of_every_generation(
        self, database: Database, small: GenerationRow
    ) -> None:
        other = small_generation(database, GenerationState.BUILDING)
        image_id = index_file(database, small.id, "/a", image("a", 2))
        with database.write() as connection:
            library.record_image(connection, other.id, image("a", 1))
            library.drop_analyses(connection, [image_id])
            assert library.changes_since(connection, small.id, 2) == [(4, 1, False), (5, 2, False)]
            assert library.changes_since(connection, other.id, 3) == [(6, 3, False)]
            assert library.newest_change(connection, small.id) == 5
        assert (count(database, "faces"), count(database, "analyses")) == (0, 0)
        assert count(database, "images") == 1

    def test_any_number_of_images_can_be_dropped_at_once(
        self, database: Database, small: GenerationRow
    ) -> None:
        image_id = index_file(database, small.id, "/a", image("a"))
        with database.write() as connection:
            library.drop_analyses(connection, [image_id, *range(1000, 301_000)])
        assert count(database, "faces") == 0


class TestCounting:
    def test_images_that_lack_faces_are_damaged_and_those_without_any_are_not(
        self, database: Database, small: GenerationRow
    ) -> None:
        names = {
            name: index_file(database, small.id, f"/{name}", image(name, faces))
            for name, faces in {"whole": 2, "none": 0, "lacks": 3, "lost": 1}.items()
        }
        by_hand(database, "DELETE FROM faces WHERE image_id = :id AND id % 2", id=names["lacks"])
        by_hand(database, "DELETE FROM analyses WHERE image_id = :id", id=names["lost"])
        images = set(names.values())
        with database.read() as connection:
            faces, damaged = library.whole_faces(connection, small.id, sorted(images))
            assert damaged == [names["lacks"], names["lost"]]
            [(wrong, expected, present)] = library.miscounted_images(connection, small.id)
            assert (wrong, expected) == (names["lacks"], 3)
            assert 0 < present < 3
            assert library.unanalysed_images(connection, small.id) == [names["lost"]]
            assert library.face_counts(connection, small.id, sorted(images)) == {
                names["whole"]: 2,
                names["none"]: 0,
                names["lacks"]: 3,
            }
            assert library.faceless(connection, sorted(images)) == {names["none"]}
            assert library.totals(connection, small.id) == {
                "images": 3,
                "faceless_images": 1,
                "faces": len(faces) + 1,  # the face of the image whose analysis is lost
            }

    def test_without_a_generation_nothing_is_faceless(self, database: Database) -> None:
        with database.read() as connection:
            assert library.faceless(connection, [1]) == set()

    def test_thousands_of_images_are_looked_up_at_once(
        self, database: Database, small: GenerationRow
    ) -> None:
        with database.write() as connection:
            images = [
                library.record_image(connection, small.id, image(str(number)))
                for number in range(950)
            ]
            faces, damaged = library.whole_faces(connection, small.id, images)
            assert [face.image_id for face in faces] == images
            assert damaged == []
            assert set(library.face_counts(connection, small.id, images).values()) == {1}
            ids, raw = library.embeddings(connection, small.id, [face.id for face in faces])
        assert (len(ids), raw.shape) == (950, (950, DIM))


class TestChecksums:
    def test_a_changed_vector_is_refused_by_name(
        self, database: Database, small: GenerationRow
    ) -> None:
        image_id = index_file(database, small.id, "/a", image("a", 3))
        flip_byte(database, "faces", "embedding", 2, 7)
        with database.read() as connection:
            assert list(library.damaged_faces(connection, small.id, 2)) == [(2, image_id)]
            assert library.embeddings(connection, small.id, [1, 3])[0] == [1, 3]
            with pytest.raises(StoreError, match="face 2 does not match"):
                library.embeddings(connection, small.id, [1, 2])
            with pytest.raises(StoreError, match="face 2 does not match"):
                list(library.iterate_embeddings(connection, small.id, 2))
            assert library.embeddings(connection, small.id, [1, 2], check=False)[0] == [1, 2]

    def test_vectors_come_by_ascending_id_and_missing_ones_are_left_out(
        self, database: Database, small: GenerationRow
    ) -> None:
        index_file(database, small.id, "/a", image("a", 3))
        with database.read() as connection:
            assert library.embeddings(connection, small.id, [3, 1, 99])[0] == [1, 3]
            assert library.embeddings(connection, small.id, [])[0] == []
            assert library.embeddings(connection, small.id + 1, [1])[0] == []
            batches = [ids for ids, _ in library.iterate_embeddings(connection, small.id, 2)]
            assert library.face_ids(connection, small.id).tolist() == [1, 2, 3]
        assert batches == [[1, 2], [3]]


class TestSwitchingGenerations:
    def test_only_what_the_new_one_has_not_analysed_is_missing(
        self, database: Database, small: GenerationRow
    ) -> None:
        images = [index_file(database, small.id, f"/{n}", image(str(n))) for n in range(4)]
        with database.write() as connection:
            queue.forget(connection, "/0", NOW)  # no file has it any more
            other = generations.create(
                connection,
                model_id="new",
                weights="new",
                profile="{}",
                state=GenerationState.BUILDING,
                now=1.0,
            )
            library.record_image(connection, other.id, image("2"))
            assert generations.building(connection) == other
            assert generations.progress(connection, other.id) == (1, 3)
            missing = generations.missing_images(connection, other.id, 0, 10)
            assert missing == [(images[n], hashlib.sha256(b"%d" % n).digest()) for n in (1, 3)]
            assert generations.missing_images(connection, other.id, 0, 1) == missing[:1]
            assert generations.missing_images(connection, other.id, images[1], 9) == missing[1:]

    def test_answers_come_from_the_new_one_and_the_old_one_can_be_taken_away(
        self, database: Database, small: GenerationRow
    ) -> None:
        other = small_generation(database, GenerationState.BUILDING)
        image_id = index_file(database, small.id, "/a", image("a", 3))
        write_snapshot(database, small.id, SPACE, 1.0)
        index_file(database, small.id, "/b", image("b", 1))
        with database.write() as connection:
            library.record_image(connection, other.id, image("a", 2))
            assert generations.active(connection) == small
            assert generations.switch(connection, other.id) == small.id
            assert generations.active(connection) == other
            assert generations.building(connection) is None
            assert generations.retired(connection) == [small.id]
            assert [f.id for f in library.faces_of(connection, other.id, [image_id])] == [5, 6]
            with pytest.raises(StoreError, match="active already"):
                generations.switch(connection, other.id)
        steps = 0
        with database.write() as connection:
            while generations.remove_some(connection, small.id, 3):
                steps += 1
        assert steps == 2
        for table in ("faces", "analyses", "changelog", "snapshots", "index_chunks"):
            left = f"SELECT DISTINCT generation_id FROM {table}"
            assert {row[0] for row in ask(database, left)} <= {other.id}, table
        assert ask(database, "SELECT id FROM generations") == [(other.id,)]
        assert count(database, "files") == 2

    def test_the_first_generation_replaces_none(self, database: Database) -> None:
        first = small_generation(database, GenerationState.BUILDING)
        with database.write() as connection:
            assert generations.active(connection) is None
            assert generations.switch(connection, first.id) is None
            assert generations.active(connection) == first

    def test_a_profile_can_be_replaced(self, database: Database, small: GenerationRow) -> None:
        with database.write() as connection:
            generations.set_profile(connection, small.id, '{"new": 1}')
            found = generations.active(connection)
        assert found is not None
        assert found.profile == '{"new": 1}'
