"""The parts that need torch: MTCNN and FaceNet as torch modules, and their conversion for OpenVINO.

Importing torch takes seconds and hundreds of megabytes. So this module is imported only to convert
a network, which happens once, and to run on a GPU.
"""

import io
import warnings
from collections.abc import Sequence

import openvino as ov
import torch
from facenet_pytorch import InceptionResnetV1
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet

from index.base.errors import ModelUnavailableError
from ingest.interfaces import CROP_PX
from ingest.networks.facenet_weights import Tensors
from ingest.networks.network_files import detector_weights
from ingest.networks.runtime import Pixels
from ingest.networks.summed_area import FloatArray

MTCNN = {"pnet": (PNet, None), "rnet": (RNet, 24), "onet": (ONet, 48)}  # with the input's edge


class TorchNet:
    """The unconverted network, on any torch device."""

    def __init__(self, module: torch.nn.Module, device: str) -> None:
        """Move *module* to *device* ("cpu", "cuda", "cuda:1")."""
        self._module = module.eval().to(device)
        self._device = device

    def __call__(self, pixels: Pixels) -> tuple[FloatArray, ...]:
        """Run one batch; see `Net`."""
        with torch.inference_mode():
            outputs = self._module(torch.from_numpy(pixels).to(self._device))
        return tuple(output.cpu().numpy() for output in outputs)


class _Stage(torch.nn.Module):
    """One MTCNN net: pixels 0..255 (n, h, w, 3) in, score and regressions on axis 1 out."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net = net
        _absorb(net.get_submodule("conv1"))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor]:
        """Return ((n, 1 + m, ...),): probability of a face, box shifts, landmarks if any."""
        outputs = self.net(pixels.permute(0, 3, 1, 2))
        return (torch.cat([outputs[-1][:, 1:2], *outputs[:-1]], dim=1),)


@torch.no_grad()
def _absorb(first: torch.nn.Module) -> None:
    """Let a net's first layer, which has no padding, scale pixels to -1..1 as it reads them."""
    weight, bias = first.parameters()
    scaled = weight.double() / 128
    bias.copy_(bias.double() - 127.5 * scaled.sum((1, 2, 3)))
    weight.copy_(scaled)


def mtcnn_stage(name: str) -> torch.nn.Module:
    """One of the nets in MTCNN, with facenet-pytorch's weights.

    Raises:
        ModelUnavailableError: their file is missing, or is another than the one that we know.
    """
    build, _ = MTCNN[name]
    net = build(pretrained=False)  # it would load the file unchecked
    net.load_state_dict(torch.load(io.BytesIO(detector_weights(name)), weights_only=True))
    return _Stage(net).eval()


def convert_mtcnn_stage(name: str) -> ov.Model:
    """The same for OpenVINO."""
    edge = MTCNN[name][1]
    example = torch.zeros(2, edge or 32, edge or 32, 3)
    return trace(mtcnn_stage(name), example, (-1, edge or -1, edge or -1, 3))


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


def facenet(tensors: Tensors) -> torch.nn.Module:
    """FaceNet with a state_dict; a classifier's weights among them are ignored.

    Raises:
        ModelUnavailableError: they do not fit the network.
    """
    net = InceptionResnetV1(pretrained=None, classify=False)
    try:
        net.load_state_dict({k: v for k, v in tensors.items() if not k.startswith("logits.")})
    except RuntimeError as error:
        raise ModelUnavailableError("the weights do not fit InceptionResnetV1") from error
    return _RawFaceNet(net).eval()


def convert_facenet(tensors: Tensors) -> ov.Model:
    """The same for OpenVINO."""
    example = torch.zeros(2, CROP_PX, CROP_PX, 3, dtype=torch.uint8)
    return trace(facenet(tensors), example, (-1, CROP_PX, CROP_PX, 3))


def trace(module: torch.nn.Module, example: torch.Tensor, shape: Sequence[int]) -> ov.Model:
    """The traced model for input of *shape*, -1 for any size."""
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit.trace is deprecated, but OpenVINO needs it
        return ov.convert_model(module, example_input=example, input=list(shape))


def finds_gpu() -> bool:
    """Whether torch can use a GPU."""
    return torch.cuda.is_available()
