"""MTCNN, out of facenet-pytorch."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from facenet_pytorch import MTCNN

from ingest.faces import MIN_FACE_PX, DetectedFace, RgbImage


class MtcnnDetector:
    """Finds faces with the three nets of MTCNN (K. Zhang et al., 2016)."""

    def __init__(self, device: str) -> None:
        """*device* is torch's name of it."""
        self._mtcnn = MTCNN(keep_all=True, min_face_size=MIN_FACE_PX, device=device)

    def detect(self, images: Sequence[RgbImage]) -> list[list[DetectedFace]]:
        """The faces of each image, largest first; an empty list where there is none."""
        found: list[list[DetectedFace]] = [[] for _ in images]
        by_shape: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for position, image in enumerate(images):
            if min(image.shape[:2]) >= MIN_FACE_PX:  # MTCNN fails on smaller images
                by_shape[image.shape].append(position)
        for positions in by_shape.values():
            batch = np.stack([images[position] for position in positions])
            with torch.inference_mode():
                boxes, probabilities, points = self._mtcnn.detect(batch, landmarks=True)
            for position, *result in zip(positions, boxes, probabilities, points, strict=True):
                found[position] = _faces(*result)
        return found


def _faces(boxes: object, probabilities: object, points: object) -> list[DetectedFace]:
    if boxes is None:
        return []
    faces = [
        DetectedFace(
            tuple(map(float, box)),  # type: ignore[arg-type]  # MTCNN gives four numbers
            float(probability),
            tuple((float(x), float(y)) for x, y in five),
        )
        for box, probability, five in zip(boxes, probabilities, points, strict=True)  # type: ignore[call-overload]
    ]
    return sorted(faces, key=lambda face: (-_area(face), face.box))


def _area(face: DetectedFace) -> float:
    x1, y1, x2, y2 = face.box
    return (x2 - x1) * (y2 - y1)
