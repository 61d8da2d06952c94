"""The real MobileFaceNet, fetched as an operator would fetch it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from index.base.settings import Settings
from index.counting.weights import STEPS, weights_of
from index.vectors.space import Space, shipped_profile
from ingest.decoding.crops import align_faces
from ingest.interfaces import Crops
from ingest.jobs.direct_count import DirectCount
from ingest.networks.encoder import NetworkEncoder
from ingest.networks.models import Models, load_models
from ingest.networks.recogniser import Recogniser, describe
from tests.ingest.portraits import PEOPLE, PHOTOS, cosines
from tests.mobilefacenet import fetch_or_skip

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]
SCATTER = shipped_profile("mobilefacenet", 192).scatter


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return describe("mobilefacenet")


@pytest.fixture(scope="module")
def folder(recogniser: Recogniser, models_folder: Path) -> Path:
    """The folder with the networks, among them this one; skips where it cannot be fetched."""
    found = models_folder / "weights"
    fetch_or_skip(recogniser, found)
    return found


@pytest.fixture(scope="module")
def encoder(recogniser: Recogniser, folder: Path) -> NetworkEncoder:
    return NetworkEncoder(recogniser, folder)


@pytest.fixture(scope="module")
def aligned(models: Models, pixels: list[NDArray[np.uint8]]) -> Crops:
    """The aligned face of each portrait."""
    found = models.detector.detect(pixels)
    pairs = zip(pixels, found, strict=True)
    return np.concatenate([align_faces(image, [faces[0].landmarks], 112) for image, faces in pairs])


def test_embeddings_are_raw_numbers_of_the_networks_length(
    encoder: NetworkEncoder, aligned: Crops
) -> None:
    found = encoder.encode(aligned)
    assert (encoder.dim, found.shape, found.dtype) == (192, (len(aligned), 192), np.float32)
    assert np.isfinite(found).all()


def test_an_embedding_does_not_depend_on_its_batch(encoder: NetworkEncoder, aligned: Crops) -> None:
    many = np.concatenate([aligned] * 5)
    together = encoder.encode(many)
    for size in (1, 2, 3, 7):
        parts = [encoder.encode(many[at : at + size]) for at in range(0, len(many), size)]
        np.testing.assert_array_equal(np.concatenate(parts), together, f"batches of {size}")


def test_a_batch_of_any_size_gives_what_the_network_gives_for_two(
    recogniser: Recogniser, folder: Path, aligned: Crops
) -> None:
    """The network as shipped takes two faces at a time."""
    import openvino as ov  # noqa: PLC0415 - only here

    shipped = ov.Core().compile_model(
        folder / recogniser.file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    given = (aligned.astype(np.float32) - 127.5) / 128
    pairs = [shipped([given[at : at + 2]])[0].copy() for at in range(0, len(given), 2)]
    found = NetworkEncoder(recogniser, folder, precision="f32").encode(aligned)
    np.testing.assert_allclose(found, np.concatenate(pairs), atol=1e-4)


def test_less_precision_costs_no_accuracy(
    recogniser: Recogniser, folder: Path, encoder: NetworkEncoder, aligned: Crops
) -> None:
    exact = NetworkEncoder(recogniser, folder, precision="f32").encode(aligned)
    assert cosines(encoder.encode(aligned), exact).min() > 0.998


def test_threads_may_embed_at_once(encoder: NetworkEncoder, aligned: Crops) -> None:
    expected = encoder.encode(aligned)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: encoder.encode(aligned), range(8)):
            np.testing.assert_array_equal(found, expected)


def test_photos_of_one_person_are_nearer_than_those_of_two(
    encoder: NetworkEncoder, aligned: Crops
) -> None:
    space = Space.calibrated(shipped_profile("mobilefacenet", encoder.dim))
    unit = space.unit(encoder.encode(aligned)).astype(np.float64)
    distances = 1 - unit @ unit.T
    person = np.repeat(np.arange(len(PEOPLE)), PHOTOS)
    same = person[:, None] == person[None, :]
    off_diagonal = ~np.eye(len(person), dtype=np.bool_)
    assert distances[same & off_diagonal].max() < distances[~same].min()


def test_a_poor_face_has_a_shorter_embedding(encoder: NetworkEncoder, aligned: Crops) -> None:
    """Counting weighs faces by it; see index.counting.weights."""
    few = aligned[:, ::8, ::8]
    poor = few.repeat(8, axis=1).repeat(8, axis=2)
    norms = (np.linalg.norm(encoder.encode(some), axis=1) for some in (aligned, poor))
    clear, coarse = (weights_of(some, SCATTER) for some in norms)
    assert clear is not None
    assert coarse is not None
    assert (coarse < clear).all()
    assert STEPS / 2 < np.median(clear) < 2 * STEPS


def test_a_photo_goes_through_the_whole_of_it(
    folder: Path, models_folder: Path, portraits: list[Path]
) -> None:
    settings = Settings(inbox=models_folder / "inbox", data=models_folder, model="mobilefacenet")
    assert folder == settings.networks_folder
    models = load_models(settings, "mobilefacenet")
    (image,) = models.analyse([(b"", portraits[0].read_bytes())], settings.max_megapixels)
    assert not isinstance(image, Exception)
    (face,) = image.faces
    assert face.embedding.shape == (192,)
    counter = DirectCount(settings, None)
    assert counter.space.dim == 192
