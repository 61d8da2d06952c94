"""The follower over a real database: other people's commits reach the index."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus

import numpy as np
import pytest

from index.base.choices import DistanceScale
from index.base.errors import RequestError, StoreUnavailableError
from index.base.settings import Settings
from index.database.engine import CommitCounter, Database
from index.database.queries import embeddings, generations, stored_images
from index.database.queries.generations import GenerationRow
from index.database.states import GenerationState
from index.library.calibration import INGEST, choose
from index.vectors.space import Profile, Space
from service.answering import follower as module
from service.answering.follower import Follower
from tests.index.builders import fake_generation
from tests.service.following import (
    ROOT,
    SPACE,
    all_ids,
    loaded,
    new_image,
    raw_vector,
    record,
    vectors,
)
from tests.spaces import DIM, UNMEASURED
from tests.waiting import wait_until


def test_commits_of_another_connection_are_followed(
    follower: Follower, settings: Settings, generation: GenerationRow
) -> None:
    with Database(settings.database_path) as other:
        for number in range(1, 4):
            record(other, generation, new_image(number, faces=2))
            wait_until(lambda n=number: loaded(follower) == 2 * n, f"image {number} is followed")
        _, found = vectors(follower, other)
    expected = [raw_vector(1000 * number + i) for number in range(1, 4) for i in range(2)]
    np.testing.assert_array_equal(found, SPACE.unit(np.stack(expected)))


def test_commits_of_another_process_are_followed(
    follower: Follower, database: Database, settings: Settings, generation: GenerationRow
) -> None:
    program = f"""
from pathlib import Path
import numpy as np
from index.database.engine import CommitCounter, Database
from index.base.errors import RequestError, StoreUnavailableError
from index.database.queries import stored_images
with Database(Path({str(settings.database_path)!r})) as database, database.write() as connection:
    vector = np.arange(512, dtype=np.float32)
    face = stored_images.NewFace((0, 0, 9, 9), 0.9, np.zeros((5, 2), np.float32), 1.0, vector)
    stored_images.record_images(
        connection, {generation.id}, [stored_images.NewImage(bytes(32), (9, 9), [face])]
    )
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)
    wait_until(lambda: loaded(follower) == 1, "the other process's face is followed")
    _, found = vectors(follower, database)
    np.testing.assert_array_equal(found, SPACE.unit(np.arange(512, dtype=np.float32)[None, :]))


def test_a_disk_that_fails_for_a_while_ends_no_following(
    follower: Follower,
    database: Database,
    generation: GenerationRow,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_: object) -> int:
        raise StoreUnavailableError("disk I/O error")

    monkeypatch.setattr(module, "OUTAGE_SECONDS", 0.01)
    with monkeypatch.context() as patch:
        patch.setattr(CommitCounter, "value", fail)
        wait_until(lambda: not follower.ready, "it is noticed")
        record(database, generation, new_image(1))
    wait_until(lambda: follower.ready and loaded(follower) == 1, "it goes on")
    assert caplog.text.count("store.waits part=follower") == 1


def test_faces_that_are_removed_leave_the_index(
    follower: Follower, database: Database, generation: GenerationRow
) -> None:
    images = [record(database, generation, new_image(number)) for number in range(3)]
    wait_until(lambda: loaded(follower) == 3, "three faces are followed")
    with database.write() as connection:
        stored_images.drop_analyses(connection, images[:2])
    wait_until(lambda: loaded(follower) == 1, "two faces have left")
    assert follower.status()["rebuilds"] == 0


def test_another_generation_is_answered_from_after_the_switch(
    follower: Follower, database: Database, generation: GenerationRow
) -> None:
    record(database, generation, new_image(1))
    wait_until(lambda: loaded(follower) == 1, "the old generation is loaded")
    centre = tuple(np.random.default_rng(5).normal(size=DIM).tolist())
    profile = Profile(centre, 0.3)
    with database.write() as connection:
        other = fake_generation(connection, "fake-2", GenerationState.BUILDING, profile=profile)
        for number in (2, 3):
            stored_images.record_images(connection, other.id, [new_image(number)])
    space, _ = vectors(follower, database)
    assert space.profile == UNMEASURED
    with database.write() as connection:
        generations.switch(connection, other.id)
    wait_until(lambda: loaded(follower) == 2, "the new generation is loaded")
    space, found = vectors(follower, database)
    assert space.profile == profile
    expected = np.stack([raw_vector(2000), raw_vector(3000)])
    np.testing.assert_array_equal(found, Space.calibrated(profile).unit(expected))


def test_a_request_never_waits_for_the_thread_to_notice_a_switch(
    follower: Follower, database: Database, generation: GenerationRow
) -> None:
    record(database, generation, new_image(1))
    with database.write() as connection:
        other = fake_generation(connection, "fake-2", GenerationState.BUILDING)
        stored_images.record_images(connection, other.id, [new_image(2)])
        generations.switch(connection, other.id)
    _, found = vectors(follower, database)
    np.testing.assert_array_equal(found, SPACE.unit(raw_vector(2000)[None, :]))


def test_another_profile_is_used_at_once(
    follower: Follower, database: Database, generation: GenerationRow
) -> None:
    record(database, generation, new_image(1))
    wait_until(lambda: loaded(follower) == 1, "the face is followed")
    profile = Profile(tuple([0.5] * DIM), 0.25, {"note": "calibrated"})
    with database.write() as connection:
        generations.set_profile(connection, generation.id, profile.to_json())
    space, found = vectors(follower, database)
    assert space.profile == profile
    assert space.distance(0.2) == pytest.approx(0.25)
    np.testing.assert_array_equal(found, Space.calibrated(profile).unit(raw_vector(1000)[None, :]))


def test_who_chose_a_profile_opens_no_new_index(
    follower: Follower, database: Database, generation: GenerationRow
) -> None:
    """Or a refused calibration would hold answers up."""
    record(database, generation, new_image(1))
    wait_until(lambda: loaded(follower) == 1, "the face is followed")
    before = follower._index
    with database.write() as connection:
        choose(connection, generation, Profile.from_json(generation.profile), INGEST, "refused")
        changed = generations.active(connection)
    vectors(follower, database)
    assert before is not None
    assert follower._index == (changed, before[1])


def test_the_scale_of_the_settings_is_used(
    database: Database, generation: GenerationRow, loop: asyncio.AbstractEventLoop
) -> None:
    record(database, generation, new_image(1))
    follower = Follower(database, DistanceScale.COSINE)
    follower.start(loop)
    space, _ = vectors(follower, database)
    follower.close()
    assert space.distance(0.2) == 0.2


def test_rows_are_used_when_the_index_lacks_a_face(
    follower: Follower,
    database: Database,
    generation: GenerationRow,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    image = record(database, generation, new_image(1, faces=3))
    wait_until(lambda: loaded(follower) == 3, "the faces are followed")
    with database.read() as connection:  # sees the faces to its end, whatever others commit
        ids = embeddings.face_ids(connection, generation.id).tolist()
        with database.write() as writing:
            stored_images.drop_analyses(writing, [image])
        wait_until(lambda: loaded(follower) == 0, "the faces have left the index")
        _, found = follower.vectors(connection, generation, ids)
    expected = np.stack([raw_vector(1000 + i) for i in range(3)])
    np.testing.assert_array_equal(found, SPACE.unit(expected))
    assert any("follower.rows_used" in r.getMessage() for r in caplog.records)


def test_faces_committed_just_now_are_there_before_the_thread_has_looked(
    database: Database, generation: GenerationRow
) -> None:
    follower = Follower(database, DistanceScale.CALIBRATED)  # its thread does not even run
    for number in range(1, 4):
        record(database, generation, new_image(number))
        _, found = vectors(follower, database)
        assert len(found) == number


def test_vectors_are_given_for_some_faces_and_for_none(
    follower: Follower, database: Database, generation: GenerationRow
) -> None:
    record(database, generation, new_image(1, faces=5))
    ids = all_ids(database, generation)
    with database.read() as connection:
        _, some = follower.vectors(connection, generation, ids[1::2])
        _, none = follower.vectors(connection, generation, [])
    np.testing.assert_array_equal(some, SPACE.unit(np.stack([raw_vector(1001), raw_vector(1003)])))
    assert none.shape == (0, DIM)


class TestLargerThanMemory:
    @pytest.fixture
    def small(
        self,
        database: Database,
        loop: asyncio.AbstractEventLoop,
        generation: GenerationRow,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Iterator[Follower]:
        """It may keep two vectors, and has seen a library of two faces."""
        monkeypatch.setattr(module, "most_faces", lambda _space, mib: 2 * mib)
        record(database, generation, new_image(1, faces=2))
        made = Follower(database, DistanceScale.CALIBRATED, memory_mib=1)
        made.start(loop)
        wait_until(lambda: made.ready, "the library is followed")
        yield made
        made.close()

    def test_a_library_that_outgrows_it_has_the_same_vectors(
        self, small: Follower, database: Database, generation: GenerationRow
    ) -> None:
        assert small.status() == {"ready": True, "faces": 2, "whole": True, "rebuilds": 0}
        record(database, generation, new_image(2, faces=2))
        wait_until(lambda: not small.status()["whole"], "it keeps only some")
        again = Follower(database, DistanceScale.CALIBRATED, memory_mib=1)
        whole = Follower(database, DistanceScale.CALIBRATED)
        _, expected = vectors(whole, database)
        for follower in (small, again):
            np.testing.assert_array_equal(vectors(follower, database)[1], expected)
        assert [one.status()["whole"] for one in (small, again, whole)] == [False, False, True]

    def test_it_cannot_be_searched_and_the_refusal_names_the_setting(
        self, small: Follower, database: Database, generation: GenerationRow
    ) -> None:
        record(database, generation, new_image(2))
        wait_until(lambda: not small.status()["whole"], "it keeps only some")
        face = all_ids(database, generation)[0]
        with (
            database.read() as connection,
            pytest.raises(RequestError, match="vector_memory_mib allows, 1 MiB") as refused,
        ):
            small.near(connection, generation, face, 0.2)
        assert refused.value.status == HTTPStatus.SERVICE_UNAVAILABLE

    def test_what_is_erased_is_not_kept(
        self, small: Follower, database: Database, generation: GenerationRow
    ) -> None:
        gone = record(database, generation, new_image(2))
        wait_until(lambda: not small.status()["whole"], "it keeps only some")
        ids = all_ids(database, generation)
        with database.read() as connection:
            small.vectors(connection, generation, ids[1:])
        assert loaded(small) == 2
        with database.write() as connection:
            stored_images.drop_analyses(connection, [gone])
        wait_until(lambda: loaded(small) == 1, "the face is dropped")
