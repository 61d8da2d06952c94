"""FaceNet, out of facenet-pytorch, with weights from ingest.weights."""

import numpy as np
import torch
from facenet_pytorch import InceptionResnetV1

from index.errors import ModelUnavailableError
from ingest.faces import Crops, FloatMatrix
from ingest.weights import Weights

BATCH = 32


class FaceNetEncoder:
    """InceptionResnetV1 (F. Schroff et al., "FaceNet", 2015; D. Sandberg's training)."""

    def __init__(self, weights: Weights, device: str) -> None:
        """*device* is torch's name of it.

        Raises:
            ModelUnavailableError: the weights do not fit the network.
        """
        self.model_id = weights.model_id
        self.dim = 512
        self._device = device
        self._net = build_net(weights).to(device)

    def encode(self, crops: Crops) -> FloatMatrix:
        """Raw embeddings (n, 512) of *crops* (n, 160, 160, 3), before any normalisation."""
        parts = [np.empty((0, self.dim), np.float32)]
        for start in range(0, len(crops), BATCH):
            pixels = torch.from_numpy(crops[start : start + BATCH]).to(self._device)
            with torch.inference_mode():
                raw = self._net((pixels.permute(0, 3, 1, 2).float() - 127.5) / 128)
            parts.append(raw.float().cpu().numpy())
        return np.concatenate(parts)


class _RawFaceNet(InceptionResnetV1):  # type: ignore[misc]  # the base has no types
    """FaceNet whose output keeps its length: facenet-pytorch normalises it, we centre it first."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        for name in (
            "conv2d_1a",
            "conv2d_2a",
            "conv2d_2b",
            "maxpool_3a",
            "conv2d_3b",
            "conv2d_4a",
            "conv2d_4b",
            "repeat_1",
            "mixed_6a",
            "repeat_2",
            "mixed_7a",
            "repeat_3",
            "block8",
            "avgpool_1a",
        ):
            pixels = getattr(self, name)(pixels)
        flat: torch.Tensor = self.last_linear(pixels.flatten(start_dim=1))
        out: torch.Tensor = self.last_bn(flat)
        return out


def build_net(weights: Weights) -> torch.nn.Module:
    """The network with *weights* in it, ready to run on the CPU."""
    net: torch.nn.Module = _RawFaceNet(pretrained=None, classify=False)
    try:
        # checkpoints carry the classifier they were trained with; embeddings do not need it
        kept = {name: value for name, value in weights.tensors.items() if "logits" not in name}
        net.load_state_dict(kept)
    except RuntimeError as error:
        raise ModelUnavailableError(
            f"weights {weights.name} do not fit InceptionResnetV1"
        ) from error
    return net.eval()
