"""MTCNN's three stages, each run over many photos at once.

Stage 1 scans an image pyramid, for all photos of one size together. Stages 2 and 3 look at the
candidates of all photos together, in blocks of fixed size, so that OpenVINO meets few shapes. The
weights come from facenet-pytorch; the arithmetic follows the same network, in float32.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino as ov

from index.counting.key_faces import KEY_HEIGHT_SHARE
from ingest.interfaces import RgbImage
from ingest.networks.boxes import (
    clip_to_pixels,
    move,
    nesting,
    pixels_to_show,
    spread,
    square,
    suppress,
    suppress_nested,
    window_boxes,
)
from ingest.networks.runtime import Net, OpenVinoNet, cores, kept
from ingest.networks.summed_area import FloatArray, IntArray, IntegralImages, SizeGroup, shrink
from ingest.networks.turning import SAME_PLACE, SURE, TURNS

# the values of facenet-pytorch
PROPOSE_LEAST = 0.6  # probability of a face
PYRAMID_FACTOR = 0.709  # from one level to the next: half the area
LEVEL_OVERLAP = 0.5  # above it the weaker of two boxes goes, within a level of the pyramid
OVERLAP = 0.7  # the same among boxes of all levels


@dataclass(frozen=True, slots=True)
class Look:
    """How stage 2 or 3 looks at candidates.

    Attributes:
        edge: side of a candidate's pixels.
        block: candidates a call, at most.
        least: probability of a face above which a candidate stays.
        extras: numbers that the net gives besides the probability.
    """

    edge: int
    block: int
    least: float
    extras: int


REFINE = Look(edge=24, block=64, least=0.7, extras=4)
OUTPUT = Look(edge=48, block=16, least=0.7, extras=14)

# A face that lies is seldom found, but of 185 the second net gave 183 at least LEAD_LEAST as they
# lay, and the last one LYING_LEAST once turned; of 185 who stand it gave that to one.
LEAD_LEAST = 0.1
LYING_LEAST = 0.95
CLUSTER = 0.5  # overlap of two such candidates of which one stands for both


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes of many photos: owners (k,) int64; boxes (k, 4), scores (k,), extras (k, m) float32."""

    owners: IntArray
    boxes: FloatArray
    scores: FloatArray
    extras: FloatArray

    def __getitem__(self, rows: IntArray) -> "Candidates":
        """Return the candidates numbered *rows*, in that order."""
        return Candidates(self.owners[rows], self.boxes[rows], self.scores[rows], self.extras[rows])


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in photos.

    Attributes:
        faces: their extras hold five x, then five y of landmarks.
        refined, judged: what the last two nets were shown, with their scores, also bad ones.
    """

    faces: Candidates
    photos: IntegralImages
    refined: Candidates
    judged: Candidates


class Cascade:
    """The three nets and the steps between them. Safe to call from several threads."""

    def __init__(self, folder: Path, *, device: str = "cpu") -> None:
        """Load the nets.

        Args:
            folder: where converted nets are kept.
            device: "cpu" (OpenVINO), or a device of torch.
        """
        self._pnet = _load("pnet", device, folder)
        self._rnet = _load("rnet", device, folder)
        self._onet = _load("onet", device, folder)

    def __call__(self, images: Sequence[RgbImage], min_face_px: float) -> Found:
        """Find faces at least *min_face_px* high."""
        photos = IntegralImages(images)
        found = self._propose(photos, min_face_px)
        found = found[suppress(found.boxes, found.scores, found.owners, OVERLAP)]
        found = _reshape(found, square(move(found.boxes, found.extras, inclusive=0.0)))
        refined = _judge(photos, found, self._rnet, REFINE)
        found = _good(refined, REFINE)
        found = found[suppress(found.boxes, found.scores, found.owners, OVERLAP)]
        found = _reshape(found, square(move(found.boxes, found.extras)))
        judged = _judge(photos, found, self._onet, OUTPUT)
        found = _good(judged, OUTPUT)
        points = _place_landmarks(found.boxes, found.extras[:, 4:])
        boxes = move(found.boxes, found.extras[:, :4])
        found = Candidates(found.owners, boxes, found.scores, points)
        faces = found[suppress_nested(found.boxes, found.scores, found.owners, OVERLAP)]
        return Found(faces, photos, refined, judged)

    def leads(self, found: Found, numbers: Sequence[int]) -> set[tuple[int, int]]:
        """Which of the photos *numbers* show a face after which turn, as (photo, turn).

        Only faces at least half as tall as the tallest sure one are told. The last two nets look
        once more, in each turn, at what they took for no sure face as it stood.
        """
        judged = found.judged[np.flatnonzero(np.isin(found.judged.owners, numbers))]
        sure = judged[np.flatnonzero(judged.scores >= SURE)]
        unsure = _apart(judged[np.flatnonzero(judged.scores < SURE)], sure)
        scores = found.refined.scores
        was_dropped = (scores >= LEAD_LEAST) & (scores <= REFINE.least)
        was_dropped &= np.isin(found.refined.owners, numbers)
        dropped = _apart(found.refined[np.flatnonzero(was_dropped)], sure)
        shown, turns = _turned(_join([_bare(unsure), _bare(dropped)]))
        rows = np.flatnonzero(
            _judge(found.photos, shown, self._rnet, REFINE, turns).scores > REFINE.least
        )
        shown, turns = shown[rows], turns[rows]
        lying = _judge(found.photos, shown, self._onet, OUTPUT, turns).scores
        likely = (lying >= LYING_LEAST) & (lying > shown.scores)
        return set(zip(shown.owners[likely].tolist(), turns[likely].tolist(), strict=True))

    def _propose(self, photos: IntegralImages, min_face_px: float) -> Candidates:
        """Run PNet over every level of every photo and suppress overlaps within each level."""
        parts = [_nothing(4)]
        levels = [np.empty(0, np.int64)]
        for group in photos.groups:
            for level, scale in enumerate(pyramid(group.height, group.width, min_face_px)):
                part = self._scan(group, scale)
                parts.append(part)
                levels.append(np.full(len(part.owners), level, np.int64))
        found = _join(parts)
        apart = spread(found.boxes, np.concatenate(levels))
        return found[suppress(apart, found.scores, found.owners, LEVEL_OVERLAP)]

    def _scan(self, group: SizeGroup, scale: float) -> Candidates:
        """Run PNet over one pyramid level of equal-sized photos."""
        small = shrink(group, int(group.height * scale + 1), int(group.width * scale + 1))
        (maps,) = self._pnet(small)
        pages, rows, columns = np.nonzero(maps[:, 0] >= PROPOSE_LEAST)
        values = maps[pages, :, rows, columns]
        boxes = window_boxes(rows, columns, scale)
        return Candidates(group.members[pages], boxes, values[:, 0].copy(), values[:, 1:])


def _judge(
    photos: IntegralImages,
    found: Candidates,
    net: Net,
    look: Look,
    turns: IntArray | None = None,
) -> Candidates:
    """Look at each candidate alone; give each a new score and new extras.

    Those that lie outside their photo are left out.

    Args:
        turns: (k,) how each one is turned before; None: not at all.
    """
    widths, heights = photos.widths[found.owners], photos.heights[found.owners]
    pixels = clip_to_pixels(found.boxes, widths, heights)
    rows = np.flatnonzero((pixels[:, 2:] > pixels[:, :2]).all(axis=1))
    shown = pixels_to_show(found.boxes, widths, heights)
    parts = [np.empty((0, 1 + look.extras), np.float32)]
    for start in range(0, len(rows), look.block):
        chosen = rows[start : start + look.block]
        crops = photos.crop(found.owners[chosen], shown[chosen], look.edge)
        if turns is not None:
            _turn(crops, turns[chosen])
        (values,) = net(_pad(crops, look.block))
        parts.append(values[: len(chosen)])
    values = np.concatenate(parts)
    return Candidates(found.owners[rows], found.boxes[rows], values[:, 0].copy(), values[:, 1:])


def _turned(found: Candidates) -> tuple[Candidates, IntArray]:
    """Each candidate once for each of TURNS, and (3 k,) that turn."""
    rows = np.arange(len(found.owners))
    return found[np.tile(rows, len(TURNS))], np.repeat(np.array(TURNS, np.int64), len(rows))


def _turn(crops: FloatArray, turns: IntArray) -> None:
    for turn in TURNS:
        some = turns == turn
        crops[some] = np.rot90(crops[some], turn, axes=(1, 2))


def _bare(found: Candidates) -> Candidates:
    return Candidates(found.owners, found.boxes, found.scores, found.extras[:, :0])


def _good(judged: Candidates, look: Look) -> Candidates:
    return judged[np.flatnonzero(judged.scores > look.least)]


def _apart(found: Candidates, sure: Candidates) -> Candidates:
    """Those of *found* that are apart from the *sure* faces of their photo, and half as tall.

    Of several in one place the most probable one stands for all.
    """
    tallest = np.zeros(1 + max(found.owners.max(initial=0), sure.owners.max(initial=0)))
    np.maximum.at(tallest, sure.owners, sure.boxes[:, 3] - sure.boxes[:, 1])
    tall = found.boxes[:, 3] - found.boxes[:, 1] >= KEY_HEIGHT_SHARE * tallest[found.owners]
    found = found[np.flatnonzero(tall)]
    same = found.owners[:, None] == sure.owners
    hits = same & (nesting(found.boxes, sure.boxes) > SAME_PLACE)
    found = found[np.flatnonzero(~hits.any(axis=1))]
    return found[suppress(found.boxes, found.scores, found.owners, CLUSTER)]


def pyramid(height: int, width: int, min_face_px: float) -> list[float]:
    """Return the scales at which PNet's 12-pixel window sees faces of *min_face_px* and larger."""
    scale = 12.0 / min_face_px
    short = min(height, width) * scale
    scales = []
    while short >= 12:  # noqa: PLR2004 - PNet's window
        scales.append(scale)
        scale *= PYRAMID_FACTOR
        short *= PYRAMID_FACTOR
    return scales


def _load(name: str, device: str, folder: Path) -> Net:
    """One of the nets, converted for the CPU once."""

    def convert() -> ov.Model:
        from ingest.networks import torch_nets  # noqa: PLC0415 - takes seconds

        return torch_nets.convert_mtcnn_stage(name)

    if device == "cpu":
        model = kept(f"mtcnn-{name}-2", convert, folder)
        return OpenVinoNet(model, precision="f32", streams=cores())
    from ingest.networks import torch_nets  # noqa: PLC0415 - likewise

    return torch_nets.TorchNet(torch_nets.mtcnn_stage(name), device)


def _pad(crops: FloatArray, block: int) -> FloatArray:
    """Fill up with empty crops to the next power of two, at most *block*, so that shapes repeat.

    There are at least two: OpenVINO runs a lone one with another kernel, which differs in the last
    bit.
    """
    rows = min(block, max(2, 1 << (len(crops) - 1).bit_length()))
    if rows == len(crops):
        return crops
    return np.concatenate([crops, np.zeros((rows - len(crops), *crops.shape[1:]), np.float32)])


def _place_landmarks(boxes: FloatArray, points: FloatArray) -> FloatArray:
    """Turn landmarks in box units (k, 10) into pixels (k, 10), x first."""
    size = boxes[:, 2:] - boxes[:, :2] + 1
    return np.repeat(size, 5, axis=1) * points + np.repeat(boxes[:, :2], 5, axis=1) - 1


def _reshape(found: Candidates, boxes: FloatArray) -> Candidates:
    return Candidates(found.owners, boxes, found.scores, found.extras)


def _nothing(extras: int) -> Candidates:
    """Return zero candidates."""
    empty = np.empty(0, np.float32)
    return Candidates(np.empty(0, np.int64), empty.reshape(0, 4), empty, empty.reshape(0, extras))


def _join(parts: Sequence[Candidates]) -> Candidates:
    """Put candidates of several levels into one."""
    return Candidates(
        np.concatenate([part.owners for part in parts]),
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.extras for part in parts]),
    )
