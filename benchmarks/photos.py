"""Chooses photos and puts them into a drop folder, in their own or other sizes."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}


def photos_in(folder: Path, limit: int) -> list[Path]:
    """At most *limit* photos, evenly spread over *folder*."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    return found[:: max(1, len(found) // limit)][:limit]


def lay_out(
    paths: Sequence[Path], megapixels: Sequence[float], copies: int, inbox: Path
) -> list[Path]:
    """Put copies of the photos into *inbox*, enlarged or reduced if sizes are given.

    Each copy differs from the others in its last bytes, since known content is not analysed again.
    """
    inbox.mkdir(parents=True)
    laid: list[Path] = []
    for number, path in enumerate(paths):
        for size in megapixels or [0.0]:
            target = inbox / f"{number:05d}-{size:g}mp{path.suffix if not size else '.jpg'}"
            if size:
                enlarge(path, size, target)
            else:
                shutil.copyfile(path, target)
            laid.append(target)
    for target in list(laid):
        for copy in range(1, copies):
            again = target.with_name(f"{target.stem}-{copy}{target.suffix}")
            again.write_bytes(target.read_bytes() + b"%d" % copy)
            laid.append(again)
    return laid


def enlarge(path: Path, megapixels: float, target: Path) -> None:
    """Write a photo as JPEG with so many millions of pixels."""
    with Image.open(path) as image:
        scale = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
        shape = (round(image.width * scale), round(image.height * scale))
        resized = image.convert("RGB").resize(shape, Image.Resampling.LANCZOS)
    resized.save(target, quality=90)
