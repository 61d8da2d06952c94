"""Images and faces in the database: recorded once, linked to files, dropped with the last one."""

import hashlib
import zlib

import numpy as np
import pytest

from index.database.engine import Database
from index.database.queries import changelog, embeddings, sightings, stored_images
from index.database.queries.faces import faces_by_id, faces_of, stored_faces
from index.database.queries.generations import GenerationRow
from index.database.queries.stored_images import NewFace, NewImage
from index.database.states import GenerationState
from tests.index.builders import (
    DIM,
    ask,
    by_hand,
    claim_all,
    count,
    drop_orphans,
    image,
    index_file,
    sighting,
    small_generation,
)

pytestmark = pytest.mark.engines

NOW = 1000.0


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

    def test_of_a_batch_only_what_is_new_is_stored_in_order(
        self, database: Database, small: GenerationRow
    ) -> None:
        known = index_file(database, small.id, "/a", image("known", 1))
        batch = [image("b", 2), image("known", 1), image("none", 0), image("b", 2), image("c", 1)]
        with database.write() as connection:
            ids = stored_images.record_images(connection, small.id, batch)
            assert stored_images.record_images(connection, small.id, []) == {}
            faces = faces_of(connection, small.id, list(ids.values()))
            changes = changelog.changes_since(connection, small.id, 0)
        assert list(ids) == [
            hashlib.sha256(name).digest() for name in (b"b", b"known", b"none", b"c")
        ]
        b, again, _, c = ids.values()
        assert again == known
        assert [face.image_id for face in faces] == [known, b, b, c]
        assert [face_id for _, face_id, _ in changes] == [face.id for face in faces]
        assert ask(database, "SELECT face_count FROM analyses ORDER BY image_id") == [
            (1,),
            (2,),
            (0,),
            (1,),
        ]

    def test_a_face_comes_back_as_it_was_stored(
        self, database: Database, small: GenerationRow
    ) -> None:
        embedding = np.linspace(-1, 1, DIM, dtype=np.float32)
        points = np.arange(10, dtype=np.float32).reshape(5, 2)
        face = NewFace((-1.5, 2.25, 30.5, 40.75), 0.875, points, 12.5, embedding)
        image_id = index_file(database, small.id, "/a", NewImage(bytes(32), (640, 480), [face]))
        with database.read() as connection:
            [row] = faces_of(connection, small.id, [image_id])
            ids, raw = embeddings.embeddings_of(connection, small.id, [row.id])
        assert (row.image_id, row.box, row.probability) == (image_id, face.box, 0.875)
        assert (row.sharpness, row.image_size) == (12.5, (640, 480))
        np.testing.assert_array_equal(row.landmarks, points)
        assert ids == [row.id]
        np.testing.assert_array_equal(raw, embedding[None])

    def test_the_length_of_a_vector_is_stored_beside_it(
        self, database: Database, small: GenerationRow
    ) -> None:
        content = image("a", 3)
        content.faces[2].embedding[:] *= np.float32(1000)
        expected = [float(np.linalg.norm(face.embedding.astype("f8"))) for face in content.faces]
        image_id = index_file(database, small.id, "/a", content)
        with database.read() as connection:
            of_image = faces_of(connection, small.id, [image_id])
            by_id = faces_by_id(connection, small.id, [face.id for face in of_image])
        assert [face.embedding_norm for face in of_image] == expected
        assert [face.embedding_norm for face in by_id] == expected
        assert expected[2] > 1000

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
            stored_images.drop_analyses(connection, [1])
            sightings.forget(connection, "/a", NOW)
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
            assert stored_images.known_images(connection, small.id, many) == {digest: image_id}
            assert stored_images.known_images(connection, other.id, many) == {}

    def test_stored_faces_are_found_by_content_unless_damaged(
        self, database: Database, small: GenerationRow
    ) -> None:
        index_file(database, small.id, "/a", image("a", 2))
        index_file(database, small.id, "/none", image("none", 0))
        digest = hashlib.sha256(b"a").digest()
        with database.read() as connection:
            found = stored_faces(connection, small.id, digest)
            assert found is not None
            for (face, size), original in zip(found, image("a", 2).faces, strict=True):
                np.testing.assert_array_equal(face.embedding, original.embedding)
                assert size == (640, 480)
            none = hashlib.sha256(b"none").digest()
            assert stored_faces(connection, small.id, none) == []
            assert stored_faces(connection, small.id, bytes(32)) is None
        by_hand(database, "DELETE FROM faces WHERE id = 2")
        with database.read() as connection:
            assert stored_faces(connection, small.id, digest) is None


class TestLinking:
    def test_a_file_that_changed_in_hand_is_not_linked_and_its_image_is_an_orphan(
        self, database: Database, small: GenerationRow
    ) -> None:
        with database.write() as connection:
            sightings.record(connection, [sighting("/a")])
            claim = claim_all(connection)["/a"]
            sightings.record(connection, [sighting("/a", 2)])
            [image_id] = stored_images.record_images(connection, small.id, [image("a")]).values()
            assert not stored_images.link_files(connection, {claim: image_id}, NOW)
        assert ask(database, "SELECT orphaned_at FROM images") == [(NOW,)]
        assert drop_orphans(database) == 1

    def test_of_a_batch_the_files_that_did_not_change_are_linked(
        self, database: Database, small: GenerationRow
    ) -> None:
        with database.write() as connection:
            sightings.record(connection, [sighting("/a"), sighting("/b"), sighting("/c")])
            claims = claim_all(connection)
            sightings.record(connection, [sighting("/b", 2)])
            ids = stored_images.record_images(connection, small.id, map(image, "abc"))
            found = dict(zip((claims["/a"], claims["/b"], claims["/c"]), ids.values(), strict=True))
            assert stored_images.link_files(connection, found, NOW) == 2
            assert stored_images.link_files(connection, {}, NOW) == 0
        assert ask(database, "SELECT path, state FROM files ORDER BY path") == [
            ("/a", "indexed"),
            ("/b", "pending"),
            ("/c", "indexed"),
        ]
        assert ask(database, "SELECT orphaned_at FROM images ORDER BY id") == [
            (None,),
            (NOW,),
            (None,),
        ]

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
            sightings.record(connection, [sighting("/a", 2)])
            claim = claim_all(connection)["/a"]
            assert stored_images.unlink_file(connection, claim, "no image", None, NOW)
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
                sightings.forget(connection, f"/{number}", NOW + number)
        index_file(database, small.id, "/kept", image("kept"))
        assert drop_orphans(database, NOW - 1) == 0
        assert drop_orphans(database, NOW) == 1
        with database.write() as connection:
            assert stored_images.drop_orphans(connection, 1e12, limit=2) == 2
        assert drop_orphans(database) == 1
        assert drop_orphans(database) == 0
        assert (count(database, "images"), count(database, "faces")) == (1, 1)

    def test_an_image_that_found_a_file_again_is_kept(
        self, database: Database, small: GenerationRow
    ) -> None:
        image_id = index_file(database, small.id, "/a", image("a"))
        with database.write() as connection:
            sightings.forget(connection, "/a", NOW)
        assert index_file(database, small.id, "/moved", image("a")) == image_id
        assert drop_orphans(database) == 0

    def test_the_index_is_told_of_every_face_of_every_generation(
        self, database: Database, small: GenerationRow
    ) -> None:
        other = small_generation(database, GenerationState.BUILDING)
        image_id = index_file(database, small.id, "/a", image("a", 2))
        with database.write() as connection:
            stored_images.record_images(connection, other.id, [image("a", 1)])
            stored_images.drop_analyses(connection, [image_id])
            assert changelog.changes_since(connection, small.id, 2) == [
                (4, 1, False),
                (5, 2, False),
            ]
            assert changelog.changes_since(connection, other.id, 3) == [(6, 3, False)]
            assert changelog.newest_change(connection, small.id) == 5
            assert changelog.last_position(connection, small.id) == 5
            assert changelog.last_position(connection, 99) == 0
        assert (count(database, "faces"), count(database, "analyses")) == (0, 0)
        assert count(database, "images") == 1

    def test_any_number_of_images_can_be_dropped_at_once(
        self, database: Database, small: GenerationRow
    ) -> None:
        image_id = index_file(database, small.id, "/a", image("a"))
        with database.write() as connection:
            stored_images.drop_analyses(connection, [image_id, *range(1000, 301_000)])
        assert count(database, "faces") == 0
