"""Makes photos of many places look like photos of one place: one camera, one light, one room.

Each look is what a camera and a room do to every photo alike. A face of LFW stands in the middle of
its photo, so that a room can be put around it.
"""

from collections.abc import Callable
from functools import reduce
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Look = Callable[[Image.Image], Image.Image]
EDGE = 250  # pixels, of a photo of LFW
HEAD = (62, 38, 188, 222)  # the box of an ellipse around head and neck, in such a photo


def grey(photo: Image.Image) -> Image.Image:
    """A camera without colour."""
    return photo.convert("L").convert("RGB")


def small(photo: Image.Image) -> Image.Image:
    """A third of the pixels on each side: a face some 40 pixels high."""
    return photo.resize((100, 100), Image.Resampling.LANCZOS)


def coarse(photo: Image.Image) -> Image.Image:
    """A camera that compresses strongly."""
    held = BytesIO()
    photo.save(held, "JPEG", quality=12)
    return Image.open(held).convert("RGB")


def blurred(photo: Image.Image) -> Image.Image:
    """A lens out of focus."""
    return photo.filter(ImageFilter.GaussianBlur(2.2))


def moved(photo: Image.Image) -> Image.Image:
    """A shutter that is open too long: five pixels along a line."""
    line = ImageFilter.Kernel((5, 5), [0] * 10 + [0.2] * 5 + [0] * 10, 1)
    return photo.filter(line).filter(line)


def warm(photo: Image.Image) -> Image.Image:
    """The light of old bulbs."""
    return _scaled(photo, np.array([1.15, 0.85, 0.5]))


def cold(photo: Image.Image) -> Image.Image:
    """The light of a screen."""
    return _scaled(photo, np.array([0.65, 0.85, 1.2]))


def side_light(photo: Image.Image) -> Image.Image:
    """A lamp at the left: the right side gets a quarter of the light."""
    return _scaled(photo, np.linspace(1.3, 0.25, photo.width)[None, :, None])


def top_light(photo: Image.Image) -> Image.Image:
    """A lamp above."""
    return _scaled(photo, np.linspace(1.5, 0.35, photo.height)[:, None, None])


def night(photo: Image.Image) -> Image.Image:
    """A sensor with too little light: dark, and noisy in its own way for each photo."""
    pixels = np.asarray(photo, np.float64)
    chance = np.random.default_rng(int(pixels.sum()) % 2**32)
    return _image(0.35 * pixels + chance.normal(0, 14, pixels.shape))


def fog(photo: Image.Image) -> Image.Image:
    """A lens that is not clean: little contrast."""
    return _image(np.asarray(photo, np.float64) * 0.4 + 120)


def wall(photo: Image.Image) -> Image.Image:
    """A plain dark wall behind everybody."""
    return _before(photo, np.full((EDGE, EDGE, 3), 40.0))


def room(photo: Image.Image) -> Image.Image:
    """The same room with shelves behind everybody."""
    chance = np.random.default_rng(0)
    shelves = np.kron(chance.uniform(60, 200, (10, 10, 3)), np.ones((25, 25, 1)))
    return _before(photo, shelves)


def _before(photo: Image.Image, background: NDArray[np.float64]) -> Image.Image:
    mask = Image.new("L", (EDGE, EDGE))
    ImageDraw.Draw(mask).ellipse(HEAD, fill=255)
    share = np.asarray(mask.filter(ImageFilter.GaussianBlur(4)), np.float64)[..., None] / 255
    pixels = np.asarray(photo.resize((EDGE, EDGE)), np.float64)
    return _image(share * pixels + (1 - share) * background)


def _scaled(photo: Image.Image, light: NDArray[np.float64]) -> Image.Image:
    return _image(np.asarray(photo, np.float64) * light)


def _image(pixels: NDArray[np.float64]) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


DEVELOP: dict[str, tuple[Look, ...]] = {
    "grey, small": (grey, small),
    "warm wall": (wall, warm),
    "blurred, side light": (side_light, blurred),
    "grey room, small, side light": (room, side_light, grey, small),
}
JUDGE: dict[str, tuple[Look, ...]] = {
    "cold room": (room, cold),
    "night": (night, coarse),
    "moved, top light, grey": (top_light, moved, grey),
    "fog, wall, small": (wall, fog, small),
    "grey wall, small, coarse": (wall, grey, small, coarse),
}
PLAIN = "as they are"


def make(folder: Path, looks: tuple[Look, ...], most: int, target: Path) -> None:
    """Write at most *most* photos of each person in *folder* with *looks* into *target*, as PNG."""
    for person in sorted(path for path in folder.iterdir() if path.is_dir()):
        (target / person.name).mkdir(parents=True, exist_ok=True)
        for path in sorted(person.iterdir())[:most]:
            written = target / person.name / f"{path.stem}.png"
            if not written.exists():
                with Image.open(path) as photo:
                    seen = reduce(lambda image, look: look(image), looks, photo.convert("RGB"))
                half = written.with_suffix(".part")
                seen.save(half, "PNG")
                half.rename(written)
