"""A second model beside a running service's own."""

import threading

import pytest

from ingest.jobs import beside
from ingest.networks.models import Models
from tests.service.running import Service


def index_beside(service: Service, models: Models) -> None:
    """Do what `reindex --beside` does, with the given models."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beside, "load_models", lambda *_: models)
        arguments = service.database, service.settings, "fake", threading.Event()
        assert beside.BesideIndexer(*arguments).run(lambda *_: None) is not None
