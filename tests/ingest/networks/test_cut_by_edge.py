"""Faces that the edge of the photo cuts: grey stands where the photo ends."""

from collections.abc import Sequence
from itertools import starmap
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from index.base.choices import DistanceScale
from index.counting.key_faces import KEY_PROBABILITY, is_cut_off
from index.vectors.space import Space, shipped_profile
from ingest.decoding.crops import cut_faces
from ingest.interfaces import DetectedFace
from ingest.networks.boxes import pixels_to_show
from ingest.networks.models import Models
from ingest.networks.summed_area import IntegralImages

Pixels = NDArray[np.uint8]

SIDES = ("left", "top", "right", "bottom")


def noise(height: int, width: int) -> Pixels:
    return np.random.default_rng(3).integers(0, 255, (height, width, 3), np.uint8)


BEYOND = {
    "left": (-20, 10, 30, 60),
    "top": (10, -24, 58, 24),
    "right": (70, 10, 130, 70),
    "bottom": (10, 50, 70, 110),
    "a corner": (-13, -13, 40, 40),
    "all sides": (-10, -30, 110, 90),
}


@pytest.mark.parametrize("edge", [24, 48])
@pytest.mark.parametrize("place", BEYOND)
def test_what_lies_beyond_the_photo_is_grey(place: str, edge: int) -> None:
    image = noise(80, 100)
    wide = np.full((80 + 200, 100 + 200, 3), 127, np.uint8)
    wide[100:-100, 100:-100] = image
    box = np.array([BEYOND[place]], np.int64)
    alone = np.zeros(1, np.int64)
    found = IntegralImages([image]).crop(alone, box, edge)
    expected = IntegralImages([wide]).crop(alone, box + 100, edge)
    np.testing.assert_allclose(found, expected, atol=0.51)  # 127 instead of 127.5


def test_a_crop_inside_the_photo_does_not_depend_on_one_that_reaches_beyond() -> None:
    photos = IntegralImages([noise(80, 100), noise(50, 60)])
    inside = np.array([[0, 0, 100, 80], [10, 20, 43, 53], [0, 0, 60, 50]], np.int64)
    beyond = np.array(list(BEYOND.values()), np.int64)
    owners = np.array([0, 0, 1], np.int64)
    alone = photos.crop(owners, inside, 24)
    both = photos.crop(
        np.concatenate([owners, np.zeros(len(beyond), np.int64)]),
        np.concatenate([inside, beyond]),
        24,
    )
    assert both[:3].tobytes() == alone.tobytes()


@pytest.mark.parametrize(
    ("box", "shown"),
    [
        pytest.param((10.5, 20.5, 40.5, 50.5), (9, 19, 40, 50), id="inside"),
        pytest.param((-2.9, 20.5, 28.0, 50.5), (0, 19, 28, 50), id="a little beyond: clipped"),
        pytest.param((-5.0, 20.5, 25.0, 50.5), (-6, 19, 25, 50), id="far beyond the left"),
        pytest.param((20.5, 40.5, 60.5, 95.5), (19, 39, 60, 95), id="far beyond the bottom"),
    ],
)
def test_only_boxes_that_reach_far_beyond_the_photo_are_padded(
    box: tuple[float, ...], shown: tuple[int, ...]
) -> None:
    sizes = np.array([100], np.int64), np.array([80], np.int64)
    (found,) = pixels_to_show(np.array([box], np.float32), *sizes)
    assert tuple(found) == shown


def cut(image: Pixels, face: DetectedFace, side: str, share: float) -> Pixels:
    """The photo without what lies beyond *share* of the face on one *side*."""
    x1, y1, x2, y2 = face.box
    width, height = share * (x2 - x1), share * (y2 - y1)
    if side in {"left", "right"}:
        at = round(x1 + width if side == "left" else x2 - width)
        return image[:, at:] if side == "left" else image[:, :at]
    at = round(y1 + height if side == "top" else y2 - height)
    return image[at:] if side == "top" else image[:at]


@pytest.fixture
def photos(faces_folder: Path) -> list[Pixels]:
    """One photo of each of six people."""
    folders = sorted(path for path in (faces_folder / "lfw").iterdir() if path.is_dir())[:6]
    return [np.asarray(Image.open(min(folder.iterdir())).convert("RGB")) for folder in folders]


def prominent(models: Models, photos: Sequence[Pixels]) -> list[DetectedFace]:
    """The face nearest to the middle of each photo."""
    found = []
    for image, faces in zip(photos, models.detector.detect(photos), strict=True):
        middle = np.array([image.shape[1], image.shape[0]]) / 2
        centres = [np.array(face.box).reshape(2, 2).mean(axis=0) for face in faces]
        apart = [float(np.abs(centre - middle).sum()) for centre in centres]
        found.append(faces[apart.index(min(apart))])
    return found


def units(
    models: Models, photos: Sequence[Pixels], faces: Sequence[DetectedFace]
) -> NDArray[np.float32]:
    space = Space(shipped_profile("facenet", models.encoder.dim), DistanceScale.CALIBRATED)
    framing = models.encoder.framing
    crops = [
        cut_faces(image, [face], framing).framed for image, face in zip(photos, faces, strict=True)
    ]
    return space.unit(models.encoder.encode(np.concatenate(crops)))


@pytest.mark.models
@pytest.mark.timeout(300)
@pytest.mark.parametrize("side", SIDES)
def test_a_face_of_which_three_tenths_are_cut_off_counts_and_joins_its_person(
    models: Models, photos: list[Pixels], side: str
) -> None:
    space = Space(shipped_profile("facenet", models.encoder.dim), DistanceScale.CALIBRATED)
    whole = prominent(models, photos)
    parts = [cut(image, face, side, 0.3) for image, face in zip(photos, whole, strict=True)]
    found = models.detector.detect(parts)
    keys = [[face for face in faces if face.probability >= KEY_PROBABILITY] for faces in found]
    assert [len(faces) for faces in keys] == [1] * len(photos)
    faces = [one for (one,) in keys]
    assert not any(
        is_cut_off(face.box, (part.shape[1], part.shape[0]))
        for face, part in zip(faces, parts, strict=True)
    )
    alike = (units(models, photos, whole) * units(models, parts, faces)).sum(axis=1)
    assert (alike > space.cut(0.2)).all()


@pytest.mark.models
@pytest.mark.timeout(300)
def test_whole_faces_and_their_vectors_are_what_they_were_without_padding(
    models: Models, photos: list[Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_of_them() -> tuple[list[list[DetectedFace]], bytes]:
        found = models.detector.detect(photos)
        framing = models.encoder.framing
        cuts = [
            cut_faces(image, faces, framing) for image, faces in zip(photos, found, strict=True)
        ]
        together = np.concatenate([one.framed for one in cuts])
        return found, models.encoder.encode(together).tobytes()

    padded = all_of_them()
    monkeypatch.setattr("ingest.decoding.crops.PADDED_FROM", np.inf)
    assert all_of_them() == padded


@pytest.mark.models
@pytest.mark.timeout(300)
def test_a_face_that_is_cut_off_hides_no_small_key_faces(
    models: Models, photos: list[Pixels]
) -> None:
    first, second = starmap(cut_square, zip(photos[:2], prominent(models, photos[:2]), strict=True))
    scene = np.full((1400, 2000, 3), 120, np.uint8)
    giant = np.asarray(Image.fromarray(first).resize((900, 900)))
    small = np.asarray(Image.fromarray(second).resize((110, 110)))
    scene[200:1100, :450] = giant[:, 450:]
    scene[500:610, 1400:1510] = small
    (faces,) = models.detector.detect([scene])
    assert any(1400 < face.box[0] < face.box[2] < 1510 for face in faces)


def cut_square(image: Pixels, face: DetectedFace) -> Pixels:
    """The face with half its size around it."""
    x1, y1, x2, y2 = face.box
    side = max(x2 - x1, y2 - y1)
    left, top = round((x1 + x2) / 2 - side), round((y1 + y2) / 2 - side)
    return image[max(top, 0) : round(top + 2 * side), max(left, 0) : round(left + 2 * side)]
