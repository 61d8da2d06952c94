"""The types that the pipeline's parts hand each other, and the models' two protocols."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.base.arrays import FloatMatrix

RgbImage = NDArray[np.uint8]  # (height, width, 3)
Crops = NDArray[np.uint8]  # (n, CROP_PX, CROP_PX, 3)
Box = tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels

CROP_PX = 160  # FaceNet's input
CROP_MARGIN_PX = 32  # of those; measured best for this model (0 clearly worse, 44 worse)
MIN_FACE_PX = 40  # in height; smaller faces are ignored


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """A face in an image.

    Attributes:
        box: x1, y1, x2, y2 in pixels of the image; may reach beyond its edges.
        probability: 0 to 1, of the detector's last net.
        landmarks: eyes, nose and corners of the mouth, (x, y) in pixels.
    """

    box: Box
    probability: float
    landmarks: tuple[tuple[float, float], ...]


class Detector(Protocol):
    """Finds faces."""

    def detect(self, images: Sequence[RgbImage]) -> list[list[DetectedFace]]:
        """The faces of each image, largest first; an empty list for an image without faces."""
        ...


class Encoder(Protocol):
    """Turns face crops into embeddings."""

    model_id: str
    dim: int

    def encode(self, crops: Crops) -> FloatMatrix:
        """Raw embeddings (n, dim) of *crops* (n, 160, 160, 3), before any normalisation."""
        ...
