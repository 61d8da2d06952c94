"""A database for each test, copied instead of migrated: there are hundreds of tests."""

from collections.abc import Iterator

import pytest

from index.database import Database
from index.settings import Settings
from tests.index.builders import open_copy


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """An empty database at the newest revision."""
    with open_copy(settings.database_path) as opened:
        yield opened
