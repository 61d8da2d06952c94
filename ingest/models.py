"""The two networks of a generation, loaded; and the first generation of an empty database."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from index.database import Database
from index.errors import ModelUnavailableError
from index.schema import GenerationState
from index.settings import Settings
from index.space import shipped_profile, usable
from index.store import generations
from index.store.generations import GenerationRow
from index.store.library import NewFace, NewImage
from ingest.crops import crop_faces, sharpness
from ingest.detector import MtcnnDetector
from ingest.encoder import FaceNetEncoder
from ingest.faces import DetectedFace, Detector, Encoder, RgbImage
from ingest.weights import load_weights

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Models:
    """A detector and an encoder that belong together."""

    detector: Detector
    encoder: Encoder

    def analyse(self, images: list[tuple[bytes, RgbImage]]) -> list[NewImage]:
        """Find and embed the faces of *images*, given as (SHA-256, pixels)."""
        found = self.detector.detect([pixels for _, pixels in images])
        crops = [
            crop_faces(pixels, [face.box for face in faces])
            for (_, pixels), faces in zip(images, found, strict=True)
        ]
        together = np.concatenate(crops) if crops else np.empty((0, 0, 0, 3), np.uint8)
        raw = self.encoder.encode(together)
        sharp = sharpness(together)
        results, start = [], 0
        for (sha256, pixels), faces in zip(images, found, strict=True):
            new = [
                _new_face(face, raw[start + number], float(sharp[start + number]))
                for number, face in enumerate(faces)
            ]
            start += len(faces)
            height, width = pixels.shape[:2]
            results.append(NewImage(sha256, (width, height), new))
        return results


def _new_face(face: DetectedFace, raw: NDArray[np.float32], sharp: float) -> NewFace:
    if not usable(raw):
        raise ModelUnavailableError("the encoder gave an embedding that is not finite")
    points = np.array(face.landmarks, np.float32)
    return NewFace(face.box, face.probability, points, sharp, raw)


def torch_device(setting: str) -> str:
    """Torch's name of the device that the setting means."""
    if setting == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return setting


def weights_folder(settings: Settings) -> Path:
    """Where converted and downloaded weights are kept."""
    return settings.data / "weights"


def load_models(settings: Settings, weights: str) -> Models:
    """Load the detector, and the encoder with *weights*.

    Raises:
        ModelUnavailableError: the weights cannot be had.
    """
    device = torch_device(settings.device)
    found = load_weights(weights, weights_folder(settings))
    return Models(MtcnnDetector(device), FaceNetEncoder(found, device))


def load_generation(settings: Settings, generation: GenerationRow) -> Models:
    """Load the models that a generation was made with.

    Raises:
        ModelUnavailableError: they cannot be had, or are no longer the same.
    """
    models = load_models(settings, generation.weights)
    if models.encoder.model_id != generation.model_id:
        raise ModelUnavailableError(
            f"the library was indexed with {generation.model_id}, but {generation.weights} is now "
            f"{models.encoder.model_id}; run: person-count reindex"
        )
    return models


def open_generation(database: Database, settings: Settings) -> tuple[GenerationRow, Models]:
    """The active generation with its models; the first one is made from the settings.

    Raises:
        ModelUnavailableError: see load_generation.
    """
    with database.read() as connection:
        generation = generations.active(connection)
    if generation is not None:
        if generation.weights != settings.weights:
            log.warning(
                "weights.differ configured=%s active=%s; run person-count reindex to change",
                settings.weights,
                generation.weights,
            )
        return generation, load_generation(settings, generation)
    models = load_models(settings, settings.weights)
    with database.write() as connection:
        generation = generations.active(connection) or generations.create(
            connection,
            model_id=models.encoder.model_id,
            weights=settings.weights,
            profile=shipped_profile(settings.weights).to_json(),
            state=GenerationState.ACTIVE,
            now=time.time(),
        )
    return generation, models
