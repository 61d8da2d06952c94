"""A service that keeps only some vectors reads the others together with their faces."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection

from index.database.queries import embeddings
from index.database.queries.embeddings import StoredVectors
from service.answering import follower
from tests.service.running import Service

pytestmark = pytest.mark.engines


@pytest.fixture
def by_row(make_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch) -> Service:
    """Three photos of one person, two and six persons; the service may keep one vector."""
    monkeypatch.setattr(follower, "most_faces", lambda _space, _mib: 1)
    made = make_service(vector_memory_mib=1)
    for name, people in (("one.png", [1]), ("two.png", [1, 2]), ("six.png", range(1, 7))):
        made.ask(made.drop(name, *people))
    assert made.send("GET", "/status").json["index"]["whole"] is False
    return made


def test_it_counts_as_one_that_keeps_all(
    by_row: Service, make_service: Callable[..., Service]
) -> None:
    whole = make_service()
    for name, people in (("one.png", [1]), ("two.png", [1, 2]), ("six.png", range(1, 7))):
        whole.drop(name, *people)
    for names in (["one.png"], ["one.png", "two.png"], ["one.png", "two.png", "six.png"]):
        assert by_row.ask(*names).body == whole.ask(*names).body


def test_vectors_of_small_groups_take_no_statement_of_their_own(
    by_row: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    stored_vectors = embeddings.stored_vectors

    def noted(connection: Connection, generation_id: int, ids: list[int]) -> StoredVectors:
        read.extend(ids)
        return stored_vectors(connection, generation_id, ids)

    monkeypatch.setattr(embeddings, "stored_vectors", noted)
    for path in ("three.png", "four.png"):
        by_row.drop(path, 1, 2)
    by_row.ask("three.png", "four.png")
    assert read == []
    by_row.ask("three.png", "six.png")
    assert len(read) >= 6
