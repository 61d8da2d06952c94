"""A detector and an encoder that need no networks: painted squares are faces, colours are people.

A picture is made by picture(): squares of one colour each on white, their places written into its
first row of pixels. Use PNG or BMP, which keep colours exactly.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ingest.decoding.decoder_pool import Decoders
from ingest.interfaces import STANDARD, Crops, DetectedFace, RgbImage
from ingest.networks.models import Models

DECODERS = Decoders()  # real ones, of all tests together: starting one takes a tenth of a second
SQUARE_PX = 60
DIM = 512


def colour(person: int) -> tuple[int, int, int]:
    """The colour that stands for a person, 0 to 999."""
    return 40 + person % 200, 30 + 7 * (person // 200), 90


def picture(*people: int, square_px: Sequence[int] = (), seed: int = 0) -> Image.Image:
    """A picture with one square for each of *people*; *seed* makes its content unique."""
    sizes = list(square_px) or [SQUARE_PX] * len(people)
    width = 20 + sum(size + 20 for size in sizes)
    pixels = np.full((max([*sizes, 0]) + 60, max(width, 64), 3), 255, np.uint8)
    pixels[-1, :3] = [[seed % 256, seed // 256 % 256, seed // 65536]] * 3
    pixels[0, 0, 0] = len(people)
    left = 20
    for number, (person, size) in enumerate(zip(people, sizes, strict=True)):
        pixels[0, number + 1] = (left // 256, left % 256, size)
        pixels[20 : 20 + size, left : left + size] = colour(person)
        left += size + 20
    return Image.fromarray(pixels)


def save_picture(path: Path, *people: int, seed: int = 0) -> Path:
    """Write a picture at once under its final name, by way of an ignored one."""
    partial = path.with_name(path.name + ".tmp")
    picture(*people, seed=seed).save(partial, format="PNG")
    partial.replace(path)
    return path


def save_gathering(folder: Path) -> None:
    """24 people, five of them on each of 24 pictures: the fewest that may be calibrated on."""
    for photo in range(24):
        together = [(photo + step) % 24 for step in (0, 3, 7, 12, 18)]
        save_picture(folder / f"{photo}.png", *together, seed=photo)


class FakeDetector:
    """Finds the squares of picture(); nothing in other images."""

    def __init__(self) -> None:
        self.images_seen = 0

    def detect(self, images: Sequence[RgbImage]) -> list[list[DetectedFace]]:
        self.images_seen += len(images)
        return [self._squares(image) for image in images]

    def _squares(self, image: RgbImage) -> list[DetectedFace]:
        count = int(image[0, 0, 0])
        if count == 255:
            return []
        faces = []
        for number in range(count):
            high, low, size = (int(value) for value in image[0, number + 1])
            left = 256 * high + low
            box = (float(left), 20.0, float(left + size), 20.0 + size)
            faces.append(DetectedFace(box, 0.99, ((float(left), 20.0),) * 5))
        return sorted(faces, key=lambda face: (face.box[1] - face.box[3], face.box))


class FakeEncoder:
    """Gives each colour a direction of its own: different ones are about 90 degrees apart."""

    model_id = "fake-1"
    dim = DIM
    framing = STANDARD

    def __init__(self, model_id: str = "fake-1", salt: int = 0) -> None:
        self.model_id = model_id
        self._salt = salt

    def encode(self, crops: Crops) -> NDArray[np.float32]:
        raw = np.empty((len(crops), DIM), np.float32)
        for row, crop in zip(raw, crops, strict=True):
            red, green, blue = (int(value) for value in crop[80, 80])
            row[:] = np.random.default_rng([self._salt, red, green, blue]).normal(size=DIM)
        return raw


class HastyEncoder(FakeEncoder):
    """Takes persons 0 and 1 for one, 2 and 3 for another, and so on; knows the rest apart."""

    def encode(self, crops: Crops) -> NDArray[np.float32]:
        """See FakeEncoder."""
        merged = crops.copy()
        merged[..., 0] -= (merged[..., 0] - 40) % 2  # colour()
        return super().encode(merged)


def hasty_models(model_id: str = "hasty-1") -> Models:
    return Models(FakeDetector(), HastyEncoder(model_id), DECODERS)


def fake_models(model_id: str = "fake-1", salt: int = 0) -> Models:
    return Models(FakeDetector(), FakeEncoder(model_id, salt), DECODERS)


class BusyDetector(FakeDetector):
    """Does something once while the worker has files in hand: they are read, not yet committed."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self._act: Callable[[], None] | None = act
        self._lock = threading.Lock()

    def detect(self, images: Sequence[RgbImage]) -> list[list[DetectedFace]]:
        with self._lock:
            act, self._act = self._act, None
        if act is not None:
            act()
        return super().detect(images)


def expected_vector(person: int) -> NDArray[np.float32]:
    """What the fake encoder says of a person, (1, 512)."""
    crops = np.empty((1, 160, 160, 3), np.uint8)
    crops[:] = np.asarray(picture(person))[50, 50]
    return FakeEncoder().encode(crops)
