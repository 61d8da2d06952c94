"""The types that the pipeline's parts hand each other, and the models' two protocols."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.base.arrays import FloatMatrix

RgbImage = NDArray[np.uint8]  # (height, width, 3)
Crops = NDArray[np.uint8]  # (n, edge, edge, 3)
Box = tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels
Landmarks = tuple[tuple[float, float], ...]  # eyes, nose, corners of the mouth: (x, y) in pixels

CROP_PX = 160  # of FaceNet's input, and of the crops whose sharpness is measured
CROP_MARGIN_PX = 32  # of those
MIN_FACE_PX = 40  # smaller faces are ignored


@dataclass(frozen=True, slots=True)
class Framing:
    """The crops of faces that a network needs.

    Attributes:
        edge_px: of the square crop.
        margin_px: around the detector's box, in pixels of the crop, both sides together; None for
            crops that are aligned by the landmarks.
    """

    edge_px: int
    margin_px: int | None


STANDARD = Framing(CROP_PX, CROP_MARGIN_PX)  # for sharpness, and for FaceNet


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
    landmarks: Landmarks

    @property
    def height(self) -> float:
        """The longer side of the box: a face is taller than wide, also when it lies on its side."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


class Detector(Protocol):
    """Finds faces."""

    def detect(self, images: Sequence[RgbImage]) -> list[list[DetectedFace]]:
        """The faces of each image, largest first; an empty list for an image without faces."""
        ...


class Encoder(Protocol):
    """Turns face crops into embeddings.

    Attributes:
        dim: the number of numbers of an embedding.
        framing: the crops that it needs.
    """

    model_id: str
    dim: int
    framing: Framing

    def encode(self, crops: Crops) -> FloatMatrix:
        """Raw embeddings (n, dim) of *crops*, framed as it wants them; before normalisation."""
        ...
