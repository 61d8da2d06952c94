import threading
import time
import zlib

import numpy as np
import pytest

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import embeddings, generations, stored_images
from index.database.queries.generations import GenerationRow
from index.upkeep import verify as verify_module
from index.upkeep.verify import VerifyResult, repair, verify
from index.vectors import chunks
from index.vectors.snapshot_writer import write_snapshot
from index.vectors.space import Profile, Space
from index.vectors.vector_index import VectorIndex
from ingest.jobs.drain import Drain
from ingest.jobs.worker import Worker
from ingest.watching.scan import Scanner
from tests.fakes import fake_models, save_picture
from tests.index.builders import ask, by_hand, flip_byte
from tests.spaces import UNMEASURED

SPACE = Space.calibrated(UNMEASURED)


class Site:
    """A library of three photos with five faces, twice snapshotted, and hands to damage it."""

    def __init__(self, database: Database, settings: Settings, generation: GenerationRow) -> None:
        self.database = database
        self.settings = settings
        self.generation = generation
        self.scanner = Scanner(database, settings.resolve_roots(), settings.settle_seconds)
        self.worker = Worker(database, settings, generation, fake_models())

    def fill(self) -> None:
        save_picture(self.settings.inbox / "ann.png", 1)
        save_picture(self.settings.inbox / "pair.png", 2, 3)
        self.ingest()
        self.snapshot()
        save_picture(self.settings.inbox / "again.png", 1, 2, seed=1)
        save_picture(self.settings.inbox / "nobody.png")
        self.ingest()
        self.snapshot()

    def ingest(self) -> None:
        self.scanner.scan()
        while self.worker.step():
            pass

    def snapshot(self) -> bool:
        return write_snapshot(self.database, self.generation.id, SPACE, time.time())

    def problems(self) -> list[str]:
        return verify(self.database).problems

    def cure(self) -> None:
        """What reindex --missing-only does, with the fake models."""
        repair(self.database, verify(self.database))
        self.ingest()
        self.snapshot()

    def faces(self) -> int:
        with self.database.read() as connection:
            return len(embeddings.face_ids(connection, self.generation.id))

    def assert_well(self) -> None:
        found = verify(self.database)
        assert (found.problems, found.images, found.snapshots) == ([], set(), set())
        assert found.faces == self.faces() == 5
        index = VectorIndex(self.generation.id, SPACE)
        with self.database.read() as connection:
            index.open(connection)
            ids = embeddings.face_ids(connection, self.generation.id).tolist()
            _, raw = embeddings.embeddings_of(connection, self.generation.id, ids)
        assert index.rebuilds == 0
        np.testing.assert_array_equal(index.vectors(ids), SPACE.unit(raw))


@pytest.fixture
def site(
    database: Database,
    settings: Settings,
    generation: GenerationRow,
    monkeypatch: pytest.MonkeyPatch,
) -> Site:
    monkeypatch.setattr(chunks, "CHUNK_FACES", 2)
    monkeypatch.setattr(verify_module, "CHUNK_FACES", 2)
    made = Site(database, settings, generation)
    made.fill()
    return made


def test_an_empty_database_is_well(database: Database) -> None:
    assert verify(database) == VerifyResult()


def test_an_untouched_library_is_well(site: Site) -> None:
    site.assert_well()


def test_changes_after_the_last_snapshot_are_well(site: Site) -> None:
    save_picture(site.settings.inbox / "new.png", 7)
    (site.settings.inbox / "ann.png").unlink()
    site.ingest()
    with site.database.write() as connection:
        assert stored_images.drop_orphans(connection, time.time()) == 1
    assert site.problems() == []


def test_a_library_without_any_snapshot_yet_is_well(
    database: Database, settings: Settings, generation: GenerationRow
) -> None:
    site = Site(database, settings, generation)
    save_picture(settings.inbox / "ann.png", 1)
    site.ingest()
    assert site.problems() == []


def test_a_mended_library_that_was_well_stays_as_it_was(site: Site) -> None:
    before = ask(site.database, "SELECT id, image_id FROM faces")
    repair(site.database, verify(site.database))
    assert ask(site.database, "SELECT id, image_id FROM faces") == before
    site.assert_well()


def test_a_flipped_byte_in_a_snapshot_is_found_and_cured(site: Site) -> None:
    [(newest,)] = ask(site.database, "SELECT max(id) FROM index_chunks")
    assert isinstance(newest, int)
    flip_byte(site.database, "index_chunks", "data", newest, 60)
    found = verify(site.database)
    assert any("is damaged: a chunk does not match its checksum" in text for text in found.problems)
    assert (found.images, found.snapshots) == (set(), {site.generation.id})
    site.cure()
    site.assert_well()


def test_a_snapshot_deleted_after_pruning_is_found_and_cured(site: Site) -> None:
    by_hand(site.database, "DELETE FROM snapshots")
    problem = "the snapshot is missing, and the changelog does not hold all changes"
    assert site.problems() == [problem]
    site.cure()
    site.assert_well()


def test_a_deleted_newest_snapshot_leaves_the_older_one_with_all_it_needs(site: Site) -> None:
    by_hand(site.database, "DELETE FROM snapshots WHERE id = (SELECT max(id) FROM snapshots)")
    assert site.problems() == []
    site.snapshot()
    site.assert_well()


@pytest.mark.parametrize("face", ["min(id)", "max(id)"])
def test_a_face_row_deleted_by_hand_is_found_and_cured(site: Site, face: str) -> None:
    [(image_id,)] = ask(
        site.database, f"SELECT image_id FROM faces WHERE id = (SELECT {face} FROM faces)"
    )
    by_hand(site.database, f"DELETE FROM faces WHERE id = (SELECT {face} FROM faces)")
    found = verify(site.database)
    assert found.images == {image_id}
    assert any(text.startswith(f"image {image_id} has ") for text in found.problems)
    assert found.snapshots == {site.generation.id}
    site.cure()
    site.assert_well()


def test_a_flipped_embedding_is_found_and_cured(site: Site) -> None:
    flip_byte(site.database, "faces", "embedding", 2, 9)
    found = verify(site.database)
    assert "the vector of face 2 does not match its checksum" in found.problems
    assert len(found.images) == 1
    site.cure()
    site.assert_well()


def test_an_embedding_changed_with_its_checksum_still_differs_from_the_snapshot(
    site: Site,
) -> None:
    other = np.ones(512, "<f4").tobytes()
    sql = "UPDATE faces SET embedding = :data, crc32 = :crc32 WHERE id = 2"
    by_hand(site.database, sql, data=other, crc32=zlib.crc32(other))
    [*problems] = site.problems()
    assert problems
    assert all("its vectors are not those of the rows" in text for text in problems)


def test_an_embedding_of_another_length_is_a_finding_not_a_crash(site: Site) -> None:
    sql = "UPDATE faces SET dim = 256, embedding = substr(embedding, 1, 1024) WHERE id = 2"
    by_hand(site.database, sql)
    assert "the vector of face 2 does not match its checksum" in site.problems()
    site.cure()
    site.assert_well()


def test_a_lost_analysis_is_found_and_cured(site: Site) -> None:
    by_hand(site.database, "DELETE FROM analyses WHERE image_id = 1")
    assert site.problems() == ["image 1 is marked as indexed, but was never analysed"]
    site.cure()
    site.assert_well()


def test_a_phantom_face_is_found_and_cured(site: Site) -> None:
    columns = "image_id, generation_id, x1, y1, x2, y2, probability, landmarks, sharpness, dim"
    columns += ", embedding, crc32, embedding_norm"
    copy = f"INSERT INTO faces ({columns}) SELECT {columns}"
    by_hand(site.database, f"{copy} FROM faces WHERE id = 1")
    assert "image 1 has 2 face rows instead of 1" in site.problems()
    site.cure()
    site.assert_well()


def test_a_reference_to_a_missing_row_is_found(site: Site) -> None:
    raw = site.database._writer.raw_connection()
    try:
        raw.cursor().execute("PRAGMA foreign_keys=OFF")
        raw.cursor().execute("DELETE FROM images WHERE id = 1")
        raw.cursor().execute("PRAGMA foreign_keys=ON")
    finally:
        raw.close()
    assert any("refers to a missing row of images" in text for text in site.problems())


def test_everything_at_once_is_found_and_cured(site: Site) -> None:
    by_hand(site.database, "DELETE FROM faces WHERE id = 1")
    flip_byte(site.database, "faces", "embedding", 3, 0)
    by_hand(site.database, "UPDATE index_chunks SET data = zeroblob(7)")
    assert len(site.problems()) >= 4
    site.cure()
    site.assert_well()


def test_only_the_damaged_photos_are_read_again(site: Site) -> None:
    by_hand(site.database, "DELETE FROM faces WHERE id = 1")
    repair(site.database, verify(site.database))
    pending = ask(site.database, "SELECT path FROM files WHERE state = 'pending'")
    assert [str(path).rsplit("/", 1)[1] for (path,) in pending] == ["ann.png"]


def test_a_snapshot_of_an_older_profile_is_out_of_date_but_no_damage(site: Site) -> None:
    profile = Profile((0.5,) * 512, 0.4)
    with site.database.write() as connection:
        generations.set_profile(connection, site.generation.id, profile.to_json())
    assert site.problems() == []
    write_snapshot(site.database, site.generation.id, Space.calibrated(profile), time.time())
    assert site.problems() == []


def test_the_command_that_verify_names_cures_a_damaged_snapshot(site: Site) -> None:
    by_hand(site.database, "UPDATE index_chunks SET data = zeroblob(7)")
    drain = Drain(site.database, site.settings, threading.Event())
    drain.catch_up(lambda _done, _total: None)
    assert site.problems() == []
