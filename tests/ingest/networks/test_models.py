"""The models of a generation, and what they count."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from index.base.choices import DistanceScale
from index.base.errors import ModelUnavailableError
from index.base.settings import Settings
from index.counting.question import build_question
from index.database.engine import Database
from index.vectors.space import shipped_profile
from ingest.jobs.direct_count import DirectCount
from ingest.networks.models import load_generation, load_models, open_generation
from tests.ingest.portraits import PHOTOS

pytestmark = [pytest.mark.models, pytest.mark.timeout(300)]


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
    plain = {"threshold": "0.15", "linkage": "single"}  # see tests/commands/test_with_models.py
    assert count(direct, portraits, **plain) == 4
    assert count(direct, portraits[::-1], **plain) == 4
    assert count(direct, portraits[:PHOTOS], **plain) == 1
    assert count(direct, portraits[::PHOTOS], **plain) == 4


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


# --- the generation's models ---------------------------------------------------------------------


DESCRIPTION = """
name = "tiny"
file = "tiny.xml"
sha256 = "{sha256}"
input_px = 112
channels = "RGB"
mean = 127.5
scale = 128
crop = "landmarks"
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The folder of tiny.toml, a description of a network that gives a face's mean colour."""
    folder = tmp_path / "networks"
    folder.mkdir()
    given = ops.parameter([1, 3, 112, 112], np.float32)
    mean = ops.reduce_mean(given, ops.constant([2, 3]))
    flat = ops.reshape(mean, ops.constant([1, -1]), special_zero=True)
    ov.save_model(ov.Model([ops.result(flat)], [given]), folder / "tiny.xml")
    digest = hashlib.sha256((folder / "tiny.xml").read_bytes()).hexdigest()
    (folder / "tiny.toml").write_text(DESCRIPTION.format(sha256=digest))
    return folder


def test_a_network_of_ones_own_is_used_through_the_settings_alone(
    database: Database,
    real_settings: Settings,
    tiny: Path,
    portraits: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a relative path, which the library keeps as an absolute one: services start elsewhere."""
    monkeypatch.chdir(tiny)
    settings = real_settings.model_copy(update={"model": "tiny.toml"})
    generation, models = open_generation(database, settings)
    (image,) = models.analyse([(b"", portraits[0].read_bytes())], settings.max_megapixels)
    assert not isinstance(image, Exception)
    (face,) = image.faces
    assert face.embedding.shape == (3,)
    assert generation.model == str(tiny / "tiny.toml")
    monkeypatch.chdir(tiny.parent)
    again, models = open_generation(database, settings)
    assert again == generation
    assert models.encoder.model_id.startswith("tiny-")


def test_the_first_generation_is_made_of_the_settings_and_opened_again(
    database: Database, real_settings: Settings
) -> None:
    first, _ = open_generation(database, real_settings)
    assert first.model == "facenet"
    assert first.profile == shipped_profile("facenet", 512).to_json()
    again, models = open_generation(database, real_settings)
    assert again == first
    assert models.encoder.model_id == first.model_id


def test_a_library_of_another_file_is_not_opened_with_this_one(
    database: Database, real_settings: Settings
) -> None:
    first, _ = open_generation(database, real_settings)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE generations SET model_id = 'facenet-0123'")
    with pytest.raises(ModelUnavailableError, match=r"facenet-0123.*person-count reindex"):
        open_generation(database, real_settings)
    assert load_generation(real_settings, first).encoder.model_id == first.model_id


def test_another_model_in_the_settings_change_nothing_but_are_mentioned(
    database: Database, real_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    first, _ = open_generation(database, real_settings)
    changed = real_settings.model_copy(update={"model": "mobilefacenet"})
    again, _ = open_generation(database, changed)
    assert again == first
    assert "model.differs" in caplog.text


def test_a_folder_for_networks_that_cannot_be_used_is_a_clear_error(settings: Settings) -> None:
    """As one that another user made; modes would not keep root out."""
    (settings.data / "weights").write_text("a file")
    with pytest.raises(
        ModelUnavailableError, match=r"cannot be read or kept: File exists: .*/weig"
    ):
        load_models(settings, "facenet")
