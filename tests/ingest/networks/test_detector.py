"""The real detector on drawn portraits."""

from pathlib import Path

import numpy as np
import pytest
import torch
from facenet_pytorch import MTCNN
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
from numpy.typing import NDArray
from PIL import Image

from index.base.errors import ModelUnavailableError
from index.base.turns import quarter_turns
from ingest.interfaces import MIN_FACE_PX, DetectedFace
from ingest.networks import network_files
from ingest.networks.models import Models
from ingest.networks.network_files import DETECTOR_SHA256, detector_weights
from ingest.networks.torch_nets import convert_mtcnn_stage, mtcnn_stage
from ingest.networks.turning import turned_back
from tests.ingest.portraits import flip

pytestmark = [pytest.mark.models, pytest.mark.timeout(300)]


def test_every_portrait_shows_one_face_and_it_is_probable(
    models: Models, pixels: list[NDArray[np.uint8]]
) -> None:
    for image, faces in zip(pixels, models.detector.detect(pixels), strict=True):
        assert len(faces) == 1
        (face,) = faces
        assert face.probability > 0.95
        x1, y1, x2, y2 = face.box
        middle = (x1 + x2) / 2, (y1 + y2) / 2
        assert abs(middle[0] - image.shape[1] / 2) < image.shape[1] / 4
        assert abs(middle[1] - image.shape[0] / 2) < image.shape[0] / 4
        assert len(face.landmarks) == 5
        assert all(x1 < x < x2 and y1 < y < y2 for x, y in face.landmarks)
        eyes, mouth = face.landmarks[:2], face.landmarks[3:]
        assert max(y for _, y in eyes) < min(y for _, y in mouth)


def test_faces_are_those_that_facenet_pytorch_finds(
    models: Models, pixels: list[NDArray[np.uint8]]
) -> None:
    reference = MTCNN(keep_all=True, min_face_size=MIN_FACE_PX)
    for image, faces in zip(pixels[::3], models.detector.detect(pixels[::3]), strict=True):
        with torch.inference_mode():
            boxes, probabilities, points = reference.detect(image, landmarks=True)
        assert len(faces) == len(boxes)
        for found, expected, most in (
            ([face.box for face in faces], boxes, 1.0),
            ([face.probability for face in faces], probabilities, 0.01),
            ([face.landmarks for face in faces], points, 1.0),
        ):
            wanted = np.asarray(expected, np.float64)
            np.testing.assert_allclose(np.asarray(found), wanted, atol=most)


@pytest.mark.parametrize(("name", "build"), [("pnet", PNet), ("rnet", RNet), ("onet", ONet)])
def test_a_net_that_scales_pixels_itself_gives_what_it_gave(
    name: str, build: type[torch.nn.Module]
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (3, 48, 48, 3)).astype(np.float32)
    pixels = torch.from_numpy(noise if build is not RNet else noise[:, :24, :24].copy())
    with torch.inference_mode():
        *shifts, scores = build()(((pixels - 127.5) / 128).permute(0, 3, 1, 2))
        (found,) = mtcnn_stage(name)(pixels)
    expected = torch.cat([scores[:, 1:2], *shifts], dim=1)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-5)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts a copy of MTCNN's files in the place of the installed ones; returns their folder."""
    data = tmp_path / "facenet_pytorch" / "data"
    data.mkdir(parents=True)
    for name in DETECTOR_SHA256:
        (data / f"{name}.pt").write_bytes(detector_weights(name))
    monkeypatch.setattr(network_files, "_package_folders", lambda _: [data.parent])
    return data


@pytest.mark.parametrize("name", DETECTOR_SHA256)
def test_a_net_whose_file_has_changed_is_not_loaded(installed: Path, name: str) -> None:
    mtcnn_stage(name)
    flip(installed / f"{name}.pt", at=-100)
    with pytest.raises(
        ModelUnavailableError, match=rf"{name}\.pt has SHA-256 .*; reinstall facenet"
    ):
        convert_mtcnn_stage(name)


def test_a_net_whose_file_is_missing_says_what_to_reinstall(installed: Path) -> None:
    (installed / "onet.pt").unlink()
    with pytest.raises(ModelUnavailableError, match=r"onet\.pt is not there: facenet-pytorch"):
        mtcnn_stage("onet")


def test_nothing_is_found_where_nothing_is(models: Models) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    empty = [np.full((200, 300, 3), grey, np.uint8) for grey in (0, 128, 255)]
    assert models.detector.detect([*empty, noise]) == [[], [], [], []]
    assert models.detector.detect([]) == []


@pytest.mark.parametrize("size", [(20, 20), (39, 400), (400, 39), (20, 2000), (40, 40)])
def test_images_too_small_for_a_face_are_no_failure(models: Models, size: tuple[int, int]) -> None:
    assert models.detector.detect([np.full((*size, 3), 200, np.uint8)]) == [[]]


def test_several_faces_come_largest_first(models: Models, pixels: list[NDArray[np.uint8]]) -> None:
    small = np.asarray(Image.fromarray(pixels[3]).resize((160, 160)))
    image = np.full((320, 520, 3), 127, np.uint8)
    image[:, 200:] = pixels[0]
    image[80:240, 20:180] = small
    (faces,) = models.detector.detect([image])
    assert len(faces) == 2
    assert faces[0].box[0] > 200 > faces[1].box[2]


def test_a_face_does_not_depend_on_the_other_images(
    models: Models, pixels: list[NDArray[np.uint8]]
) -> None:
    others = [np.full((90, 350, 3), 60, np.uint8), *pixels[5:]]
    alone = [models.detector.detect([image])[0] for image in pixels[:5]]
    assert models.detector.detect([*others, *pixels[:5]])[-5:] == alone
    assert models.detector.detect(pixels[:5][::-1])[::-1] == alone


def test_large_photos_are_searched_for_faces_of_their_size(
    models: Models, pixels: list[NDArray[np.uint8]]
) -> None:
    large = np.asarray(Image.fromarray(pixels[0]).resize((2400, 2400), Image.Resampling.BICUBIC))
    (small_face,), (large_face,) = models.detector.detect([pixels[0], large])
    scaled = np.array(small_face.box) * 2400 / 320
    np.testing.assert_allclose(large_face.box, scaled, atol=60)


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_faces_in_a_turned_photo_are_where_they_are_in_the_upright_one(
    models: Models, pixels: list[NDArray[np.uint8]], turn: int
) -> None:
    standing = models.detector.detect(pixels)
    lying = models.detector.detect([np.rot90(image, turn) for image in pixels])
    for image, expected, found in zip(pixels, standing, lying, strict=True):
        assert len(found) == len(expected)
        size = (image.shape[1], image.shape[0])
        for one, other in zip(expected, found, strict=True):
            assert turns_of(other) == -turn % 4
            np.testing.assert_allclose(turned_back(other, turn, size).box, one.box, atol=3)


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_one_person_who_lies_beside_another_who_stands_is_found(
    models: Models, people: list[NDArray[np.uint8]], turn: int
) -> None:
    one, other = people
    (faces,) = models.detector.detect([np.concatenate([one, np.rot90(other, turn)], axis=1)])
    assert sorted(turns_of(face) for face in faces) == sorted([0, -turn % 4])
    assert all(face.probability > 0.99 for face in faces)


def turns_of(face: DetectedFace) -> int:
    (turns,) = quarter_turns(np.array([face.landmarks])).tolist()
    return turns


@pytest.fixture
def people(faces_folder: Path) -> list[NDArray[np.uint8]]:
    """Photos of equal size of two people, who stand; drawn ones are less sure."""
    folders = sorted(path for path in (faces_folder / "lfw").iterdir() if path.is_dir())[:2]
    paths = [min(folder.iterdir()) for folder in folders]
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths]
