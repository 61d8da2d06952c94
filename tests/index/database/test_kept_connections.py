"""Connections that stay open between transactions."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Connection, QueuePool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from index.database import kept_connections
from index.database.engines.interface import Use
from index.database.engines.sqlite import Sqlite
from index.database.kept_connections import KeptConnections
from index.database.migration import migrate
from tests.waiting import DEADLINE_SECONDS


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[KeptConnections]:
    path = tmp_path / "data" / "person_count.db"
    migrate(path)
    made = KeptConnections(Sqlite(path).connections(Use.READ), 2)
    yield made
    made.dispose()


def opened(pool: KeptConnections) -> int:
    queue = pool._engine.pool
    assert isinstance(queue, QueuePool)
    return queue.checkedout()


def used(pool: KeptConnections) -> Connection:
    with pool.connect() as connection, connection.begin():
        assert connection.scalar(text("SELECT 1")) == 1
    return connection


def test_the_connection_used_last_is_used_again(pool: KeptConnections) -> None:
    first = used(pool)
    with pool.connect() as outer:
        assert outer is first
        second = used(pool)
        assert second is not first
    assert used(pool) is first
    assert opened(pool) == 2


def test_one_that_failed_is_opened_anew(pool: KeptConnections) -> None:
    first = used(pool)
    with pytest.raises(DBAPIError), pool.connect() as connection:
        connection.execute(text("SELECT nothing"))
    assert connection is first
    assert first.closed
    assert opened(pool) == 0
    assert used(pool) is not first


def test_one_left_inside_a_transaction_is_not_kept(pool: KeptConnections) -> None:
    with pool.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert connection.closed
    assert used(pool) is not connection


def test_it_waits_for_one_while_all_are_in_use(
    pool: KeptConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(pool.connect())
        with monkeypatch.context() as patch:
            patch.setattr(kept_connections, "PATIENCE_SECONDS", 0.01)
            with pytest.raises(PoolTimeoutError), pool.connect():
                pytest.fail("three were in use at once")
        waiting = threading.Thread(target=used, args=(pool,))
        waiting.start()
    waiting.join(DEADLINE_SECONDS)
    assert not waiting.is_alive()
    assert opened(pool) == 2


def test_after_it_was_disposed_of_it_opens_new_ones(pool: KeptConnections) -> None:
    first = used(pool)
    pool.dispose()
    assert first.closed
    assert used(pool) is not first
    assert used(pool).closed is False
