"""The real encoder on drawn portraits."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray

from index.vectors.space import Space, shipped_profile
from ingest.interfaces import CROP_PX, Crops
from ingest.networks.encoder import NetworkEncoder
from ingest.networks.models import Models
from ingest.networks.network_files import network_file
from ingest.networks.recogniser import Recogniser
from tests.ingest.portraits import PEOPLE, PHOTOS, Vectors, cosines

pytestmark = [pytest.mark.models, pytest.mark.timeout(300)]


def test_embeddings_are_raw_numbers_of_the_right_shape(models: Models, crops: Crops) -> None:
    found = models.encoder.encode(crops)
    assert found.shape == (len(crops), 512)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    lengths = np.linalg.norm(found, axis=1)
    assert lengths.std() > 0.01  # not normalised: they are centred first
    assert models.encoder.encode(crops[:0]).shape == (0, 512)


def test_an_embedding_does_not_depend_on_its_batch(models: Models, crops: Crops) -> None:
    many = np.concatenate([crops, crops, crops])
    together = models.encoder.encode(many)
    for size in (1, 2, 5, 12):
        parts = [models.encoder.encode(many[at : at + size]) for at in range(0, len(many), size)]
        np.testing.assert_array_equal(np.concatenate(parts), together, f"batches of {size}")


def test_threads_may_embed_and_detect_at_once(
    models: Models, crops: Crops, pixels: list[NDArray[np.uint8]]
) -> None:
    expected = models.encoder.encode(crops), models.detector.detect(pixels)
    with ThreadPoolExecutor(4) as pool:
        vectors = [pool.submit(models.encoder.encode, crops) for _ in range(6)]
        faces = [pool.submit(models.detector.detect, pixels) for _ in range(6)]
        for done in vectors:
            np.testing.assert_array_equal(done.result(), expected[0])
        assert all(done.result() == expected[1] for done in faces)


def test_photos_of_one_person_are_nearer_than_those_of_two(models: Models, crops: Crops) -> None:
    space = Space.calibrated(shipped_profile("facenet", 512))
    unit = space.unit(models.encoder.encode(crops)).astype(np.float64)
    distances = 1 - unit @ unit.T
    person = np.repeat(np.arange(len(PEOPLE)), PHOTOS)
    same = person[:, None] == person[None, :]
    off_diagonal = ~np.eye(len(person), dtype=np.bool_)
    assert distances[same & off_diagonal].max() < 0.15 < distances[~same].min()


def graph_vectors(graph_file: Path, crops: Crops) -> Vectors:
    """What the shipped graph itself says, run by OpenVINO: vectors of length 1."""
    core = ov.Core()
    graph = core.read_model(str(graph_file))
    entry = next(given for given in graph.inputs if len(given.partial_shape) == 4)
    graph.reshape({entry: [1, CROP_PX, CROP_PX, 3]})
    compiled = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = []
    for crop in crops:
        given = (crop[None].astype(np.float32) - 127.5) / 128
        found.append(next(iter(compiled({entry.get_any_name(): given}).values()))[0])
    return np.stack(found)


def test_the_converted_net_agrees_with_the_shipped_graph(
    facenet: Recogniser, models: Models, crops: Crops, models_folder: Path
) -> None:
    noise = np.random.default_rng(3).integers(0, 255, (4, CROP_PX, CROP_PX, 3), np.uint8)
    both = np.concatenate([crops, noise])
    expected = graph_vectors(network_file(facenet, models_folder), both)
    np.testing.assert_allclose(np.linalg.norm(expected, axis=1), 1, atol=1e-3)
    exact = NetworkEncoder(facenet, models_folder / "weights", precision="f32").encode(both)
    assert cosines(exact, expected).min() > 0.99999
    assert cosines(models.encoder.encode(both), expected).min() > 0.999


def test_torch_and_openvino_agree(facenet: Recogniser, crops: Crops, models_folder: Path) -> None:
    exact = NetworkEncoder(facenet, models_folder / "weights", precision="f32").encode(crops[:4])
    folder = models_folder / "weights"
    plain = NetworkEncoder(facenet, folder, device="cpu:0")  # torch, whatever the processor
    np.testing.assert_allclose(plain.encode(crops[:4]), exact, atol=2e-3)
