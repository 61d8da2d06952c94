"""The two networks of a generation, loaded; and the first generation of an empty database."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from index.database import Database
from index.errors import ModelUnavailableError, UnreadableImageError
from index.schema import GenerationState
from index.settings import Settings
from index.space import shipped_profile, usable
from index.store import generations
from index.store.generations import GenerationRow
from index.store.library import NewFace, NewImage
from ingest.crops import sharpness
from ingest.detector import MtcnnDetector
from ingest.encoder import FaceNetEncoder
from ingest.faces import CROP_PX, DetectedFace, Detector, Encoder, FloatMatrix
from ingest.photos import Photo, in_file_pixels, open_photo, sharp_crops
from ingest.stages import StageClock
from ingest.weights import load_weights

log = logging.getLogger(__name__)


Outcome = NewImage | UnreadableImageError


@dataclass(frozen=True, slots=True)
class Models:
    """A detector and an encoder that belong together. Safe to call from several threads."""

    detector: Detector
    encoder: Encoder
    stages: StageClock = field(default_factory=StageClock)

    def analyse(
        self, contents: Sequence[tuple[bytes, bytes]], max_megapixels: int
    ) -> list[Outcome]:
        """Decode images, find their faces and embed them, all in one go.

        Args:
            contents: SHA-256 and bytes of each file; all are in memory together.

        Returns: for each the image with its faces, or why it is none.
        """
        photos: dict[int, Photo] = {}
        outcomes: dict[int, Outcome] = {}
        for number, (_, data) in enumerate(contents):
            try:
                with self.stages.stage("decode"):
                    photos[number] = open_photo(data, max_megapixels)
            except UnreadableImageError as error:
                outcomes[number] = error
        images = [(contents[number][0], photo) for number, photo in photos.items()]
        outcomes.update(zip(photos, self._faces(images), strict=True))
        return [outcomes[number] for number in range(len(contents))]

    def _faces(self, images: Sequence[tuple[bytes, Photo]]) -> list[NewImage]:
        with self.stages.stage("detect"):
            found = self.detector.detect([photo.pixels for _, photo in images])
        with self.stages.stage("crop"):
            crops = [
                sharp_crops(photo, [face.box for face in faces])
                for (_, photo), faces in zip(images, found, strict=True)
            ]
            together = np.concatenate([np.empty((0, CROP_PX, CROP_PX, 3), np.uint8), *crops])
            sharp = sharpness(together)
        with self.stages.stage("embed"):
            raw = self.encoder.encode(together)
        results, start = [], 0
        for (sha256, photo), faces in zip(images, found, strict=True):
            stop = start + len(faces)
            rows = zip(faces, raw[start:stop], sharp[start:stop], strict=True)
            new = [_new_face(in_file_pixels(face, photo), *row) for face, *row in rows]
            results.append(NewImage(sha256, photo.full_size, new))
            start = stop
        return results


def _new_face(face: DetectedFace, raw: FloatMatrix, sharp: float) -> NewFace:
    if not usable(raw):
        raise ModelUnavailableError("the encoder gave an embedding that is not finite")
    points = np.array(face.landmarks, np.float32)
    return NewFace(face.box, face.probability, points, float(sharp), raw)


def torch_device(setting: str) -> str:
    """Torch's name of the device that the setting means."""
    if setting == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return setting


def load_models(settings: Settings, weights: str) -> Models:
    """Load the detector, and the encoder with *weights*.

    Raises:
        ModelUnavailableError: the weights cannot be had.
    """
    device = torch_device(settings.device)
    cache = settings.data / "weights"
    found = load_weights(weights, cache)
    if device == "cpu":
        torch.set_num_threads(1)  # its few calls here are small; OpenVINO does the work
    return Models(
        MtcnnDetector(device=device, cache=cache),
        FaceNetEncoder(found, device=device, cache=cache),
    )


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
