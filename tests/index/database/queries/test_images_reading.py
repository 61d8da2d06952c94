"""What is read back of images and faces, and which of them a new generation still lacks."""

import hashlib

import pytest

from index.base.errors import StoreError
from index.database.engine import Database
from index.database.queries import analyses, embeddings, generations, sightings, stored_images
from index.database.queries.faces import FEW_FACES, faces_of, whole_faces
from index.database.queries.generations import GenerationRow
from index.database.states import GenerationState
from index.vectors.snapshot_writer import write_snapshot
from tests.index.builders import (
    DIM,
    SPACE,
    ask,
    by_hand,
    count,
    flip_byte,
    image,
    index_file,
    small_generation,
)

pytestmark = pytest.mark.engines


class TestCounting:
    def test_images_that_lack_faces_are_damaged_and_those_without_any_are_not(
        self, database: Database, small: GenerationRow
    ) -> None:
        names = {
            name: index_file(database, small.id, f"/{name}", image(name, faces))
            for name, faces in {"whole": 2, "none": 0, "lacks": 3, "lost": 1}.items()
        }
        by_hand(
            database, "DELETE FROM faces WHERE image_id = :id AND id % 2 = 1", id=names["lacks"]
        )
        by_hand(database, "DELETE FROM analyses WHERE image_id = :id", id=names["lost"])
        images = set(names.values())
        with database.read() as connection:
            faces, damaged = whole_faces(connection, small.id, sorted(images))
            assert damaged == [names["lacks"], names["lost"]]
            [(wrong, expected, present)] = analyses.miscounted_images(connection, small.id)
            assert (wrong, expected) == (names["lacks"], 3)
            assert 0 < present < 3
            assert analyses.unanalysed_images(connection, small.id) == [names["lost"]]
            assert analyses.face_counts(connection, small.id, sorted(images)) == {
                names["whole"]: 2,
                names["none"]: 0,
                names["lacks"]: 3,
            }
            assert analyses.totals(connection, small.id) == {
                "images": 3,
                "faceless_images": 1,
                "faces": len(faces) + 1,  # the face of the image whose analysis is lost
            }

    def test_thousands_of_images_are_looked_up_at_once(
        self, database: Database, small: GenerationRow
    ) -> None:
        with database.write() as connection:
            new = [image(str(number)) for number in range(950)]
            images = list(stored_images.record_images(connection, small.id, new).values())
            faces, damaged = whole_faces(connection, small.id, images)
            assert [face.image_id for face in faces] == images
            assert damaged == []
            assert set(analyses.face_counts(connection, small.id, images).values()) == {1}
            ids, raw = embeddings.embeddings_of(connection, small.id, [face.id for face in faces])
        assert (len(ids), raw.shape) == (950, (950, DIM))


class TestFacesWithTheirVectors:
    def test_vectors_come_with_the_faces_of_small_groups_only(
        self, database: Database, small: GenerationRow
    ) -> None:
        few, many, none = (
            index_file(database, small.id, f"/{faces}", image(str(faces), faces))
            for faces in (FEW_FACES, FEW_FACES + 1, 0)
        )
        lost = index_file(database, small.id, "/lost", image("lost", 1))
        by_hand(database, "DELETE FROM faces WHERE image_id = :id", id=lost)
        images = [few, many, none, lost]
        vectors: embeddings.StoredVectors = {}
        with database.read() as connection:
            found = whole_faces(connection, small.id, images, vectors)
            plain = whole_faces(connection, small.id, images)
            ids = [face.id for face in plain[0]]
            assert vectors == embeddings.stored_vectors(connection, small.id, ids[:FEW_FACES])
        assert [face.id for face in found[0]] == ids
        assert len(ids) == 2 * FEW_FACES + 1
        assert found[1] == plain[1] == [lost]


class TestChecksums:
    def test_a_changed_vector_is_refused_by_name(
        self, database: Database, small: GenerationRow
    ) -> None:
        image_id = index_file(database, small.id, "/a", image("a", 3))
        flip_byte(database, "faces", "embedding", 2, 7)
        with database.read() as connection:
            assert list(embeddings.damaged_faces(connection, small.id, 2)) == [(2, image_id)]
            assert embeddings.embeddings_of(connection, small.id, [1, 3])[0] == [1, 3]
            with pytest.raises(StoreError, match="face 2 does not match"):
                embeddings.embeddings_of(connection, small.id, [1, 2])
            with pytest.raises(StoreError, match="face 2 does not match"):
                list(embeddings.iterate_embeddings(connection, small.id, 2))
            assert embeddings.embeddings_of(connection, small.id, [1, 2], check=False)[0] == [1, 2]

    def test_vectors_come_by_ascending_id_and_missing_ones_are_left_out(
        self, database: Database, small: GenerationRow
    ) -> None:
        index_file(database, small.id, "/a", image("a", 3))
        with database.read() as connection:
            assert embeddings.embeddings_of(connection, small.id, [3, 1, 99])[0] == [1, 3]
            assert embeddings.embeddings_of(connection, small.id, [])[0] == []
            assert embeddings.embeddings_of(connection, small.id + 1, [1])[0] == []
            batches = [ids for ids, _ in embeddings.iterate_embeddings(connection, small.id, 2)]
            assert embeddings.face_ids(connection, small.id).tolist() == [1, 2, 3]
        assert batches == [[1, 2], [3]]


class TestSwitchingGenerations:
    def test_only_what_the_new_one_has_not_analysed_is_missing(
        self, database: Database, small: GenerationRow
    ) -> None:
        images = [index_file(database, small.id, f"/{n}", image(str(n))) for n in range(4)]
        with database.write() as connection:
            sightings.forget(connection, "/0", 1000.0)  # no file has it any more
            other = generations.create(
                connection,
                model_id="new",
                model="new",
                profile="{}",
                state=GenerationState.BUILDING,
                now=1.0,
            )
            stored_images.record_images(connection, other.id, [image("2")])
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
            stored_images.record_images(connection, other.id, [image("a", 2)])
            assert generations.active(connection) == small
            assert generations.switch(connection, other.id) == small.id
            assert generations.active(connection) == other
            assert generations.building(connection) is None
            assert generations.retired(connection) == [small]
            assert [f.id for f in faces_of(connection, other.id, [image_id])] == [5, 6]
            with pytest.raises(StoreError, match="active already"):
                generations.switch(connection, other.id)
        steps = 0
        with database.write() as connection:
            while generations.remove_some(connection, small, 3):
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
