"""Revision 0016 works out the length of every vector that is stored."""

import numpy as np
import pytest
from alembic import command

from index.base.settings import Settings
from index.database.engine import Database
from index.database.migration import migrate
from index.database.revisions import head_revision
from tests.index.builders import DIM, ask, by_hand, image, index_file, small_generation
from tests.migrations.databases import alembic

pytestmark = pytest.mark.engines

FACES = 2_300  # three batches, some with gaps
NORMS = "SELECT id, embedding_norm FROM faces ORDER BY id"


def test_each_face_gets_the_length_that_ingest_would_have_stored(
    database: Database, settings: Settings
) -> None:
    small = small_generation(database)
    index_file(database, small.id, "/a", image("a", FACES))
    by_hand(database, "DELETE FROM faces WHERE id BETWEEN 900 AND 1000")
    stored = ask(database, NORMS)
    vectors = [blob for (blob,) in ask(database, "SELECT embedding FROM faces ORDER BY id")]
    lengths = [float(np.linalg.norm(np.frombuffer(one, "<f4").astype("f8"))) for one in vectors]
    assert [norm for _, norm in stored] == lengths
    address = settings.database_address
    database.close()
    for _ in range(2):
        alembic(address, command.downgrade, "0015")
        assert migrate(address) == ("0015", head_revision())
        with Database(address) as again:
            assert ask(again, NORMS) == stored


def test_a_damaged_vector_does_not_stop_the_upgrade(database: Database, settings: Settings) -> None:
    small = small_generation(database)
    index_file(database, small.id, "/a", image("a", 3))
    [first, _, last] = ask(database, NORMS)
    blob = np.full(DIM, np.nan, "<f4").tobytes()
    by_hand(database, "UPDATE faces SET embedding = :blob WHERE id = 2", blob=blob)
    address = settings.database_address
    database.close()
    alembic(address, command.downgrade, "0015")
    migrate(address)
    with Database(address) as again:
        assert ask(again, NORMS) == [first, (2, 0.0), last]
