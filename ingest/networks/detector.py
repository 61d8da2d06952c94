"""Find faces with MTCNN in photos reduced to a size that bounds the work."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from index.base.turns import quarter_turns
from index.counting.key_faces import KEY_HEIGHT_SHARE, KEY_PROBABILITY, is_cut_off
from ingest.decoding.sizes import share_for
from ingest.interfaces import MIN_FACE_PX, DetectedFace, RgbImage
from ingest.networks.cascade import Candidates, Cascade, Found
from ingest.networks.summed_area import FloatArray
from ingest.networks.turning import LIKELY, TURNS, best_of, turned_back

EDGES_PX = (1024, 2048)  # longest edges of the first look and of the second; see share_for
BLOCK_PIXELS = 3_000_000  # 48 MB of summed-area tables


class MtcnnDetector:
    """MTCNN on reduced images, with a second, larger look where reducing could hide key faces.

    The first look misses faces of less than `MIN_FACE_PX` in the reduced image. That loses no key
    face as long as the largest face found is twice as high; otherwise it looks again at a larger
    image.

    MTCNN finds upright faces. An image without a likely one is looked at in all four turns, reduced
    to the first edge. Any other, and any larger one, is looked at in those turns in which something
    that the cascade took for no sure face looks like one. Safe to call from several threads.
    """

    def __init__(self, folder: Path, *, device: str = "cpu") -> None:
        """Load MTCNN; *folder* and *device* as in `Cascade`."""
        self._cascade = Cascade(folder, device=device)

    def detect(self, images: Sequence[RgbImage]) -> list[list[DetectedFace]]:
        """Return each image's faces; see `Detector`. *images*: (H, W, 3) uint8, any sizes."""
        results: list[list[DetectedFace]] = [[] for _ in images]
        pending = list(range(len(images)))
        for edge in EDGES_PX:
            for block in _blocks(images, pending, edge):
                self._detect_block(images, block, edge, results)
            pending = [i for i in pending if self._hides_faces(images[i], results[i], edge)]
        return results

    def _detect_block(
        self,
        images: Sequence[RgbImage],
        block: Sequence[int],
        edge: int,
        results: list[list[DetectedFace]],
    ) -> None:
        """Detect in the images numbered *block*, reduced to *edge*, and store into *results*."""
        reduced = [_reduce(images[i], edge) for i in block]
        sizes = [(images[i].shape[1], images[i].shape[0]) for i in block]
        found = self._cascade(reduced, MIN_FACE_PX)
        looks = [{0: faces} for faces in _faces(found, reduced, sizes)]
        lost = set()
        if edge == EDGES_PX[0]:
            lost = {page for page, look in enumerate(looks) if not _has_likely(look[0])}
        wanted = {(page, turn) for page in lost for turn in TURNS}
        wanted |= self._cascade.leads(
            found, [page for page in range(len(block)) if page not in lost]
        )
        wanted |= {(page, turn) for page, i in enumerate(block) for turn in _turns(results[i])}
        for turn in TURNS:
            pages = [page for page in range(len(block)) if (page, turn) in wanted]
            turned = [np.rot90(reduced[page], turn) for page in pages]
            flat = [sizes[page][::-1] if turn % 2 else sizes[page] for page in pages]
            again = _faces(self._cascade(turned, MIN_FACE_PX), turned, flat) if pages else []
            for page, faces in zip(pages, again, strict=True):
                looks[page][turn] = [turned_back(face, turn, sizes[page]) for face in faces]
        for page, number in enumerate(block):
            faces = best_of(looks[page])
            results[number] = sorted(faces, key=lambda face: (-_area(face), face.box))

    def _hides_faces(self, image: RgbImage, faces: Sequence[DetectedFace], edge: int) -> bool:
        """Tell whether a larger look could find a key face that is too small at *edge*."""
        share = _share(image, edge)
        if share == 1:
            return False
        size = (image.shape[1], image.shape[0])
        whole = [face for face in faces if not is_cut_off(face.box, size)]
        tallest = max((f.height for f in whole if f.probability >= KEY_PROBABILITY), default=0.0)
        return bool(tallest * KEY_HEIGHT_SHARE * share < MIN_FACE_PX)


def _faces(
    found: Found, reduced: Sequence[RgbImage], sizes: Sequence[tuple[int, int]]
) -> list[list[DetectedFace]]:
    """The faces found in each of *reduced*, in pixels of the full image of that (width, height)."""
    return [
        _stretched(
            found.faces[np.flatnonzero(found.faces.owners == page)],
            (width / image.shape[1], height / image.shape[0]),
        )
        for page, (image, (width, height)) in enumerate(zip(reduced, sizes, strict=True))
    ]


def _stretched(found: Candidates, ratio: tuple[float, float]) -> list[DetectedFace]:
    """Turn one image's candidates into faces, stretched by *ratio* (x, y)."""
    scale = np.array([*ratio, *ratio], np.float32)
    boxes: FloatArray = found.boxes * scale
    points = found.extras.reshape(-1, 2, 5).transpose(0, 2, 1) * scale[:2]
    return [
        DetectedFace(
            (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
            float(score),
            tuple((float(x), float(y)) for x, y in marks),
        )
        for box, score, marks in zip(boxes, found.scores, points, strict=True)
    ]


def _has_likely(faces: Sequence[DetectedFace]) -> bool:
    return any(face.probability >= LIKELY for face in faces)


def _turns(faces: Sequence[DetectedFace]) -> set[int]:
    """The turns that bring these faces upright."""
    return set(quarter_turns(np.array([face.landmarks for face in faces], np.float32)).tolist())


def _area(face: DetectedFace) -> float:
    """Return the box's area in square pixels."""
    return (face.box[2] - face.box[0]) * (face.box[3] - face.box[1])


def _share(image: RgbImage, edge: int) -> float:
    """How far an image shrinks for a look at *edge*."""
    return share_for((image.shape[1], image.shape[0]), edge)


def _reduce(image: RgbImage, edge: int) -> RgbImage:
    """Shrink by area for a look at *edge*; smaller images come back as they are."""
    height, width = image.shape[:2]
    share = _share(image, edge)
    if share == 1:
        return image
    size = (max(1, round(width * share)), max(1, round(height * share)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))


def _blocks(images: Sequence[RgbImage], numbers: Sequence[int], edge: int) -> Iterator[list[int]]:
    """Split *numbers* into blocks of bounded size, equal sizes side by side."""
    block: list[int] = []
    pixels = 0
    for number in sorted(numbers, key=lambda i: images[i].shape):
        height, width = images[number].shape[:2]
        share = _share(images[number], edge) ** 2
        if block and pixels + height * width * share > BLOCK_PIXELS:
            yield block
            block, pixels = [], 0
        block.append(number)
        pixels += int(height * width * share)
    if block:
        yield block
