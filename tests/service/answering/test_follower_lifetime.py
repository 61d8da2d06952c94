"""How a follower opens, what damage does to it, who waits for it, and how it ends."""

import asyncio
import threading
import time

import numpy as np
import pytest
from sqlalchemy import select, update

from index.base.choices import DistanceScale
from index.database.engine import Database
from index.database.queries import embeddings, generations, stored_images
from index.database.queries.generations import GenerationRow
from index.database.schema import Chunk, Face, Generation
from index.upkeep.verify import repair, verify
from index.vectors import snapshot_writer
from service.answering.follower import Follower
from tests.service.following import SPACE, loaded, new_image, record, vectors
from tests.spaces import DIM, UNMEASURED
from tests.waiting import SOON_SECONDS, wait_until


def test_it_opens_from_a_snapshot_and_from_the_rows_alike(
    database: Database, generation: GenerationRow
) -> None:
    for number in range(10):
        record(database, generation, new_image(number))
    rows = vectors(Follower(database, DistanceScale.CALIBRATED), database)[1]
    snapshot_writer.write_snapshot(database, generation.id, SPACE, 1.0)
    record(database, generation, new_image(10))
    follower = Follower(database, DistanceScale.CALIBRATED)
    found = vectors(follower, database)[1]
    assert follower.status() == {"ready": False, "faces": 11, "whole": True, "rebuilds": 0}
    np.testing.assert_array_equal(found[:10], rows)


def test_a_damaged_snapshot_is_counted_and_the_rows_are_used(
    database: Database, generation: GenerationRow, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        record(database, generation, new_image(number))
    expected = vectors(Follower(database, DistanceScale.CALIBRATED), database)[1]
    snapshot_writer.write_snapshot(database, generation.id, SPACE, 1.0)
    with database.write() as connection:
        data = bytearray(connection.scalars(select(Chunk.data)).one())
        data[-1] ^= 1
        connection.execute(update(Chunk).values(data=bytes(data)))
    follower = Follower(database, DistanceScale.CALIBRATED)
    found = vectors(follower, database)[1]
    np.testing.assert_array_equal(found, expected)
    assert follower.status()["rebuilds"] == 1
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
        repair(database, verify(database))
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
        await follower.next_commit(60.0)
        return time.monotonic() - started

    assert loop.run_until_complete(wait()) < SOON_SECONDS
    timer.join()


def test_whoever_waits_is_let_go_when_nobody_commits(
    follower: Follower, loop: asyncio.AbstractEventLoop
) -> None:
    async def wait() -> float:
        await follower.next_commit(0.3)
        started = time.monotonic()
        await follower.next_commit(0.2)
        return time.monotonic() - started

    assert 0.15 < loop.run_until_complete(wait()) < SOON_SECONDS


def test_before_the_first_generation_it_is_ready_with_nothing(
    database: Database, loop: asyncio.AbstractEventLoop
) -> None:
    follower = Follower(database, DistanceScale.CALIBRATED)
    assert follower.status() == {"ready": False, "faces": 0, "whole": True, "rebuilds": 0}
    follower.start(loop)
    wait_until(lambda: follower.ready, "it has looked")
    follower.close()
    assert follower.status() == {"ready": True, "faces": 0, "whole": True, "rebuilds": 0}


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
                    ids = embeddings.face_ids(connection, generation.id).tolist()
                    _, found = follower.vectors(connection, generation, ids)
                    _, raw = embeddings.embeddings_of(connection, generation.id, ids)
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
                stored_images.drop_analyses(connection, [image])
    stop.set()
    for asker in askers:
        asker.join()
    assert errors == []
    wait_until(lambda: loaded(follower) == 3 * 26, "all is followed")
