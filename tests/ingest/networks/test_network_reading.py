"""Networks of other formats: read, fitted to crops, refused with a reason. They are made here."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from index.base.errors import ModelUnavailableError
from ingest.networks.encoder import NetworkEncoder
from ingest.networks.recogniser import Recogniser

pytestmark = pytest.mark.models

EDGE = 16
DIM = 5
CHANNELS = np.array([1, 10, 100], np.float32)  # so that it matters which is which
Describe = Callable[..., Recogniser]


@pytest.fixture
def describe(tmp_path: Path) -> Describe:
    """Saves a network beside a description of it; see network() for the arguments."""

    def make(
        shape: Sequence[int], *, reshape: Sequence[int] = (-1, DIM), **changes: object
    ) -> Recogniser:
        path = tmp_path / "own.xml"
        ov.save_model(network(shape, reshape), path, compress_to_fp16=False)
        given = {
            "name": "own", "file": "own.xml", "sha256": digest(path), "input_px": EDGE,
            "channels": "RGB", "mean": 100, "scale": 2, "crop": "landmarks", "folder": tmp_path,
        }  # fmt: skip
        return Recogniser.model_validate(given | changes)

    return make


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def network(shape: Sequence[int], reshape: Sequence[int]) -> ov.Model:
    """Sums each face's pixels, weighted by channel, and gives the sum DIM times.

    Args:
        reshape: the shape that its last reshape is fixed to.
    """
    given = ops.parameter(list(shape), np.float32, name="faces")
    first = len(shape) == 4 and shape[1] == 3
    weights = CHANNELS.reshape((1, 3, 1, 1) if first else (1, 1, 1, 3))
    total = ops.reduce_sum(ops.multiply(given, ops.constant(weights)), ops.constant([1, 2, 3]))
    column = ops.reshape(total, ops.constant([-1, 1]), special_zero=False)
    wide = ops.multiply(column, ops.constant(np.ones((1, DIM), np.float32)))
    last = ops.reshape(wide, ops.constant(list(reshape)), special_zero=False)
    return ov.Model([ops.result(last)], [given])


def expected(crops: np.ndarray, mean: object, scale: float, channels: str = "RGB") -> np.ndarray:
    seen = (crops.astype(np.float64) - np.array(mean)) / scale
    order = CHANNELS if channels == "RGB" else CHANNELS[::-1]
    return (seen * order).sum((1, 2, 3))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
@pytest.mark.parametrize(
    ("shape", "reshape"),
    [
        ((-1, 3, EDGE, EDGE), (-1, DIM)),
        ((-1, EDGE, EDGE, 3), (-1, DIM)),
        ((1, EDGE, EDGE, 3), (1, DIM)),
        ((1, 3, EDGE, EDGE), (1, -1)),  # as PyTorch exports view(1, -1)
        ((2, 3, EDGE, EDGE), (2, DIM)),  # as MobileFaceNet's
        ((2, 3, EDGE, EDGE), (2, -1)),
        ((-1, 3, -1, -1), (-1, DIM)),
    ],
)
def test_any_layout_and_batch_gives_an_embedding_a_face(
    describe: Describe, tmp_path: Path, shape: Sequence[int], reshape: Sequence[int], count: int
) -> None:
    crops = np.random.default_rng(count).integers(0, 255, (count, EDGE, EDGE, 3), np.uint8)
    encoder = NetworkEncoder(describe(shape, reshape=reshape), tmp_path, precision="f32")
    found = encoder.encode(crops)
    assert (encoder.dim, found.shape, found.dtype) == (DIM, (count, DIM), np.float32)
    wanted = np.repeat(expected(crops, 100, 2)[:, None], DIM, axis=1)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


@pytest.mark.parametrize("channels", ["RGB", "BGR"])
@pytest.mark.parametrize("mean", [(10.0, 20.0, 30.0), 127.5])
def test_pixels_go_in_as_the_description_says(
    describe: Describe, tmp_path: Path, channels: str, mean: object
) -> None:
    crops = np.random.default_rng(0).integers(0, 255, (3, EDGE, EDGE, 3), np.uint8)
    recogniser = describe((-1, 3, EDGE, EDGE), channels=channels, mean=mean, scale=128)
    found = NetworkEncoder(recogniser, tmp_path, precision="f32").encode(crops)[:, 0]
    seen = crops if channels == "RGB" else crops[..., ::-1]
    np.testing.assert_allclose(found, expected(seen, mean, 128), rtol=1e-4)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((-1, 3, 20, 20), "not 3 colours of 16 x 16 pixels"),
        ((-1, 4, EDGE, EDGE), "not 3 colours of 16 x 16 pixels"),
    ],
)
def test_a_network_for_other_input_is_refused(
    describe: Describe, tmp_path: Path, shape: Sequence[int], said: str
) -> None:
    with pytest.raises(ModelUnavailableError, match=said):
        NetworkEncoder(describe_any(describe, shape), tmp_path)


def describe_any(describe: Describe, shape: Sequence[int]) -> Recogniser:
    """A description of a network of any input, whose sum needs no weights."""
    made = describe((-1, 3, EDGE, EDGE))
    given = ops.parameter(list(shape), np.float32)
    total = ops.reduce_sum(given, ops.constant([2, 3]))
    path = Path(str(made.folder)) / made.file
    path.unlink()
    ov.save_model(ov.Model([ops.result(total)], [given]), path)
    return made.model_copy(update={"sha256": digest(path)})


def test_a_network_with_two_outputs_is_refused(describe: Describe, tmp_path: Path) -> None:
    made = describe((-1, 3, EDGE, EDGE))
    given = ops.parameter([-1, 3, EDGE, EDGE], np.float32)
    total = ops.reduce_sum(given, ops.constant([2, 3]))
    path = tmp_path / made.file
    path.unlink()
    ov.save_model(ov.Model([ops.result(total), ops.result(ops.exp(total))], [given]), path)
    with pytest.raises(ModelUnavailableError, match="1 inputs and 2 outputs"):
        NetworkEncoder(made.model_copy(update={"sha256": digest(path)}), tmp_path)


def test_an_output_that_is_no_list_of_numbers_is_refused(
    describe: Describe, tmp_path: Path
) -> None:
    made = describe((-1, 3, EDGE, EDGE))
    given = ops.parameter([-1, 3, EDGE, EDGE], np.float32)
    path = tmp_path / made.file
    path.unlink()
    ov.save_model(ov.Model([ops.result(ops.exp(given))], [given]), path)
    with pytest.raises(ModelUnavailableError, match="a list of numbers for each face"):
        NetworkEncoder(made.model_copy(update={"sha256": digest(path)}), tmp_path)


def test_a_file_that_is_no_network_is_refused(describe: Describe, tmp_path: Path) -> None:
    made = describe((-1, 3, EDGE, EDGE))
    path = tmp_path / "own.onnx"
    path.write_bytes(b"no network at all")
    other = made.model_copy(update={"file": path.name, "sha256": digest(path)})
    with pytest.raises(ModelUnavailableError, match="is no network that can be read"):
        NetworkEncoder(other, tmp_path)


def test_another_file_than_the_one_described_is_refused(describe: Describe, tmp_path: Path) -> None:
    made = describe((-1, 3, EDGE, EDGE)).model_copy(update={"sha256": "0" * 64})
    with pytest.raises(ModelUnavailableError, match=f"not {'0' * 64}"):
        NetworkEncoder(made, tmp_path)
    (tmp_path / made.file).unlink()
    with pytest.raises(ModelUnavailableError, match="is in neither its folder nor"):
        NetworkEncoder(made, tmp_path)
