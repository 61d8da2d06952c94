"""The follower over a real database: other people's commits reach the index without a restart."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import select, update

from index import snapshots
from index.database import CommitCounter, Database
from index.errors import StoreUnavailableError
from index.schema import Chunk, Face, Generation, GenerationState
from index.settings import DistanceScale, Settings
from index.space import DIM, UNMEASURED, Profile, Space
from index.store import generations, library
from index.store.generations import GenerationRow
from index.store.library import NewFace, NewImage
from index.verify import mend, verify
from service import follower as module
from service.follower import Follower
from tests.index.builders import fake_generation
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
SPACE = Space(UNMEASURED)


def raw_vector(number: int) -> NDArray[np.float32]:
    return np.random.default_rng(number).normal(size=DIM).astype(np.float32)


def new_image(number: int, faces: int = 1) -> NewImage:
    """An image with *faces* faces; raw_vector(1000 * number + i) is the vector of the i-th."""
    found = [
        NewFace(
            (0.0, 0.0, 50.0, 50.0),
            0.99,
            np.zeros((5, 2), np.float32),
            1.0,
            raw_vector(1000 * number + i),
        )
        for i in range(faces)
    ]
    return NewImage(number.to_bytes(32, "big"), (100, 100), found)


def record(database: Database, generation: GenerationRow, image: NewImage) -> int:
    with database.write() as connection:
        return library.record_image(connection, generation.id, image)


def all_ids(database: Database, generation: GenerationRow) -> list[int]:
    with database.read() as connection:
        return [int(number) for number in library.face_ids(connection, generation.id)]


def loaded(follower: Follower) -> int:
    return follower.state()["faces"]


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.fixture
def follower(
    database: Database, generation: GenerationRow, loop: asyncio.AbstractEventLoop
) -> Iterator[Follower]:
    """A follower that has seen the empty library."""
    made = Follower(database, DistanceScale.CALIBRATED)
    made.start(loop)
    wait_until(lambda: made.ready, f"generation {generation.id} is loaded")
    yield made
    made.close()


def vectors(follower: Follower, database: Database) -> tuple[Space, NDArray[np.float32]]:
    """What the follower says of all faces of the active generation."""
    with database.read() as connection:
        active = generations.active(connection)
        assert active is not None
        ids = library.face_ids(connection, active.id).tolist()
        return follower.vectors(connection, active, ids)


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
from index.database import CommitCounter, Database
from index.errors import StoreUnavailableError
from index.store import library
with Database(Path({str(settings.database_path)!r})) as database, database.write() as connection:
    vector = np.arange(512, dtype=np.float32)
    face = library.NewFace((0, 0, 9, 9), 0.9, np.zeros((5, 2), np.float32), 1.0, vector)
    library.record_image(
        connection, {generation.id}, library.NewImage(bytes(32), (9, 9), [face])
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
        library.drop_analyses(connection, images[:2])
    wait_until(lambda: loaded(follower) == 1, "two faces have left")
    assert follower.state()["rebuilds"] == 0


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
            library.record_image(connection, other.id, new_image(number))
    space, _ = vectors(follower, database)
    assert space.profile == UNMEASURED
    with database.write() as connection:
        generations.switch(connection, other.id)
    wait_until(lambda: loaded(follower) == 2, "the new generation is loaded")
    space, found = vectors(follower, database)
    assert space.profile == profile
    expected = np.stack([raw_vector(2000), raw_vector(3000)])
    np.testing.assert_array_equal(found, Space(profile).unit(expected))


def test_a_request_never_waits_for_the_thread_to_notice_a_switch(
    follower: Follower, database: Database, generation: GenerationRow
) -> None:
    record(database, generation, new_image(1))
    with database.write() as connection:
        other = fake_generation(connection, "fake-2", GenerationState.BUILDING)
        library.record_image(connection, other.id, new_image(2))
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
    np.testing.assert_array_equal(found, Space(profile).unit(raw_vector(1000)[None, :]))


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
        ids = library.face_ids(connection, generation.id).tolist()
        with database.write() as writing:
            library.drop_analyses(writing, [image])
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


def test_it_opens_from_a_snapshot_and_from_the_rows_alike(
    database: Database, generation: GenerationRow
) -> None:
    for number in range(10):
        record(database, generation, new_image(number))
    rows = vectors(Follower(database, DistanceScale.CALIBRATED), database)[1]
    snapshots.write_snapshot(database, generation.id, SPACE, 1.0)
    record(database, generation, new_image(10))
    follower = Follower(database, DistanceScale.CALIBRATED)
    found = vectors(follower, database)[1]
    assert follower.state() == {"ready": False, "faces": 11, "rebuilds": 0}
    np.testing.assert_array_equal(found[:10], rows)


def test_a_damaged_snapshot_is_counted_and_the_rows_are_used(
    database: Database, generation: GenerationRow, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        record(database, generation, new_image(number))
    expected = vectors(Follower(database, DistanceScale.CALIBRATED), database)[1]
    snapshots.write_snapshot(database, generation.id, SPACE, 1.0)
    with database.write() as connection:
        data = bytearray(connection.scalars(select(Chunk.data)).one())
        data[-1] ^= 1
        connection.execute(update(Chunk).values(data=bytes(data)))
    follower = Follower(database, DistanceScale.CALIBRATED)
    found = vectors(follower, database)[1]
    np.testing.assert_array_equal(found, expected)
    assert follower.state()["rebuilds"] == 1
    assert any("index.snapshot_damaged" in r.getMessage() for r in caplog.records)


def test_damaged_rows_make_it_unready_until_they_are_mended(
    database: Database,
    generation: GenerationRow,
    loop: asyncio.AbstractEventLoop,
    caplog: pytest.LogCaptureFixture,
) -> None:
    record(database, generation, new_image(1))
    with database.write() as connection:
        connection.execute(update(Face).values(embedding=b"\x01" * 4 * DIM))
    follower = Follower(database, DistanceScale.CALIBRATED)
    follower.start(loop)
    try:
        wait_until(lambda: "follower.index_unusable" in caplog.text, "the damage is noticed")
        assert not follower.ready
        mend(database, verify(database))
        record(database, generation, new_image(1))
        wait_until(lambda: follower.ready and loaded(follower) == 1, "the mended rows are loaded")
    finally:
        follower.close()


def test_a_profile_that_makes_no_sense_does_not_end_the_following(
    follower: Follower, database: Database, generation: GenerationRow
) -> None:
    with database.write() as connection:
        connection.execute(update(Generation).values(profile="{"))
    wait_until(lambda: not follower.ready, "the damage is noticed")
    with database.write() as connection:
        generations.set_profile(connection, generation.id, UNMEASURED.to_json())
    record(database, generation, new_image(1))
    wait_until(lambda: follower.ready and loaded(follower) == 1, "it goes on", seconds=3.0)


def test_whoever_waits_is_woken_by_the_next_commit(
    follower: Follower,
    database: Database,
    generation: GenerationRow,
    loop: asyncio.AbstractEventLoop,
) -> None:
    timer = threading.Timer(0.1, record, (database, generation, new_image(1)))

    async def wait() -> float:
        await follower.next_commit(0.3)  # the news of what was committed before the loop ran
        started = time.monotonic()
        timer.start()
        await follower.next_commit(10.0)
        return time.monotonic() - started

    assert loop.run_until_complete(wait()) < 5
    timer.join()


def test_whoever_waits_is_let_go_when_nobody_commits(
    follower: Follower, loop: asyncio.AbstractEventLoop
) -> None:
    async def wait() -> float:
        await follower.next_commit(0.3)
        started = time.monotonic()
        await follower.next_commit(0.2)
        return time.monotonic() - started

    assert 0.15 < loop.run_until_complete(wait()) < 5


def test_before_the_first_generation_it_is_ready_with_nothing(
    database: Database, loop: asyncio.AbstractEventLoop
) -> None:
    follower = Follower(database, DistanceScale.CALIBRATED)
    assert follower.state() == {"ready": False, "faces": 0, "rebuilds": 0}
    follower.start(loop)
    wait_until(lambda: follower.ready, "it has looked")
    follower.close()
    assert follower.state() == {"ready": True, "faces": 0, "rebuilds": 0}


def test_closing_is_harmless_before_and_after(
    database: Database, loop: asyncio.AbstractEventLoop
) -> None:
    follower = Follower(database, DistanceScale.CALIBRATED)
    follower.close()
    follower = Follower(database, DistanceScale.CALIBRATED)
    follower.start(loop)
    follower.close()
    follower.close()
    assert not [t for t in threading.enumerate() if t.name == "follower"]


def test_it_survives_the_end_of_the_loop(database: Database, generation: GenerationRow) -> None:
    loop = asyncio.new_event_loop()
    follower = Follower(database, DistanceScale.CALIBRATED)
    follower.start(loop)
    loop.close()
    record(database, generation, new_image(1))
    wait_until(lambda: loaded(follower) == 1, "it goes on")
    follower.close()


def test_many_threads_may_ask_while_faces_come_and_go(
    follower: Follower, database: Database, generation: GenerationRow
) -> None:
    stop = threading.Event()
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            while not stop.is_set():
                with database.read() as connection:
                    ids = library.face_ids(connection, generation.id).tolist()
                    _, found = follower.vectors(connection, generation, ids)
                    _, raw = library.embeddings(connection, generation.id, ids)
                if ids:
                    np.testing.assert_array_equal(found, SPACE.unit(raw))
        except BaseException as error:  # noqa: BLE001 - shown by the test
            errors.append(error)

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    for number in range(1, 40):
        image = record(database, generation, new_image(number, faces=3))
        if number % 3 == 0:
            with database.write() as connection:
                library.drop_analyses(connection, [image])
    stop.set()
    for asker in askers:
        asker.join()
    assert errors == []
    wait_until(lambda: loaded(follower) == 3 * 26, "all is followed")
