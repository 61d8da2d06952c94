"""Reads the weights of FaceNet: a state_dict, or the frozen TensorFlow graph.

It loads no pickle that could run code.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from index.base.errors import ModelUnavailableError
from ingest.networks.tensorflow_graph import float_constants

Tensors = dict[str, torch.Tensor]

BATCH_NORM_EPSILON = 0.001  # of every batch norm in InceptionResnetV1


def read_weights(path: Path) -> Tensors:
    """The state_dict in a file, whose SHA-256 the caller has checked.

    Raises:
        ModelUnavailableError: it holds none.
    """
    return _from_graph(path) if path.suffix == ".pb" else _from_checkpoint(path)


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
