"""Turns face crops into vectors with the network of a recogniser, before L2 normalisation."""

import math
from pathlib import Path

import numpy as np
import openvino as ov

from index.base.arrays import FloatMatrix
from ingest.interfaces import Crops
from ingest.networks import network_reading, runtime
from ingest.networks.network_files import network_file
from ingest.networks.recogniser import Recogniser

BLOCK = 40  # crops a call: a chunk of LFW photos; more gains little speed and takes more memory
FACENET_DIM = 512


class NetworkEncoder:
    """An encoder; see `Encoder`. Safe to call from several threads."""

    def __init__(
        self,
        recogniser: Recogniser,
        folder: Path,
        *,
        device: str = "cpu",
        precision: str | None = None,
    ) -> None:
        """Load the network.

        Args:
            folder: where fetched and converted networks are kept.
            device: "cpu" (OpenVINO), or a device of torch, which only FaceNet can run on.
            precision: "bf16" or "f32" for OpenVINO; None is the best that costs no accuracy.

        Raises:
            ModelUnavailableError: its file cannot be loaded, or is no such network.
        """
        self.model_id = recogniser.model_id
        self.framing = recogniser.framing
        if recogniser.architecture is None:
            model = network_reading.read(network_file(recogniser, folder), recogniser)
            self.dim = network_reading.embedding_length(model)
            self._net = _on_cpu(model, precision)
        else:
            self.dim = FACENET_DIM
            self._net = _facenet(recogniser, folder, device, precision)

    def encode(self, crops: Crops) -> FloatMatrix:
        """Raw embeddings (n, dim) of *crops*, on the calling thread alone."""
        vectors = np.empty((len(crops), self.dim), np.float32)
        blocks = math.ceil(len(crops) / BLOCK)
        for rows in np.array_split(np.arange(len(crops)), blocks) if blocks else ():
            (vectors[rows],) = self._net(crops[rows])
        return vectors


def _facenet(
    recogniser: Recogniser, folder: Path, device: str, precision: str | None
) -> runtime.Net:
    """FaceNet, converted once; its source is not read again."""

    def convert() -> ov.Model:
        from ingest.networks import facenet_weights, torch_nets  # noqa: PLC0415 - takes seconds

        tensors = facenet_weights.read_weights(network_file(recogniser, folder))
        return torch_nets.convert_facenet(tensors)

    if device == "cpu":
        return _on_cpu(runtime.kept(recogniser.model_id, convert, folder), precision)
    from ingest.networks import facenet_weights, torch_nets  # noqa: PLC0415 - likewise

    tensors = facenet_weights.read_weights(network_file(recogniser, folder))
    return torch_nets.TorchNet(torch_nets.facenet(tensors), device)


def _on_cpu(model: ov.Model | Path, precision: str | None) -> runtime.Net:
    precision = precision or runtime.best_precision()
    return runtime.OpenVinoNet(model, precision=precision, streams=runtime.cores())
