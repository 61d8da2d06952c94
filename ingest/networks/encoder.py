"""Turn face crops into vectors with FaceNet (InceptionResnetV1), before L2 normalisation."""

import math
from pathlib import Path

import numpy as np
import torch
from facenet_pytorch import InceptionResnetV1

from index.base.arrays import FloatMatrix
from index.base.errors import ModelUnavailableError
from ingest.interfaces import CROP_PX, Crops
from ingest.networks.runtime import Net, OpenVinoNet, TorchNet, best_precision, converted, cores
from ingest.networks.weights import Weights

BLOCK = 40  # crops a call: a chunk of LFW photos; more gains little speed and takes more memory


class _RawFaceNet(torch.nn.Module):
    """FaceNet from uint8 crops (n, 160, 160, 3) to vectors before their normalisation."""

    def __init__(self, net: InceptionResnetV1) -> None:
        super().__init__()
        self.trunk = torch.nn.Sequential(
            net.conv2d_1a, net.conv2d_2a, net.conv2d_2b, net.maxpool_3a, net.conv2d_3b,
            net.conv2d_4a, net.conv2d_4b, net.repeat_1, net.mixed_6a, net.repeat_2, net.mixed_7a,
            net.repeat_3, net.block8, net.avgpool_1a, torch.nn.Flatten(), net.last_linear,
            net.last_bn,
        )  # fmt: skip

    def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor]:
        """Return ((n, 512),) float32."""
        # facenet-pytorch's own forward() normalises at the end; we centre first
        return (self.trunk((crops.permute(0, 3, 1, 2).float() - 127.5) / 128.0),)


class FaceNetEncoder:
    """FaceNet, through OpenVINO or torch. Safe to call from several threads."""

    dim = 512

    def __init__(
        self,
        weights: Weights,
        *,
        device: str = "cpu",
        precision: str | None = None,
        cache: Path | None = None,
    ) -> None:
        """Load the model.

        Args:
            device: "cpu" (OpenVINO), or a device of torch.
            precision: "bf16" or "f32" for OpenVINO; None is the fastest that costs no accuracy.
            cache: folder for the converted model, or None.

        Raises:
            ModelUnavailableError: the weights do not fit the network.
        """
        self.model_id = weights.model_id
        if device != "cpu":
            self._net: Net = TorchNet(_build(weights), device)
            return
        example = torch.zeros(2, CROP_PX, CROP_PX, 3, dtype=torch.uint8)
        shape = (-1, CROP_PX, CROP_PX, 3)
        model = converted(weights.model_id, lambda: _build(weights), example, shape, cache)
        self._net = OpenVinoNet(model, precision=precision or best_precision(), streams=cores())

    def encode(self, crops: Crops) -> FloatMatrix:
        """Raw embeddings (n, 512) of *crops*, on the calling thread alone."""
        vectors = np.empty((len(crops), self.dim), np.float32)
        blocks = math.ceil(len(crops) / BLOCK)
        for rows in np.array_split(np.arange(len(crops)), blocks) if blocks else ():
            (vectors[rows],) = self._net(crops[rows])
        return vectors


def _build(weights: Weights) -> torch.nn.Module:
    """FaceNet with *weights*; a classifier's weights among them are ignored."""
    net = InceptionResnetV1(pretrained=None, classify=False)
    tensors = weights.load()
    try:
        net.load_state_dict({k: v for k, v in tensors.items() if not k.startswith("logits.")})
    except RuntimeError as error:
        raise ModelUnavailableError(
            f"weights {weights.name} do not fit InceptionResnetV1"
        ) from error
    return _RawFaceNet(net).eval()
